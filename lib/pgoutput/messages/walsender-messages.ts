import { Delivery } from '../../ledger/acknowledgement';
import type { Checkpoint } from '../../ledger/checkpoint';
import type { Lsn } from '../../common/lsn';
import { RareMessage } from './message';

/**
 * A keepalive of the server, with the WAL position that it has reached. It needs no acknowledgement, unless `startLsn` is a
 * function: then the slot advances to `walEnd` only after you acknowledge it. While other messages are unacknowledged, the
 * library emits at most one keepalive per 100 ms, the latest.
 */
export class KeepaliveMessage extends RareMessage {
  readonly kind = 'keepalive';
  constructor(
    /** The server has sent all published transactions that committed before this position. */
    readonly walEnd: Lsn,
    /** The send time by the server's clock, truncated from µs to ms. */
    readonly serverTime: Date,
    /** Whether the server requested an immediate status update. The library sends it. */
    readonly replyRequested: boolean,
  ) {
    super();
  }

  /** As in {@link CommitMessage.checkpoint}. Store it to advance the position without changes. */
  get checkpoint(): Checkpoint {
    return Delivery.checkpointOf(this, this.walEnd);
  }
}

/**
 * The raw output of a plugin other than pgoutput: one XLogData message. Once it and all messages before it are acknowledged,
 * the library confirms the highest `dataStart` so far.
 *
 * Source: PostgreSQL manual, "Streaming Replication Protocol", XLogData.
 */
export class XLogDataMessage extends RareMessage {
  readonly kind = 'xlogData';
  constructor(
    /**
     * The WAL position that the server assigns: the LSN of a change; for a begin, the LSN of the first change; for a commit,
     * the end LSN; 0 if the plugin writes several messages for one record. It can decrease between concurrent transactions:
     * do not order by it or resume from it.
     */
    readonly dataStart: Lsn,
    /** Equal to `dataStart`. Only physical replication sends the end of the server's WAL here. */
    readonly walEnd: Lsn,
    /** The send time by the server's clock, truncated from µs to ms. */
    readonly serverTime: Date,
    /** The output of the plugin: UTF-8 text or bytes, as the plugin defines. It is a copy, which you may keep. */
    readonly data: Buffer,
  ) {
    super();
  }
}
