/** Reading the clock costs about as much as decoding a small message. */
const MAX_STEPS = 4;
/** Steps that take so many ms are slow. */
const SLOW = 1;

/** The time slice of a loop. It reads the clock after each step while steps are slow, and seldom while they are fast. */
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

  /** Called after each step. */
  shouldCheckClock(): boolean {
    return ++this.#steps >= this.#interval;
  }

  isOver(now: number): boolean {
    this.#interval = now - this.#checkedAt < SLOW ? Math.min(this.#interval * 2, MAX_STEPS) : 1;
    this.#checkedAt = now;
    this.#steps = 0;
    return now >= this.#deadline;
  }
}
