import type { Lsn } from '../../common/lsn';
import type { Change } from '../../pgoutput/messages/messages';
import type { AnyTables } from '../../pgoutput/messages/typed-tables';
import type { StreamedChanges } from './streamed-changes';

/** The changes of a transaction, wherever they are. */
export interface ChangeList<Tables extends object = AnyTables> extends Iterable<Change<Tables>> {
  readonly size: number;
  /** All of them; undefined where they are too many to be shown without being asked for. */
  readonly shown: readonly Change<Tables>[] | undefined;
  /** The tables that they are about, as messages name them. */
  readonly tables: readonly string[];
  /** All of them, in memory. */
  toArray(): readonly Change<Tables>[];
  /** A work has taken them, and may read them until they are released, also once the stream is over. */
  hold(): void;
  /** Nobody will begin to read them any more. */
  release(): void;
}

/** Changes that came in one piece. */
export class WholeChanges implements ChangeList {
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

/** Changes that came in blocks, before it was known where they commit. */
export class StreamedList implements ChangeList {
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
