import { Delivery } from '../../ledger/acknowledgement';
import type { Checkpoint } from '../../ledger/checkpoint';
import type { Lsn } from '../../common/lsn';
import { RareMessage } from './message';

/**
 * The start of a block of changes of a transaction that is still in progress. All messages up to Stream Stop belong to the
 * block. Blocks of several transactions, and complete transactions, can alternate.
 *
 * The server sends blocks only with `streaming`, once it exceeds its `logical_decoding_work_mem`.
 */
export class StreamStartMessage extends RareMessage {
  readonly kind = 'streamStart';
  constructor(
    /** The ID of the top-level transaction. */
    readonly xid: number,
    /** Whether this is the first block of the transaction. */
    readonly first: boolean,
  ) {
    super();
  }
}

/** The end of a block of changes. The transaction continues. */
export class StreamStopMessage extends RareMessage {
  readonly kind = 'streamStop';
  constructor(
    /** The ID of the top-level transaction; the server does not send it, the library adds it. */
    readonly xid: number,
  ) {
    super();
  }
}

/** The commit of a streamed transaction: all of its changes that were not aborted take effect. */
export class StreamCommitMessage extends RareMessage {
  readonly kind = 'streamCommit';
  constructor(
    readonly xid: number,
    /** The start of the commit record. */
    readonly commitLsn: Lsn,
    /** The end of the commit record. The library confirms this position once the transaction is acknowledged. */
    readonly endLsn: Lsn,
    /** As in {@link BeginMessage.commitTime}. */
    readonly commitTime: Date,
  ) {
    super();
  }

  /** As in {@link CommitMessage.checkpoint}. */
  get checkpoint(): Checkpoint {
    return Delivery.checkpointOf(this, this.endLsn);
  }
}

/**
 * The abort of a streamed transaction, or of one of its subtransactions (a rollback to a savepoint). Discard the changes whose
 * `xid` is this `subxid`, or all changes of the transaction where `subxid` equals `xid`; they need no acknowledgement. Logical messages of a subtransaction have the `xid` of the top-level
 * transaction, so they cannot be attributed to the subtransaction and remain.
 */
export class StreamAbortMessage extends RareMessage {
  readonly kind = 'streamAbort';
  constructor(
    /** The ID of the top-level transaction. */
    readonly xid: number,
    /** The ID of the subtransaction; equal to `xid` if the whole transaction is aborted. */
    readonly subxid: number,
    /** The end of the abort record. Undefined without `streaming: 'parallel'`. */
    readonly abortLsn: Lsn | undefined,
    /** The abort time by the server's clock. Undefined without `streaming: 'parallel'`. */
    readonly abortTime: Date | undefined,
  ) {
    super();
  }
}
