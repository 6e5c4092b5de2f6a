import type { StalledDelivery } from '../../ledger/stalled-delivery';

/** The user is warned after so many ms without progress. */
const WARN_AFTER = 60_000;

/** Detects that the oldest delivery stays unacknowledged: until it is acknowledged, the slot does not advance. */
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

  /** For how long it has been unacknowledged, in ms. */
  get stalledFor(): number {
    return this.#ms;
  }
}
