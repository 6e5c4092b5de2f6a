import { maxLsn, type Lsn } from '../../common/lsn';
import type { KeepaliveMessage } from '../../pgoutput/messages/walsender-messages';

/** While deliveries are unacknowledged, keepalives are delivered at least so many ms apart. */
const MIN_KEEPALIVE_INTERVAL_MS = 100;

/**
 * Decides which keepalives are delivered, and which of them are progress for a consumer that stores positions.
 *
 * Keepalives do not count against the window, so a busy server could fill the memory of an operator that queues them behind slow
 * work. Of those that arrive meanwhile only the last one is delivered.
 */
export class KeepaliveCoalescer {
  readonly #progressInterval: number | undefined;
  /** The last keepalive, if it is not delivered yet. */
  #pending: KeepaliveMessage | undefined;
  #deliveredAt = -Infinity;
  /** The last progress, or where the stream started. */
  #progressLsn: Lsn;
  #progressAt = -Infinity;

  /** @param progressInterval ms between two progresses; undefined: there are none */
  constructor(progressInterval: number | undefined, startLsn: Lsn) {
    this.#progressInterval = progressInterval;
    this.#progressLsn = startLsn;
  }

  get hasPending(): boolean {
    return this.#pending !== undefined;
  }

  put(message: KeepaliveMessage): void {
    this.#pending = message;
  }

  /** A change has arrived: it makes the pending keepalive obsolete. */
  discardPending(): void {
    this.#pending = undefined;
    this.#deliveredAt = -Infinity;
  }

  /** The keepalive that is due now. */
  takeDue(now: number, busy: boolean): KeepaliveMessage | undefined {
    const message = this.#pending;
    if (!message || (busy && now - this.#deliveredAt < MIN_KEEPALIVE_INTERVAL_MS)) return undefined;
    this.#pending = undefined;
    this.#deliveredAt = now;
    return message;
  }

  /**
   * Whether the consumer should store its position. The same position is claimed once only.
   *
   * @param confirmableLsn the position that the deliveries of the session will confirm by themselves
   */
  claimProgress({ walEnd, replyRequested }: KeepaliveMessage, now: number, confirmableLsn: Lsn): boolean {
    if (this.#progressInterval === undefined || walEnd <= maxLsn(this.#progressLsn, confirmableLsn)) return false;
    // A server that stops requests a reply, and waits for it.
    if (!replyRequested && now - this.#progressAt < this.#progressInterval) return false;
    this.#progressLsn = walEnd;
    this.#progressAt = now;
    return true;
  }
}
