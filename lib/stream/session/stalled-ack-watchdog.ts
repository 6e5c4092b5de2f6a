import type { StalledDelivery } from '../../ledger/stalled-delivery';

/** The user is warned after so many ms without progress. */
const WARN_AFTER_MS = 60_000;

/** Detects that the oldest delivery stays unacknowledged: until it is acknowledged, the slot does not advance. */
export class StalledAckWatchdog {
  readonly #timeout: number;
  #stalled: StalledDelivery | undefined;
  #ms = 0;
  #warned = false;

  /** @param timeout in ms; 0 for none */
  constructor(timeout: number) {
    this.#timeout = timeout;
  }

  tick(ms: number, stalled: StalledDelivery | undefined): 'ok' | 'warn' | 'expired' {
    if (!stalled || stalled.unit !== this.#stalled?.unit || stalled.index !== this.#stalled.index) {
      this.#stalled = stalled;
      this.#ms = 0;
      this.#warned = false;
      return 'ok';
    }
    this.#ms += ms;
    if (this.#timeout > 0 && this.#ms >= this.#timeout) return 'expired';
    if (this.#warned || this.#ms < WARN_AFTER_MS) return 'ok';
    this.#warned = true;
    return 'warn';
  }

  /** For how long it has been unacknowledged, in ms. */
  get stalledFor(): number {
    return this.#ms;
  }
}
