import { maxLsn, type Lsn } from '../../common/lsn';
import type { Ledger } from '../../ledger/ledger';
import type { SessionEnd } from '../../ledger/stream-history';
import type { SessionOptions } from './session-ports';
import type { ReportedPositions } from './status-sender';
import type { StreamPosition } from './stream-position';

/**
 * The positions of a session, as the server, operators and the next session need them. What may be confirmed is decided in
 * `ConfirmationQueue`.
 */
export class SessionPositions implements ReportedPositions {
  readonly #ledger: Ledger;
  readonly #stream: StreamPosition;
  readonly #options: SessionOptions;
  readonly #slotLsn: Lsn;
  readonly #startLsn: Lsn;

  constructor(ledger: Ledger, stream: StreamPosition, options: SessionOptions) {
    this.#ledger = ledger;
    this.#stream = stream;
    this.#options = options;
    this.#slotLsn = options.slotLsn ?? 0n;
    this.#startLsn = options.startLsn ?? 0n;
  }

  get receivedLsn(): Lsn {
    return maxLsn(this.#stream.received, this.#ledger.confirmed);
  }

  /** 0 for what is less than the slot's position: reporting less would move the slot back on older servers. */
  get confirmedLsn(): Lsn {
    const { confirmed } = this.#ledger;
    return confirmed < this.#slotLsn ? 0n : confirmed;
  }

  /** Everything that commits before it is not delivered again. */
  get resumeLsn(): Lsn {
    return maxLsn(this.#ledger.confirmed, this.#startLsn);
  }

  /**
   * What a later session compares to tell whether everything delivered was confirmed.
   *
   * @param isReported whether the server has received the last status update
   */
  getEnd(isReported: boolean, wasStopped: boolean): SessionEnd {
    const { confirm, progressInterval } = this.#options;
    const { receivedLsn } = this;
    // Nothing is confirmed: after a stop, everything received is done.
    if (!confirm) return { delivered: receivedLsn, confirmed: isReported && wasStopped ? receivedLsn : 0n };
    // The slot has to reach the position of the consumer's store.
    const storedLsn = progressInterval !== undefined && this.#startLsn > this.#slotLsn ? this.#startLsn : 0n;
    return {
      delivered: maxLsn(this.#ledger.delivered, storedLsn),
      confirmed: isReported ? maxLsn(this.confirmedLsn, this.#slotLsn) : 0n,
    };
  }
}
