/** For so many ms after the window has closed, the first work may still be under way. */
const GRACE = 1000;

/**
 * Notices a subscriber that acknowledges nothing at all: the window has closed, nothing more is read, and nothing will ever
 * happen. It need not be waited for long, as it is a mistake in the program, and not a work that takes its time.
 */
export class NoAckWatchdog {
  #closedAt: number | undefined;
  #attended = false;
  #warned = false;

  /** Whether the warning was given. */
  get warned(): boolean {
    return this.#warned;
  }

  /** An operator works on deliveries, and will acknowledge them. */
  attend(): void {
    this.#attended = true;
  }

  /**
   * @param now monotonic, in ms
   * @param isStuck whether the window is full and nothing was ever acknowledged
   * @returns whether to warn now; or in how many ms to look again, if at all
   */
  look(now: number, isStuck: boolean): 'warn' | number | undefined {
    if (!isStuck || this.#attended || this.#warned) {
      this.#closedAt = undefined;
      return undefined;
    }
    this.#closedAt ??= now;
    const left = this.#closedAt + GRACE - now;
    if (left > 0) return left;
    this.#warned = true;
    return 'warn';
  }
}
