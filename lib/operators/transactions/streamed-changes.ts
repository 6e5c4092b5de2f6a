import type { Lsn } from '../../common/lsn';
import type { Change } from '../../pgoutput/messages/messages';
import type { RawChange } from '../../pgoutput/messages/raw-change';
import type { DescribedTable } from '../../pgoutput/messages/described-table';
import { RawChangeDecoder } from '../../pgoutput/decode/raw-change-decoder';
import type { Gathered, GatheringBudget } from './gathering-budget';
import { createReleasedError, type Extent, type Spool } from './spool';

/** The block size in bytes, unless one change is larger. The first blocks are smaller, for many small transactions. */
const BLOCK = 256 * 1024;
const FIRST_BLOCK = 1024;
/** The header of each payload, in bytes: its length, its subtransaction, and the index of its list of tables. */
const HEADER = 12;

const EMPTY = Buffer.alloc(0);

/** A sequence of complete raw changes, in memory or in the spool file. */
type Block = Buffer | Extent;

/** Frees the extents of transactions that were garbage-collected. */
const abandoned = new FinalizationRegistry<{ readonly spool: Spool; readonly extents: Extent[] }>(
  ({ spool, extents }) => {
    spool.free(extents);
    spool.leave(extents);
  },
);

/**
 * The raw changes of a streamed transaction. They stay in memory within the budget of the operator, otherwise in its spool
 * file. Iterating reads one block at a time.
 */
export class StreamedChanges implements Gathered {
  readonly #budget: GatheringBudget;
  readonly #blocks: Block[] = [];
  /** The blocks that are in the file. */
  readonly #extents: Extent[] = [];
  /** The current block, which is being filled. */
  #block = EMPTY;
  #filled = 0;
  /** The bytes of all blocks in memory, including unused space. */
  #allocated = 0;
  /** The size of the largest extent, in bytes. */
  #largest = 0;
  #spooled = false;
  #inBudget = true;
  #released = false;
  /** Whether work of `ackAfter` holds it and may start to read at any time. */
  #held = false;
  #readers = 0;
  readonly #tables: (readonly DescribedTable[])[] = [];
  readonly #numbers = new Map<readonly DescribedTable[], number>();
  /** The number of changes by subtransaction. */
  readonly #counts = new Map<number, number>();
  readonly #aborted = new Set<number>();
  #size = 0;

  constructor(budget: GatheringBudget) {
    this.#budget = budget;
  }

  /** The number of changes, without aborted ones. */
  get size(): number {
    return this.#size;
  }

  get allocated(): number {
    return this.#allocated;
  }

  /** The maximum bytes in memory after `end`: for changes in the file, the largest block that is read. */
  get held(): number {
    return Math.max(this.#allocated, this.#largest);
  }

  /** The tables of all changes, including aborted ones. */
  get tables(): readonly string[] {
    return [...new Set(this.#tables.flat().map(({ message }) => message.table))];
  }

  /** Whether any block is or was in the file. */
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

  /** Discards the changes of a subtransaction. */
  abort(xid: number): void {
    const count = this.#counts.get(xid);
    if (count === undefined) return;
    this.#counts.delete(xid);
    this.#aborted.add(xid);
    this.#size -= count;
  }

  /**
   * Ends the adding of changes.
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

  /** Leaves the budget, because it counts against the window from here on. The blocks do not move. */
  leaveBudget(): void {
    if (this.#inBudget) this.#budget.remove(this);
    this.#inBudget = false;
  }

  spill(): void {
    this.#blocks.forEach((block, index) => {
      if (Buffer.isBuffer(block)) this.#blocks[index] = this.#write(block);
    });
    if (this.#filled > 0) this.#blocks.push(this.#write(this.#block.subarray(0, this.#filled)));
    this.#block = EMPTY;
    this.#filled = 0;
    this.#count(-this.#allocated);
  }

  /**
   * Decodes the changes that were not aborted.
   *
   * @throws {ReplicationError} `SPOOL_FAILED`, or `CHANGES_RELEASED` when the spool file has been closed
   */
  *read(commitLsn: Lsn): Generator<Change, void, undefined> {
    const isOver = this.#spooled && !this.#held && this.#budget.spool.isOver;
    if (this.#released || isOver) throw createReleasedError();
    this.#readers++;
    this.#enterOrLeave();
    try {
      const replay = new RawChangeDecoder(commitLsn);
      for (const block of this.#blocks) yield* this.#readBlock(this.#load(block), replay);
    } finally {
      this.#readers--;
      this.#freeIfDone();
      this.#enterOrLeave();
    }
  }

  /** Keeps the changes readable until `release`, even after the stream has ended. */
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

  *#readBlock(block: Buffer, replay: RawChangeDecoder): Generator<Change, void, undefined> {
    for (let at = 0; at < block.length;) {
      const start = at + HEADER;
      const end = start + block.readUInt32BE(at);
      const isAborted = this.#aborted.has(block.readUInt32BE(at + 4));
      const relations = this.#tables[block.readUInt32BE(at + 8)] ?? [];
      at = end;
      if (!isAborted) yield replay.decodeChange(block, start, end, relations);
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

  /** Stores the current block, and starts one with space for `length` bytes. */
  #nextBlock(length: number): void {
    const full = this.#block;
    const usual = Math.min(Math.max(full.length * 2, FIRST_BLOCK), BLOCK);
    if (this.#spooled) this.spill();
    else if (full.length > 0) this.#blocks.push(full.subarray(0, this.#filled));
    this.#block = EMPTY;
    this.#filled = 0;
    const size = Math.max(usual, length);
    this.#budget.makeRoom(size);
    // A block that was written to the file can be reused, except one for a single large change: blocks are read as a whole.
    const isReusable = this.#spooled && full.length === size;
    this.#block = isReusable ? full : Buffer.allocUnsafeSlow(size);
    this.#count(size);
  }

  /** Frees the unused space of the current block. */
  #cut(): void {
    if (this.#filled === 0) return;
    const last = Buffer.allocUnsafeSlow(this.#filled);
    this.#block.copy(last);
    this.#blocks.push(last);
    this.#count(this.#filled - this.#block.length);
    this.#block = EMPTY;
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
