/**
 * Notices a server that has fallen silent. It counts ticks instead of reading a clock, so neither a step of the wall
 * clock nor an event loop that was blocked by a handler raises a false alarm.
 */
export class LivenessWatchdog {
  readonly #timeout: number;
  #silent = 0;
  /** Whether something came since the last tick; how long before this one, nobody knows. */
  #heard = false;

  /** @param timeout in ms; 0 for never */
  constructor(timeout: number) {
    this.#timeout = timeout;
  }

  heard(): void {
    this.#heard = true;
  }

  /**
   * @param ms since the last tick
   * @param reading false while we ourselves do not read, when silence says nothing
   */
  tick(ms: number, reading: boolean): 'alive' | 'ask' | 'gone' {
    if (this.#timeout === 0) return 'alive';
    this.#silent = reading && !this.#heard ? this.#silent + ms : 0;
    this.#heard = false;
    if (this.#silent >= this.#timeout) return 'gone';
    return this.#silent >= this.#timeout / 2 ? 'ask' : 'alive';
  }
}
