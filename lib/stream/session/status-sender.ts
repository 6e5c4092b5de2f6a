import { maxLsn, type Lsn } from '../../common/lsn';
import type { Ledger } from '../../ledger/ledger';
import type { SessionHost } from './session-host';
import type { StatusUpdate } from '../../config/observers';
import { StatusReport } from './status-report';
import type { StreamPosition } from './stream-position';

/** Tells the server how far the stream has come: as the interval asks, and when there is something new. */
export class StatusSender {
  readonly #host: SessionHost;
  readonly #ledger: Ledger;
  readonly #position: StreamPosition;
  readonly #slotLsn: Lsn;
  readonly #report: StatusReport;

  /** @param slotLsn where the slot stood as the stream started */
  constructor(host: SessionHost, ledger: Ledger, position: StreamPosition, slotLsn: Lsn) {
    this.#host = host;
    this.#ledger = ledger;
    this.#position = position;
    this.#slotLsn = slotLsn;
    this.#report = new StatusReport(host.elapsed());
  }

  get status(): Omit<StatusUpdate, 'paused'> {
    return {
      receivedLsn: this.#receivedLsn,
      confirmedLsn: this.#confirmedLsn,
      unackedMessages: this.#ledger.unackedMessages,
      unackedBytes: this.#ledger.unackedBytes,
    };
  }

  get #receivedLsn(): Lsn {
    return maxLsn(this.#position.received, this.#ledger.confirmed);
  }

  /** To confirm less than where the slot stands would tell older servers to go back. */
  get #confirmedLsn(): Lsn {
    const { confirmed } = this.#ledger;
    return confirmed < this.#slotLsn ? 0n : confirmed;
  }

  /** The server wants to hear from us. */
  oweAnswer(): void {
    this.#report.oweAnswer();
  }

  /** Whether the last report is so many ms ago. */
  isOlderThan(ms: number): boolean {
    return this.#report.isOlderThan(ms, this.#host.elapsed());
  }

  /** In how many ms a report is due; undefined when only the interval asks for one. */
  dueIn(): number | undefined {
    return this.#report.dueIn(this.#receivedLsn, this.#confirmedLsn, this.#host.elapsed());
  }

  /** @param ask whether the server shall answer */
  send(ask: boolean): void {
    const host = this.#host;
    host.send(this.#report.encode(this.#receivedLsn, this.#confirmedLsn, host.elapsed(), host.clock(), ask));
  }
}
