import type { Lsn } from '../../common/lsn';
import { encodeStandbyStatusUpdate } from '../../wire/replication-messages';
import type { SessionTransport, SessionTimers } from './session-ports';

/** Changed confirmations are sent at most once in so many ms: a synchronous commit waits for them, and a busy stream sends few. */
export const MIN_STATUS_INTERVAL_MS = 5;
/** A reply that tells the server nothing new is sent at most once in so many ms: a server that stops asks again at once. */
const MIN_UNCHANGED_INTERVAL = 100;

/** The positions that a status update reports. */
export interface ReportedPositions {
  readonly receivedLsn: Lsn;
  readonly confirmedLsn: Lsn;
}

/** Sends standby status updates, remembers what the last one reported, and computes when the next one is due. */
export class StatusSender {
  readonly #transport: Pick<SessionTransport, 'write'>;
  readonly #clock: Pick<SessionTimers, 'elapsed' | 'now'>;
  readonly #positions: ReportedPositions;
  readonly #startedAt: number;
  #sentAt = -Infinity;
  #sentReceived: Lsn = -1n;
  #sentConfirmed: Lsn = -1n;
  #owesReply = false;

  constructor(
    transport: Pick<SessionTransport, 'write'>,
    clock: Pick<SessionTimers, 'elapsed' | 'now'>,
    positions: ReportedPositions,
  ) {
    this.#transport = transport;
    this.#clock = clock;
    this.#positions = positions;
    this.#startedAt = clock.elapsed();
  }

  /** The server has asked for a reply. */
  requireReply(): void {
    this.#owesReply = true;
  }

  /** Whether the last status update, or the start where none was sent, is at least so many ms ago. */
  wasLastSentBefore(ms: number): boolean {
    return this.#clock.elapsed() - Math.max(this.#sentAt, this.#startedAt) >= ms;
  }

  /** In how many ms a status update is due; undefined where only the interval requires one. */
  getDelay(): number | undefined {
    const { receivedLsn, confirmedLsn } = this.#positions;
    const since = this.#clock.elapsed() - this.#sentAt;
    if (confirmedLsn !== this.#sentConfirmed) return Math.max(0, MIN_STATUS_INTERVAL_MS - since);
    if (!this.#owesReply) return undefined;
    return Math.max(0, (receivedLsn === this.#sentReceived ? MIN_UNCHANGED_INTERVAL : MIN_STATUS_INTERVAL_MS) - since);
  }

  /** @param requestReply whether the server is asked for a reply; never in a reply to the server */
  send(requestReply: boolean): void {
    const { receivedLsn, confirmedLsn } = this.#positions;
    this.#sentReceived = receivedLsn;
    this.#sentConfirmed = confirmedLsn;
    this.#sentAt = this.#clock.elapsed();
    this.#owesReply = false;
    const update = {
      written: receivedLsn,
      flushed: confirmedLsn,
      applied: confirmedLsn,
      now: this.#clock.now(),
      replyRequested: requestReply,
    };
    this.#transport.write(encodeStandbyStatusUpdate(update));
  }
}
