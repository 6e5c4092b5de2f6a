import type { AckTarget } from './ack-target';
import type { Work } from './work';

/** Works in no particular order. Each one knows its index, so adding and removing costs less than with a Set. */
export class WorkList<T extends AckTarget, R> {
  readonly #works: Work<T, R>[] = [];

  get size(): number {
    return this.#works.length;
  }

  add(work: Work<T, R>): void {
    work.index = this.#works.length;
    this.#works.push(work);
  }

  /** Removes the work, if it is in this list. */
  remove(work: Work<T, R>): void {
    const { index } = work;
    if (this.#works[index] !== work) return;
    const last = this.#works.pop();
    if (last === undefined || last === work) return;
    this.#works[index] = last;
    last.index = index;
  }

  /** Removes all works. */
  takeAll(): readonly Work<T, R>[] {
    return this.#works.splice(0);
  }
}
