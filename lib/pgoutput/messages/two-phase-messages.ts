import { Delivery } from '../../ledger/acknowledgement';
import type { Checkpoint } from '../../ledger/checkpoint';
import { maxLsn, type Lsn } from '../../common/lsn';
import { Message } from './message';

/** A prepared transaction starts. Everything up to its {@link PrepareMessage} belongs to it. */
export class BeginPrepareMessage extends Message {
  readonly kind = 'beginPrepare';
  constructor(
    /** The transaction's global identifier, as PREPARE TRANSACTION names it. It may be used again once that one has ended. */
    readonly gid: string,
    readonly xid: number,
    /** Where the prepare record starts. */
    readonly prepareLsn: Lsn,
    /** Where the prepare record ends. */
    readonly endLsn: Lsn,
    /** When it was prepared, by the server's clock; µs are cut to ms. */
    readonly prepareTime: Date,
  ) {
    super();
  }
}

/** What the ends of both phases have in common. */
abstract class PhaseMessage extends Message {
  constructor(
    /** As in {@link BeginPrepareMessage.gid}. */
    readonly gid: string,
    readonly xid: number,
  ) {
    super();
  }

  /** What is confirmed by acknowledging it. */
  abstract readonly endLsn: Lsn;

  /**
   * As in {@link CommitMessage.checkpoint}. It never goes back: what was prepared before the slot was for two-phase commit
   * comes only as it ends, behind others that were prepared or committed later.
   */
  get checkpoint(): Checkpoint {
    return Delivery.checkpointOf(this, maxLsn(this.endLsn, Delivery.getHandle(this)?.session.confirmed ?? 0n));
  }
}

/**
 * A transaction is prepared: its changes are complete, and whether they count is told by a later Commit Prepared or
 * Rollback Prepared. To acknowledge it says that its changes are stored for good, as they do not come again then.
 */
export class PrepareMessage extends PhaseMessage {
  readonly kind = 'prepare';
  constructor(
    gid: string,
    xid: number,
    /** Where the prepare record starts. */
    readonly prepareLsn: Lsn,
    /** Where the prepare record ends: the position that is confirmed once it is settled. */
    readonly endLsn: Lsn,
    /** As in {@link BeginPrepareMessage.prepareTime}. */
    readonly prepareTime: Date,
  ) {
    super(gid, xid);
  }
}

/** The same for a transaction that was streamed in blocks. */
export class StreamPrepareMessage extends PhaseMessage {
  readonly kind = 'streamPrepare';
  constructor(
    gid: string,
    xid: number,
    /** Where the prepare record starts. */
    readonly prepareLsn: Lsn,
    /** Where the prepare record ends: the position that is confirmed once it is settled. */
    readonly endLsn: Lsn,
    /** As in {@link BeginPrepareMessage.prepareTime}. */
    readonly prepareTime: Date,
  ) {
    super(gid, xid);
  }
}

/** A prepared transaction is committed. */
export class CommitPreparedMessage extends PhaseMessage {
  readonly kind = 'commitPrepared';
  constructor(
    gid: string,
    xid: number,
    /** Where the commit record starts. */
    readonly commitLsn: Lsn,
    /** Where the commit record ends: the position that is confirmed once it is settled. */
    readonly endLsn: Lsn,
    /** When it was committed, by the server's clock; µs are cut to ms. */
    readonly commitTime: Date,
  ) {
    super(gid, xid);
  }
}

/** A prepared transaction is rolled back: it never happened. */
export class RollbackPreparedMessage extends PhaseMessage {
  readonly kind = 'rollbackPrepared';
  constructor(
    gid: string,
    xid: number,
    /** Where the prepare record ended: {@link PrepareMessage.endLsn} of what is rolled back. */
    readonly prepareEndLsn: Lsn,
    /** Where the record of the rollback ends: the position that is confirmed once it is settled. */
    readonly endLsn: Lsn,
    /** As in {@link BeginPrepareMessage.prepareTime}. */
    readonly prepareTime: Date,
    /** When it was rolled back, by the server's clock; µs are cut to ms. */
    readonly rollbackTime: Date,
  ) {
    super(gid, xid);
  }
}
