import { ConnectionError, ReplicationError } from '../../common/errors';
import { StalledAckWatchdog } from './stalled-ack-watchdog';
import type { StalledDelivery } from '../../ledger/stalled-delivery';
import { LivenessWatchdog } from './liveness-watchdog';

/** The result of one step of the feedback interval. */
export interface WatchdogReport {
  /** The error that ends the stream. */
  readonly failure?: Error;
  /** A warning for the user. */
  readonly warning?: string;
  /** Whether to request a reply from the server. */
  readonly ask: boolean;
}

/** Watches both sides of a stream: a server that sends nothing, and a subscriber that acknowledges nothing. */
export class Watchdogs {
  readonly #livenessTimeout: number;
  readonly #liveness: LivenessWatchdog;
  readonly #stalledAck: StalledAckWatchdog;

  /** Both in ms; 0 for never. */
  constructor(livenessTimeout: number, ackTimeout: number) {
    this.#livenessTimeout = livenessTimeout;
    this.#liveness = new LivenessWatchdog(livenessTimeout);
    this.#stalledAck = new StalledAckWatchdog(ackTimeout);
  }

  /** Something was received from the server. */
  heard(): void {
    this.#liveness.heard();
  }

  /**
   * @param ms since the last step
   * @param reading false while the library does not read
   * @param advice what the user can do about it
   */
  tick(ms: number, reading: boolean, held: StalledDelivery | undefined, advice: string): WatchdogReport {
    const liveness = this.#liveness.tick(ms, reading);
    if (liveness === 'gone') {
      const what = `Nothing came from the server for ${this.#livenessTimeout} ms`;
      return { failure: new ConnectionError('LIVENESS_TIMEOUT', what), ask: false };
    }
    const ask = liveness === 'ask';
    const verdict = this.#stalledAck.tick(ms, held);
    if (verdict === 'fine') return { ask };
    const summary = `The slot has not moved for ${Math.round(this.#stalledAck.stalledFor / 1000)} s: ${held?.reason ?? ''}`;
    if (verdict === 'warn') return { warning: `${summary}. ${advice}`, ask };
    const remedy = `${advice} Where work takes so long, raise ackTimeout.`;
    return { failure: new ReplicationError('ACK_TIMEOUT', summary, { remedy }), ask };
  }
}
