import type { Lsn } from '../../common/lsn';
import type { Change } from '../../pgoutput/messages/messages';
import type { RawChange } from '../../pgoutput/messages/raw-change';
import type { DescribedTable } from '../../pgoutput/messages/described-table';
import { Replay } from '../../pgoutput/decode/replay';
import type { Gathered, GatheringBudget } from './gathering-budget';
import { changesReleased, type Extent, type Spool } from './spool';

/** What is read at a time, unless one change is larger. The first blocks are smaller: there may be many small transactions. */
const BLOCK = 256 * 1024;
const FIRST_BLOCK = 1024;
/** Before each payload: its length, its subtransaction, and the number of its list of tables. */
const HEADER = 12;

const NOTHING = Buffer.alloc(0);

/** Bytes of whole recordings, one behind the other: in memory, or in the spool file. */
type Block = Buffer | Extent;

/** Frees the extents of transactions that were garbage-collected. */
const abandoned = new FinalizationRegistry<{ readonly spool: Spool; readonly extents: Extent[] }>(
  ({ spool, extents }) => {
    spool.free(extents);
    spool.leave(extents);
  },
);

/**
 * The changes of a transaction that is streamed, as they came. They are kept in memory as far as the budget of the operator
 * allows, and go to its spool file beyond that; they are read back as they are asked for, a block at a time.
 */
export class StreamedChanges implements Gathered {
  readonly #budget: GatheringBudget;
  readonly #blocks: Block[] = [];
  /** Those of the blocks that are in the file. */
  readonly #extents: Extent[] = [];
  /** What is being filled. */
  #block = NOTHING;
  #filled = 0;
  /** Bytes of all blocks in memory, with what is not filled yet. */
  #allocated = 0;
  /** The size of the largest extent. */
  #largest = 0;
  #spooled = false;
  #inBudget = true;
  #released = false;
  /** Whether a work has it, which may begin to read at any time. */
  #held = false;
  #readers = 0;
  readonly #tables: (readonly DescribedTable[])[] = [];
  readonly #numbers = new Map<readonly DescribedTable[], number>();
  /** By subtransaction: how many changes it has made. */
  readonly #counts = new Map<number, number>();
  readonly #aborted = new Set<number>();
  #size = 0;

  constructor(budget: GatheringBudget) {
    this.#budget = budget;
  }

  /** How many changes there are, without those that were aborted. */
  get size(): number {
    return this.#size;
  }

  get allocated(): number {
    return this.#allocated;
  }

  /** Bytes in memory, at most, once nothing more comes: of what is in the file, the largest block that is read. */
  get held(): number {
    return Math.max(this.#allocated, this.#largest);
  }

  /** The tables of all changes, those that were aborted as well. */
  get tables(): readonly string[] {
    return [...new Set(this.#tables.flat().map(({ message }) => message.table))];
  }

  /** Whether any of it went to the file. */
  get isSpooled(): boolean {
    return this.#spooled;
  }

  /** @throws {ReplicationError} `SPOOL_FAILED` */
  add({ xid, payload, relations }: RawChange): void {
    const length = HEADER + payload.length;
    if (this.#filled + length > this.#block.length) this.#nextBlock(length);
    const at = this.#filled;
    this.#block.writeUInt32BE(payload.length, at);
    this.#block.writeUInt32BE(xid, at + 4);
    this.#block.writeUInt32BE(this.#numberOf(relations), at + 8);
    payload.copy(this.#block, at + HEADER);
    this.#filled += length;
    this.#counts.set(xid, (this.#counts.get(xid) ?? 0) + 1);
    this.#size++;
  }

  /** What a subtransaction has done did not happen. */
  abort(xid: number): void {
    const count = this.#counts.get(xid);
    if (count === undefined) return;
    this.#counts.delete(xid);
    this.#aborted.add(xid);
    this.#size -= count;
  }

  /**
   * Nothing more will come.
   *
   * @throws {ReplicationError} `SPOOL_FAILED`
   */
  end(): void {
    this.#counts.clear();
    this.#numbers.clear();
    const size = this.#allocated - this.#block.length + this.#filled;
    if (this.#spooled || size > this.#budget.maxBytes) this.spill();
    else this.#cut();
  }

  /** It counts elsewhere from here on, and stays where it is. */
  leaveBudget(): void {
    if (this.#inBudget) this.#budget.remove(this);
    this.#inBudget = false;
  }

  spill(): void {
    this.#blocks.forEach((block, index) => {
      if (Buffer.isBuffer(block)) this.#blocks[index] = this.#write(block);
    });
    if (this.#filled > 0) this.#blocks.push(this.#write(this.#block.subarray(0, this.#filled)));
    this.#block = NOTHING;
    this.#filled = 0;
    this.#count(-this.#allocated);
  }

  /**
   * The changes that were not aborted.
   *
   * @throws {ReplicationError} `SPOOL_FAILED`, or `CHANGES_RELEASED` when they were in a file that is not there any more
   */
  *read(commitLsn: Lsn): Generator<Change, void, undefined> {
    const isOver = this.#spooled && !this.#held && this.#budget.spool.isOver;
    if (this.#released || isOver) throw changesReleased();
    this.#readers++;
    this.#enterOrLeave();
    try {
      const replay = new Replay(commitLsn);
      for (const block of this.#blocks) yield* this.#readBlock(this.#load(block), replay);
    } finally {
      this.#readers--;
      this.#freeIfDone();
      this.#enterOrLeave();
    }
  }

  /** A work has taken it, and may read until `release`, also once the stream is over. */
  hold(): void {
    this.#held = !this.#released;
    this.#enterOrLeave();
  }

  /** Nothing starts to read the changes any more. Those in memory can still be read. */
  release(): void {
    this.leaveBudget();
    this.#held = false;
    if (this.#spooled) this.#released = true;
    this.#freeIfDone();
    this.#enterOrLeave();
  }

  #enterOrLeave(): void {
    const { spool } = this.#budget;
    if (this.#held || this.#readers > 0) spool.enter(this.#extents);
    else spool.leave(this.#extents);
  }

  *#readBlock(block: Buffer, replay: Replay): Generator<Change, void, undefined> {
    for (let at = 0; at < block.length;) {
      const start = at + HEADER;
      const end = start + block.readUInt32BE(at);
      const isAborted = this.#aborted.has(block.readUInt32BE(at + 4));
      const relations = this.#tables[block.readUInt32BE(at + 8)] ?? [];
      at = end;
      if (!isAborted) yield replay.change(block, start, end, relations);
    }
  }

  #freeIfDone(): void {
    if (!this.#released || this.#readers > 0 || this.#extents.length === 0) return;
    abandoned.unregister(this);
    this.#budget.spool.free(this.#extents.splice(0));
  }

  #load(block: Block): Buffer {
    return Buffer.isBuffer(block) ? block : this.#budget.spool.read(block);
  }

  #write(bytes: Buffer): Extent {
    const { spool } = this.#budget;
    const extent = spool.write(bytes);
    if (!this.#spooled) abandoned.register(this, { spool, extents: this.#extents }, this);
    this.#spooled = true;
    this.#extents.push(extent);
    this.#largest = Math.max(this.#largest, extent.length);
    return extent;
  }

  /** Puts the present block away, and starts one with room for so many bytes. */
  #nextBlock(length: number): void {
    const full = this.#block;
    const usual = Math.min(Math.max(full.length * 2, FIRST_BLOCK), BLOCK);
    if (this.#spooled) this.spill();
    else if (full.length > 0) this.#blocks.push(full.subarray(0, this.#filled));
    this.#block = NOTHING;
    this.#filled = 0;
    const size = Math.max(usual, length);
    this.#budget.makeRoom(size);
    // One that was written can be filled anew; not one for a single large change, as it would be read as a whole.
    const isReusable = this.#spooled && full.length === size;
    this.#block = isReusable ? full : Buffer.allocUnsafeSlow(size);
    this.#count(size);
  }

  /** Gives back the room that was not filled. */
  #cut(): void {
    if (this.#filled === 0) return;
    const last = Buffer.allocUnsafeSlow(this.#filled);
    this.#block.copy(last);
    this.#blocks.push(last);
    this.#count(this.#filled - this.#block.length);
    this.#block = NOTHING;
    this.#filled = 0;
  }

  #count(bytes: number): void {
    this.#allocated += bytes;
    if (this.#inBudget) this.#budget.count(this, bytes);
  }

  #numberOf(relations: readonly DescribedTable[]): number {
    const known = this.#numbers.get(relations);
    if (known !== undefined) return known;
    const number = this.#tables.push(relations) - 1;
    this.#numbers.set(relations, number);
    return number;
  }
}
