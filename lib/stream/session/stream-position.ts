import { maxLsn, type Lsn } from '../../common/lsn';
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
      // Most messages are one of these.
      case 'insert':
      case 'update':
      case 'delete':
        return;
      case 'begin':
      case 'beginPrepare':
      case 'streamStart':
        this.#inTransaction = true;
        return;
      case 'streamStop':
        this.#inTransaction = false;
        return;
      case 'commit':
      case 'prepare':
        this.#inTransaction = false;
        this.#reach(message.endLsn);
        return;
      case 'streamCommit':
      case 'streamPrepare':
      case 'commitPrepared':
      case 'rollbackPrepared':
        this.#reach(message.endLsn);
        return;
      case 'keepalive':
        this.#reach(message.walEnd);
        return;
      case 'xlogData':
        this.#reach(message.dataStart);
        return;
      default:
    }
  }

  #reach(lsn: Lsn): void {
    this.#received = maxLsn(this.#received, lsn);
  }
}
