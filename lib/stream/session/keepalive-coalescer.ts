import { maxLsn, type Lsn } from '../../common/lsn';
import type { KeepaliveMessage } from '../../pgoutput/messages/walsender-messages';

/** While work is in hand, one keepalive follows another only after so many ms. */
const PAUSE = 100;

/**
 * Which keepalives are delivered, and which of them are news to a consumer who stores positions.
 *
 * Keepalives cost nothing in the window, so a busy server could fill the memory of whoever queues them behind slow work.
 * Of those that come meanwhile the last one tells it all.
 */
export class KeepaliveCoalescer {
  readonly #progressInterval: number | undefined;
  /** The last one, if it has not been delivered yet. */
  #pending: KeepaliveMessage | undefined;
  #deliveredAt = -Infinity;
  /** The last progress, or where the stream started. */
  #known: Lsn;
  #progressAt = -Infinity;

  /** @param progressInterval ms between two progresses; undefined: there are none */
  constructor(progressInterval: number | undefined, startLsn: Lsn) {
    this.#progressInterval = progressInterval;
    this.#known = startLsn;
  }

  get hasPending(): boolean {
    return this.#pending !== undefined;
  }

  put(message: KeepaliveMessage): void {
    this.#pending = message;
  }

  /** A change has come: what follows it will tell more than a keepalive that waits. */
  discardPending(): void {
    this.#pending = undefined;
    this.#deliveredAt = -Infinity;
  }

  /** The one to be delivered now. */
  takeDue(now: number, busy: boolean): KeepaliveMessage | undefined {
    const message = this.#pending;
    if (!message || (busy && now - this.#deliveredAt < PAUSE)) return undefined;
    this.#pending = undefined;
    this.#deliveredAt = now;
    return message;
  }

  /**
   * Whether a consumer should hear of it; the next one that tells no more is none, then.
   *
   * @param prospect what the deliveries that are settled or in hand will confirm by themselves
   */
  claimProgress({ walEnd, replyRequested }: KeepaliveMessage, now: number, prospect: Lsn): boolean {
    if (this.#progressInterval === undefined || walEnd <= maxLsn(this.#known, prospect)) return false;
    // A server that is stopping asks, and waits for the answer.
    if (!replyRequested && now - this.#progressAt < this.#progressInterval) return false;
    this.#known = walEnd;
    this.#progressAt = now;
    return true;
  }
}
