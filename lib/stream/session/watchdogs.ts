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
  readonly requestReply: boolean;
}

/** Detects a server that sends nothing, and an oldest delivery that stays unacknowledged. */
export class Watchdogs {
  readonly #livenessTimeout: number;
  readonly #liveness: LivenessWatchdog;
  readonly #stalledAck: StalledAckWatchdog;

  /** @param livenessTimeout in ms; 0: no timeout @param ackTimeout in ms; 0: no timeout */
  constructor(livenessTimeout: number, ackTimeout: number) {
    this.#livenessTimeout = livenessTimeout;
    this.#liveness = new LivenessWatchdog(livenessTimeout);
    this.#stalledAck = new StalledAckWatchdog(ackTimeout);
  }

  /** Something was received from the server. */
  recordReceived(): void {
    this.#liveness.recordReceived();
  }

  /**
   * @param ms since the last step
   * @param isReading false while the library does not read
   * @param remedy what the user can do about the stalled delivery
   */
  tick(ms: number, isReading: boolean, stalled: StalledDelivery | undefined, remedy: string): WatchdogReport {
    const liveness = this.#liveness.tick(ms, isReading);
    if (liveness === 'timeout') {
      const what = `Nothing was received from the server for ${this.#livenessTimeout} ms`;
      return { failure: new ConnectionError('LIVENESS_TIMEOUT', what), requestReply: false };
    }
    const requestReply = liveness === 'requestReply';
    const verdict = this.#stalledAck.tick(ms, stalled);
    if (verdict === 'ok') return { requestReply };
    const summary = `The slot has not moved for ${Math.round(this.#stalledAck.stalledFor / 1000)} s: ${stalled?.reason ?? ''}`;
    if (verdict === 'warn') return { warning: `${summary}. ${remedy}`, requestReply };
    return {
      failure: new ReplicationError('ACK_TIMEOUT', summary, {
        remedy: `${remedy} If the work needs more time, raise ackTimeout.`,
      }),
      requestReply,
    };
  }
}
