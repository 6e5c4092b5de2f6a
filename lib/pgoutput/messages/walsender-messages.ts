import { Delivery } from '../../ledger/acknowledgement';
import type { Checkpoint } from '../../ledger/checkpoint';
import type { Lsn } from '../../common/lsn';
import { Message } from './message';

/**
 * The server tells how far it has read. Needs no acknowledgement, except where the consumer keeps the position (`startLsn`
 * as a function): there the slot moves to `walEnd` only once that is acknowledged. While something else awaits one, a keepalive follows
 * another only after 100 ms: of several, the last comes.
 */
export class KeepaliveMessage extends Message {
  readonly kind = 'keepalive';
  constructor(
    /** Everything that this stream will send and that committed before here has been sent. */
    readonly walEnd: Lsn,
    /** When the server sent this, by its own clock; PostgreSQL's µs are cut to ms, as a Date has no more. */
    readonly serverTime: Date,
    /** Whether the server asked for a prompt status update; the library has seen to it. */
    readonly replyRequested: boolean,
  ) {
    super();
  }

  /** As in {@link CommitMessage.checkpoint}, for progress without changes. */
  get checkpoint(): Checkpoint {
    return Delivery.checkpointOf(this, this.walEnd);
  }
}

/**
 * What another plugin than pgoutput wrote by one call, as it came. Acknowledging it confirms the highest `dataStart` so
 * far, once all that was delivered before it is acknowledged too.
 *
 * Source: PostgreSQL manual, "Streaming Replication Protocol", XLogData.
 */
export class XLogDataMessage extends Message {
  readonly kind = 'xlogData';
  constructor(
    /**
     * The WAL position that the server gives it: a change's own, at the begin of a transaction the first change's, at its
     * commit the end LSN; 0 where the plugin writes more for the same record. It goes back between transactions that ran at
     * the same time: neither an order nor an offset to resume from.
     */
    readonly dataStart: Lsn,
    /** The same as `dataStart`. It is the end of the server's WAL in physical replication only. */
    readonly walEnd: Lsn,
    /** When the server sent this, by its own clock; PostgreSQL's µs are cut to ms, as a Date has no more. */
    readonly serverTime: Date,
    /** The plugin's output, in a format of its own: text in UTF-8, or bytes. A copy, the subscriber's to keep. */
    readonly data: Buffer,
  ) {
    super();
  }
}
