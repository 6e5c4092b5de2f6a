import type { Transport } from '../net/transport';

/** The connect timeout. One timer covers all steps, except while a step without a timeout suspends it. */
export class StartupTimeout {
  readonly #transport: Transport;
  readonly #ms: number;
  readonly #onExpired: (ms: number) => void;
  #cancelTimer: (() => void) | undefined;

  constructor(transport: Transport, ms: number, onExpired: (ms: number) => void) {
    this.#transport = transport;
    this.#ms = ms;
    this.#onExpired = onExpired;
  }

  /** Starts the timer; a timer that already runs goes on. */
  start(): void {
    this.#cancelTimer ??= this.#transport.timeout(this.#ms, () => {
      this.#onExpired(this.#ms);
    });
  }

  /** Cancels the timer. The next {@link start} gives the full time again. */
  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }
}
