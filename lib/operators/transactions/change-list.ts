import type { Lsn } from '../../common/lsn';
import type { Change } from '../../pgoutput/messages/messages';
import type { AnyTables } from '../../pgoutput/messages/typed-tables';
import type { StreamedChanges } from './streamed-changes';

/** The changes of a transaction, in memory or in the spool file. */
export interface ChangeList<Tables extends object = AnyTables> extends Iterable<Change<Tables>> {
  readonly size: number;
  /** All changes for logs; undefined where they are in the spool file and were not read yet. */
  readonly shown: readonly Change<Tables>[] | undefined;
  /** The tables of the changes, as in `change.table`. */
  readonly tables: readonly string[];
  /** Reads all changes into memory. */
  toArray(): readonly Change<Tables>[];
  /** Keeps the changes readable until they are released, also after the stream has ended. */
  hold(): void;
  /** Nothing starts to read them any more. */
  release(): void;
}

/** The changes of a transaction that was not streamed. */
export class InMemoryChangeList implements ChangeList {
  readonly #changes: readonly Change[];

  constructor(changes: readonly Change[]) {
    this.#changes = changes;
  }

  get size(): number {
    return this.#changes.length;
  }

  get shown(): readonly Change[] {
    return this.#changes;
  }

  get tables(): readonly string[] {
    const tables = new Set<string>();
    for (const change of this.#changes) {
      if (change.kind === 'truncate') for (const table of change.tables) tables.add(table);
      else if (change.kind !== 'message') tables.add(change.table);
    }
    return [...tables];
  }

  toArray(): readonly Change[] {
    return this.#changes;
  }

  hold(): void {}

  release(): void {}

  [Symbol.iterator](): Iterator<Change> {
    return this.#changes[Symbol.iterator]();
  }
}

/** The changes of a transaction that was streamed in blocks, before its commit LSN was known. */
export class StreamedChangeList implements ChangeList {
  readonly #changes: StreamedChanges;
  readonly #commitLsn: Lsn;
  #array: readonly Change[] | undefined;

  constructor(changes: StreamedChanges, commitLsn: Lsn) {
    this.#changes = changes;
    this.#commitLsn = commitLsn;
  }

  get size(): number {
    return this.#changes.size;
  }

  get tables(): readonly string[] {
    return this.#changes.tables;
  }

  get shown(): readonly Change[] | undefined {
    return this.#changes.isSpooled ? this.#array : this.toArray();
  }

  toArray(): readonly Change[] {
    return (this.#array ??= [...this.#changes.read(this.#commitLsn)]);
  }

  hold(): void {
    this.#changes.hold();
  }

  release(): void {
    this.#changes.release();
  }

  [Symbol.iterator](): Iterator<Change> {
    return this.#array ? this.#array[Symbol.iterator]() : this.#changes.read(this.#commitLsn);
  }
}
