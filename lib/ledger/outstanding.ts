import type { Unit, UnitEntry } from './unit';

/** The entries that the subscriber can settle and has not, in the order in which they were delivered. */
export class Outstanding {
  #oldest: UnitEntry | undefined;
  #newest: UnitEntry | undefined;
  #size = 0;
  #bytes = 0;

  get size(): number {
    return this.#size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get oldest(): UnitEntry | undefined {
    return this.#oldest;
  }

  add(entry: UnitEntry): void {
    entry.older = this.#newest;
    if (this.#newest) this.#newest.newer = entry;
    else this.#oldest = entry;
    this.#newest = entry;
    this.#size++;
    this.#bytes += entry.bytes;
  }

  /** Those of one unit; they may be removed meanwhile. */
  of(unit: Unit): UnitEntry[] {
    const entries: UnitEntry[] = [];
    for (let entry = this.#oldest; entry; entry = entry.newer) if (entry.unit === unit) entries.push(entry);
    return entries;
  }

  /** Takes out what was added and has not been taken out. */
  remove(entry: UnitEntry): void {
    const { older, newer } = entry;
    if (older) older.newer = newer;
    else this.#oldest = newer;
    if (newer) newer.older = older;
    else this.#newest = older;
    // Whoever keeps a message shall not keep its neighbours.
    entry.older = undefined;
    entry.newer = undefined;
    this.#size--;
    this.#bytes -= entry.bytes;
  }
}
