import { ReplicationError } from '../../common/errors';
import { removeLeftovers, SpoolFile } from './spool-file';

/** What is allocated in the file is a multiple of this. */
const PAGE = 16 * 1024;

/** Consecutive pages of the file. */
interface Run {
  readonly first: number;
  readonly count: number;
}

/** Where in the file some bytes stand. */
export interface Extent {
  readonly length: number;
  readonly runs: readonly Run[];
}

/**
 * The file that all transactions of one operator share, so that any number of them takes one file descriptor.
 *
 * It is opened when something is written, and closed when nothing in it is needed any more. Freed pages are used again, the
 * first ones first, and the file is cut behind the last one in use: its size follows what it holds.
 *
 * It belongs to one subscription of the operator. Once that is over the file is closed with all that is in it, as soon as
 * none of its transactions is in use.
 */
export class Spool {
  readonly #folder: string;
  #file: SpoolFile | undefined;
  #tidied = false;
  /** By page: 1 if it is in use. Pages that are beyond the end of this array are free. */
  #pages = new Uint8Array(64);
  #used = 0;
  /** Every page before this one is in use. */
  #lowest = 0;
  /** The length of the file, in pages. */
  #end = 0;
  readonly #inUse = new Set<object>();
  #over = false;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Whether only what is in use can still be read. */
  get isOver(): boolean {
    return this.#over;
  }

  /** @throws {ReplicationError} `SPOOL_FAILED`; then nothing is allocated */
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
    if (!file) throw changesReleased();
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

  /** The owner reads some of it, or may begin to: the file stays open until `leave`. */
  enter(owner: object): void {
    this.#inUse.add(owner);
  }

  leave(owner: object): void {
    if (this.#inUse.delete(owner)) this.#closeIfUnused();
  }

  /** The subscription is over: nothing more is written. */
  end(): void {
    this.#over = true;
    this.#closeIfUnused();
  }

  #closeIfUnused(): void {
    if (this.#over && this.#inUse.size === 0) this.#close();
  }

  #open(): SpoolFile {
    if (!this.#tidied) removeLeftovers(this.#folder);
    this.#tidied = true;
    return new SpoolFile(this.#folder);
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

  /** The first free pages that follow each other, at most so many. */
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

export function changesReleased(): ReplicationError {
  return new ReplicationError(
    'CHANGES_RELEASED',
    'The changes of this transaction were in a spool file, which is gone',
  );
}
