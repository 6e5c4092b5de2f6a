/**
 * Detects a server that sends nothing. It counts ticks instead of reading a clock, so that neither a step of the wall clock nor an
 * event loop that a handler blocks causes a false alarm.
 */
export class LivenessWatchdog {
  readonly #timeout: number;
  #silent = 0;
  /** Whether something was received since the last tick. */
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
   * @param reading false while the library does not read, when silence means nothing
   */
  tick(ms: number, reading: boolean): 'alive' | 'ask' | 'gone' {
    if (this.#timeout === 0) return 'alive';
    this.#silent = reading && !this.#heard ? this.#silent + ms : 0;
    this.#heard = false;
    if (this.#silent >= this.#timeout) return 'gone';
    return this.#silent >= this.#timeout / 2 ? 'ask' : 'alive';
  }
}
