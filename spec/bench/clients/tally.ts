import type { Counts } from '../workloads';

/** Counts changes by kind, and detects the last one. */
export class Tally implements Counts {
  insert = 0;
  update = 0;
  delete = 0;
  readonly #expected: number;
  readonly #complete: () => void;
  #isComplete = false;

  /** @param complete is called once */
  constructor(expected: number, complete: () => void) {
    this.#expected = expected;
    this.#complete = complete;
  }

  get changes(): number {
    return this.insert + this.update + this.delete;
  }

  /** Call it at each commit, or at each change if the client does not report commits. */
  check(): void {
    if (this.#isComplete || this.changes < this.#expected) return;
    this.#isComplete = true;
    this.#complete();
  }
}
