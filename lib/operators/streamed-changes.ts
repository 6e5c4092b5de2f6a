import { ReplicationError } from '../errors';
import type { Lsn } from '../lsn';
import type { Change } from '../pgoutput/messages';
import type { Recording } from '../pgoutput/recording';
import type { CompiledRelation } from '../pgoutput/relations';
import { Replay } from '../pgoutput/replay';
import type { SpoolFile } from './spool-file';

/** What is written and read at a time, unless one change is larger. The first blocks are smaller, as most transactions are. */
const BLOCK = 256 * 1024;
const FIRST_BLOCK = 8 * 1024;
/** Before each payload: its length, its subtransaction, and the number of its list of tables. */
const HEADER = 12;

const NOTHING = Buffer.alloc(0);

/** Bytes of whole recordings, one behind the other: in memory, or in the spool file. */
type Block = Buffer | { readonly at: number; readonly length: number };

/**
 * The changes of a transaction that is streamed, as they came. Once they are more than may be kept in memory they go to a
 * spool file; they are read back as they are asked for, a block at a time.
 */
export class StreamedChanges {
  readonly #most: number;
  readonly #open: () => SpoolFile;
  readonly #blocks: Block[] = [];
  #block = NOTHING;
  #filled = 0;
  #inMemory = 0;
  /** Of what is read at a time. */
  #largest = BLOCK;
  #file: SpoolFile | undefined;
  #released = false;
  #readers = 0;
  readonly #tables: (readonly CompiledRelation[])[] = [];
  readonly #numbers = new Map<readonly CompiledRelation[], number>();
  /** By subtransaction: how many changes it has made. */
  readonly #counts = new Map<number, number>();
  readonly #aborted = new Set<number>();
  #size = 0;

  /**
   * @param most bytes to be kept in memory
   * @param open makes the spool file
   */
  constructor(most: number, open: () => SpoolFile) {
    this.#most = most;
    this.#open = open;
  }

  /** How many changes there are, without those that were aborted. */
  get size(): number {
    return this.#size;
  }

  /** Bytes in memory, at most: with a spool file those of the block that is being read. */
  get held(): number {
    return this.#file ? this.#largest : this.#inMemory;
  }

  get isSpooled(): boolean {
    return this.#file !== undefined;
  }

  /** @throws {ReplicationError} `SPOOL_FAILED` */
  add({ xid, payload, relations }: Recording): void {
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

  /** Nothing more will come. */
  end(): void {
    this.#putAway(Buffer.from(this.#block.subarray(0, this.#filled)));
    this.#block = NOTHING;
    this.#filled = 0;
    this.#counts.clear();
    this.#numbers.clear();
  }

  /**
   * The changes that were not aborted.
   *
   * @throws {ReplicationError} `SPOOL_FAILED`, or `CHANGES_RELEASED` when they were in a file that is not there any more
   */
  *read(commitLsn: Lsn): Generator<Change, void, undefined> {
    if (this.#released) throw released();
    this.#readers++;
    try {
      const replay = new Replay(commitLsn);
      for (const block of this.#blocks) yield* this.#readBlock(this.#load(block), replay);
    } finally {
      this.#readers--;
      this.#closeIfDone();
    }
  }

  /** Nobody will start to read any more. What is in memory may be read nevertheless. */
  release(): void {
    if (!this.#file) return;
    this.#released = true;
    this.#closeIfDone();
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

  #closeIfDone(): void {
    if (this.#released && this.#readers === 0) this.#file?.close();
  }

  #load(block: Block): Buffer {
    if (Buffer.isBuffer(block)) return block;
    const bytes = Buffer.allocUnsafe(block.length);
    this.#file?.read(bytes, block.at);
    return bytes;
  }

  /** Puts the present block away, and starts one with room for so many bytes. */
  #nextBlock(length: number): void {
    this.#putAway(this.#block.subarray(0, this.#filled));
    this.#filled = 0;
    // One that was written can be filled anew; not one for a single large change, as it would be read as a whole.
    if (this.#file && this.#block.length >= length && this.#block.length <= BLOCK) return;
    const usual = Math.min(Math.max(this.#block.length * 2, FIRST_BLOCK), BLOCK);
    this.#block = Buffer.allocUnsafeSlow(Math.max(usual, length));
  }

  #putAway(full: Buffer): void {
    if (full.length === 0) return;
    this.#inMemory += full.length;
    this.#largest = Math.max(this.#largest, full.length);
    if (!this.#file && this.#inMemory > this.#most) this.#spool();
    this.#blocks.push(this.#file ? written(this.#file, full) : full);
  }

  #spool(): void {
    const file = this.#open();
    this.#file = file;
    this.#blocks.forEach((block, index) => {
      if (Buffer.isBuffer(block)) this.#blocks[index] = written(file, block);
    });
  }

  #numberOf(relations: readonly CompiledRelation[]): number {
    const known = this.#numbers.get(relations);
    if (known !== undefined) return known;
    const number = this.#tables.push(relations) - 1;
    this.#numbers.set(relations, number);
    return number;
  }
}

function written(file: SpoolFile, block: Buffer): Block {
  return { at: file.append(block), length: block.length };
}

function released(): ReplicationError {
  return new ReplicationError(
    'CHANGES_RELEASED',
    'The changes of this transaction were in a spool file, which is gone',
  );
}
