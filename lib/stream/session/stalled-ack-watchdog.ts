import type { StalledDelivery } from '../../ledger/stalled-delivery';

/** After so many ms of held-up work the user is warned. */
const WARN_AFTER = 60_000;

/** Notices work that holds up the oldest entry: for as long as it does, the slot does not move. */
export class StalledAckWatchdog {
  readonly #timeout: number;
  #sequence: number | undefined;
  #ms = 0;
  #warned = false;

  /** @param timeout in ms; 0 for none */
  constructor(timeout: number) {
    this.#timeout = timeout;
  }

  tick(ms: number, held: StalledDelivery | undefined): 'fine' | 'warn' | 'expired' {
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
  get stalledFor(): number {
    return this.#ms;
  }
}
