import { Delivery } from '../../ledger/acknowledgement';
import type { Checkpoint } from '../../ledger/checkpoint';
import type { Lsn } from '../../common/lsn';
import { Message } from './message';

/**
 * A block of changes of a transaction that is still open starts. What follows up to Stream Stop belongs to it. Blocks of
 * several transactions take turns, and whole transactions may stand between them.
 *
 * Sent only with `streaming`, once the server's `logical_decoding_work_mem` is exceeded.
 */
export class StreamStartMessage extends Message {
  readonly kind = 'streamStart';
  constructor(
    /** The transaction. */
    readonly xid: number,
    /** Whether it is this transaction's first block. */
    readonly first: boolean,
  ) {
    super();
  }
}

/** The block of changes ends; the transaction goes on. */
export class StreamStopMessage extends Message {
  readonly kind = 'streamStop';
  constructor(
    /** The transaction whose block it was. */
    readonly xid: number,
  ) {
    super();
  }
}

/** A streamed transaction is committed: all that was streamed of it and not aborted counts from here on. */
export class StreamCommitMessage extends Message {
  readonly kind = 'streamCommit';
  constructor(
    readonly xid: number,
    /** Where the commit record starts. */
    readonly commitLsn: Lsn,
    /** Where the commit record ends: the position that is confirmed once the transaction is settled. */
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
 * A streamed transaction, or a subtransaction of it (a savepoint that was rolled back), is aborted: what was streamed of it
 * never happened, and needs no acknowledgement any more. Logical messages of a rolled back savepoint carry the transaction's
 * own xid, so that they cannot be told apart, and stay.
 */
export class StreamAbortMessage extends Message {
  readonly kind = 'streamAbort';
  constructor(
    /** The transaction. */
    readonly xid: number,
    /** The subtransaction; the same as `xid` where the whole transaction is aborted. */
    readonly subxid: number,
    /** Where the abort record ends; only with `streaming: 'parallel'`. */
    readonly abortLsn: Lsn | undefined,
    /** When it was aborted; only with `streaming: 'parallel'`. */
    readonly abortTime: Date | undefined,
  ) {
    super();
  }
}
