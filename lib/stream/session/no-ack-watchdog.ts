/** For so many ms after the window was full, the first work may still be running. */
const GRACE = 1000;

/**
 * Detects a subscriber that acknowledges nothing at all: the window is full, so nothing more is read or delivered. This is
 * a mistake in the program rather than slow work, so the warning is given early.
 */
export class NoAckWatchdog {
  #fullSince: number | undefined;
  #expectsAcks = false;
  #warned = false;

  /** Whether the warning was given. */
  get warned(): boolean {
    return this.#warned;
  }

  /** An operator has received deliveries and will acknowledge them. */
  expectAcks(): void {
    this.#expectsAcks = true;
  }

  /**
   * @param now monotonic, in ms
   * @param isStuck whether the window is full and nothing was ever acknowledged
   * @returns whether to warn now, or in how many ms to check again, if at all
   */
  check(now: number, isStuck: boolean): 'warn' | number | undefined {
    if (!isStuck || this.#expectsAcks || this.#warned) {
      this.#fullSince = undefined;
      return undefined;
    }
    this.#fullSince ??= now;
    const left = this.#fullSince + GRACE - now;
    if (left > 0) return left;
    this.#warned = true;
    return 'warn';
  }
}
