import { ReplicationError } from '../../common/errors';
import { removeLeftovers, SpoolFile } from './spool-file';

/** The allocation unit of the file, in bytes. */
const PAGE = 16 * 1024;

/** Consecutive pages of the file. */
interface Run {
  readonly first: number;
  readonly count: number;
}

/** The location of some bytes in the file. */
export interface Extent {
  readonly length: number;
  readonly runs: readonly Run[];
}

/**
 * The spool file that all transactions of one operator share, so that they need only one file descriptor.
 *
 * It is opened at the first write, and closed when all pages are free. Freed pages are reused, lowest first, and the file is
 * truncated after the last used page, so its size follows its content.
 *
 * It belongs to one subscription of the operator. After the subscription has ended, the file is closed as soon as none of its
 * transactions is in use.
 */
export class Spool {
  readonly #directory: string;
  #file: SpoolFile | undefined;
  #leftoversRemoved = false;
  /** By page: 1 if it is in use. Pages beyond the end of the array are free. */
  #pages = new Uint8Array(64);
  #used = 0;
  /** Every page before this one is in use. */
  #lowest = 0;
  /** The length of the file, in pages. */
  #end = 0;
  readonly #inUse = new Set<object>();
  #ended = false;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Whether the subscription has ended: only transactions in use can still be read. */
  get isOver(): boolean {
    return this.#ended;
  }

  /** @throws {ReplicationError} `SPOOL_FAILED`; nothing is then allocated */
  write(bytes: Buffer): Extent {
    const extent = { length: bytes.length, runs: this.#allocate(Math.ceil(bytes.length / PAGE)) };
    try {
      const file = (this.#file ??= this.#open());
      let done = 0;
      for (const { first, count } of extent.runs) {
        file.write(bytes.subarray(done, done + count * PAGE), first * PAGE);
        done += count * PAGE;
      }
    } catch (error) {
      this.free([extent]);
      throw error;
    }
    return extent;
  }

  /** @throws {ReplicationError} `SPOOL_FAILED`, or `CHANGES_RELEASED` when the file is closed */
  read({ length, runs }: Extent): Buffer {
    const file = this.#file;
    if (!file) throw createReleasedError();
    const bytes = Buffer.allocUnsafe(length);
    let done = 0;
    for (const { first, count } of runs) {
      file.read(bytes.subarray(done, done + count * PAGE), first * PAGE);
      done += count * PAGE;
    }
    return bytes;
  }

  /** Frees extents that nothing reads any more. To be called once for each. */
  free(extents: readonly Extent[]): void {
    for (const { runs } of extents) {
      for (const { first, count } of runs) {
        this.#pages.fill(0, first, first + count);
        this.#used -= count;
        this.#lowest = Math.min(this.#lowest, first);
      }
    }
    if (this.#used === 0) this.#close();
    else this.#shorten();
  }

  /** Keeps the file open for the owner until `leave`. */
  enter(owner: object): void {
    this.#inUse.add(owner);
  }

  leave(owner: object): void {
    if (this.#inUse.delete(owner)) this.#closeIfUnused();
  }

  /** Ends the subscription: nothing more is written. */
  end(): void {
    this.#ended = true;
    this.#closeIfUnused();
  }

  #closeIfUnused(): void {
    if (this.#ended && this.#inUse.size === 0) this.#close();
  }

  #open(): SpoolFile {
    if (!this.#leftoversRemoved) removeLeftovers(this.#directory);
    this.#leftoversRemoved = true;
    return new SpoolFile(this.#directory);
  }

  #close(): void {
    this.#file?.close();
    this.#file = undefined;
    this.#end = 0;
  }

  #shorten(): void {
    const end = this.#pages.lastIndexOf(1, this.#end - 1) + 1;
    if (end < this.#end) this.#file?.truncate(end * PAGE);
    this.#end = end;
  }

  #allocate(count: number): Run[] {
    const runs: Run[] = [];
    for (let left = count; left > 0;) {
      const run = this.#allocateRun(left);
      runs.push(run);
      left -= run.count;
    }
    return runs;
  }

  /** Allocates the first run of free pages, of at most `most` pages. */
  #allocateRun(most: number): Run {
    const found = this.#pages.indexOf(0, this.#lowest);
    const first = found < 0 ? this.#pages.length : found;
    while (first + most > this.#pages.length) this.#grow();
    let end = first + 1;
    while (end < first + most && this.#pages[end] === 0) end++;
    this.#pages.fill(1, first, end);
    this.#used += end - first;
    this.#lowest = end;
    this.#end = Math.max(this.#end, end);
    return { first, count: end - first };
  }

  #grow(): void {
    const larger = new Uint8Array(this.#pages.length * 2);
    larger.set(this.#pages);
    this.#pages = larger;
  }
}

export function createReleasedError(): ReplicationError {
  return new ReplicationError(
    'CHANGES_RELEASED',
    'The changes of this transaction were in a spool file that has been closed',
  );
}
