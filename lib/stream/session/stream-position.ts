import { maxLsn, type Lsn } from '../../common/lsn';
import { getEndLsn, isInTransaction } from '../../pgoutput/messages/message-facts';
import type { StreamMessage } from '../../pgoutput/messages/messages';

/** How far a stream has come, by the messages that have been read. */
export class StreamPosition {
  #received: Lsn = 0n;
  #inTransaction = false;

  /** Everything that ends before here has been received. */
  get received(): Lsn {
    return this.#received;
  }

  /** Whether what was read last belongs to a transaction, or a block of one, of which more is to come. */
  get inTransaction(): boolean {
    return this.#inTransaction;
  }

  take(message: StreamMessage): void {
    switch (message.kind) {
      case 'keepalive':
        this.#reach(message.walEnd);
        return;
      case 'xlogData':
        this.#reach(message.dataStart);
        return;
      default:
        this.#inTransaction = isInTransaction(message, this.#inTransaction);
        this.#reach(getEndLsn(message) ?? 0n);
    }
  }

  #reach(lsn: Lsn): void {
    this.#received = maxLsn(this.#received, lsn);
  }
}
