import type { CommitUnit, CommitUnitHandle } from './commit-unit';

/** The handles that the subscriber can settle and has not, in the order of delivery. */
export class UnackedList {
  #oldest: CommitUnitHandle | undefined;
  #newest: CommitUnitHandle | undefined;
  #size = 0;
  #bytes = 0;

  get size(): number {
    return this.#size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get oldest(): CommitUnitHandle | undefined {
    return this.#oldest;
  }

  add(handle: CommitUnitHandle): void {
    handle.older = this.#newest;
    if (this.#newest) this.#newest.newer = handle;
    else this.#oldest = handle;
    this.#newest = handle;
    this.#size++;
    this.#bytes += handle.bytes;
  }

  /** The handles of one unit, as an array: the caller may remove them from the list. */
  listHandles(unit: CommitUnit): CommitUnitHandle[] {
    const handles: CommitUnitHandle[] = [];
    for (let handle = this.#oldest; handle; handle = handle.newer) if (handle.unit === unit) handles.push(handle);
    return handles;
  }

  /** @param handle one that is in the list */
  remove(handle: CommitUnitHandle): void {
    const { older, newer } = handle;
    if (older) older.newer = newer;
    else this.#oldest = newer;
    if (newer) newer.older = older;
    else this.#newest = older;
    // Unlink, so that a retained message does not retain the list.
    handle.older = undefined;
    handle.newer = undefined;
    this.#size--;
    this.#bytes -= handle.bytes;
  }
}
