import type { Work } from './work';

/** Where in its transaction something stands: a change's ordinal, or a name for what is no change. */
export type Place = number | string;

/**
 * What is known of the works on one transaction: which places are done, and which are being worked on. The changes of a
 * transaction are mostly done in their order, and there may be millions of them, so they are counted.
 */
export class Deeds<R> {
  /** Every change before this one is done. */
  #through = 0;
  readonly #done = new Set<Place>();
  readonly #works = new Map<Place, Work<R>>();

  isDone(place: Place): boolean {
    return (typeof place === 'number' && place < this.#through) || this.#done.has(place);
  }

  /** A work that has failed is as if it had never been, so that it is done again. */
  workAt(place: Place): Work<R> | undefined {
    const work = this.#works.get(place);
    return work?.state === 'over' ? undefined : work;
  }

  /** Whether anything of it is being worked on. */
  get running(): boolean {
    return [...this.#works.values()].some((work) => work.state === 'running');
  }

  /** What had been done before was not given to this work, though it stands in the same array: it stays done. */
  begin(place: Place, work: Work<R>): void {
    if (this.#works.get(place)?.state !== 'done') this.#works.set(place, work);
  }

  done(place: Place): void {
    this.#works.delete(place);
    if (place !== this.#through) {
      this.#done.add(place);
      return;
    }
    do this.#through++;
    while (this.#done.delete(this.#through));
  }
}
