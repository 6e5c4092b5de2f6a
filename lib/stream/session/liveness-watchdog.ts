/**
 * Detects a server that sends nothing. It counts ticks instead of reading a clock, so that neither a step of the wall clock nor an
 * event loop that a handler blocks causes a false alarm.
 */
export class LivenessWatchdog {
  readonly #timeout: number;
  #silent = 0;
  /** Whether something was received since the last tick. */
  #hasReceived = false;

  /** @param timeout in ms; 0 for never */
  constructor(timeout: number) {
    this.#timeout = timeout;
  }

  recordReceived(): void {
    this.#hasReceived = true;
  }

  /**
   * @param ms since the last tick
   * @param isReading false while the library does not read, when silence means nothing
   */
  tick(ms: number, isReading: boolean): 'ok' | 'requestReply' | 'timeout' {
    if (this.#timeout === 0) return 'ok';
    this.#silent = isReading && !this.#hasReceived ? this.#silent + ms : 0;
    this.#hasReceived = false;
    if (this.#silent >= this.#timeout) return 'timeout';
    return this.#silent >= this.#timeout / 2 ? 'requestReply' : 'ok';
  }
}
