/** Reading the clock costs about as much as decoding a small message. */
const MAX_STEPS = 4;
/** Steps that take so many ms are slow. */
const SLOW_MS = 1;

/** The time slice of a loop. It reads the clock after each step while steps are slow, and after every few steps while they are fast. */
export class TimeSlice {
  readonly #deadline: number;
  #checkedAt: number;
  #steps = 0;
  #interval = 1;

  /** @param now monotonic, in ms */
  constructor(now: number, ms: number) {
    this.#checkedAt = now;
    this.#deadline = now + ms;
  }

  /** Counts a step. @returns whether to call {@link checkClock} */
  countStep(): boolean {
    return ++this.#steps >= this.#interval;
  }

  checkClock(now: number): boolean {
    this.#interval = now - this.#checkedAt < SLOW_MS ? Math.min(this.#interval * 2, MAX_STEPS) : 1;
    this.#checkedAt = now;
    this.#steps = 0;
    return now >= this.#deadline;
  }
}
