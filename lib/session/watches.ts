import type { Held } from './ledger';

/**
 * Notices a server that has fallen silent. It counts ticks instead of reading a clock, so neither a step of the wall
 * clock nor an event loop that was blocked by a handler raises a false alarm.
 */
export class LivenessWatch {
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

/** After so many ms of held-up work the user is warned. */
const WARN_AFTER = 60_000;

/** Notices work that holds up the oldest entry: for as long as it does, the slot does not move. */
export class HeldWatch {
  readonly #timeout: number;
  #sequence: number | undefined;
  #ms = 0;
  #warned = false;

  /** @param timeout in ms; 0 for none */
  constructor(timeout: number) {
    this.#timeout = timeout;
  }

  tick(ms: number, held: Held | undefined): 'fine' | 'warn' | 'expired' {
    if (!held || held.sequence !== this.#sequence) {
      this.#sequence = held?.sequence;
      this.#ms = 0;
      this.#warned = false;
      return 'fine';
    }
    this.#ms += ms;
    if (this.#timeout > 0 && this.#ms >= this.#timeout) return 'expired';
    if (this.#warned || this.#ms < WARN_AFTER) return 'fine';
    this.#warned = true;
    return 'warn';
  }

  /** For how long it has been held up, in ms. */
  get heldFor(): number {
    return this.#ms;
  }
}
