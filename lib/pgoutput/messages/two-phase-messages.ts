import { Delivery } from '../../ledger/acknowledgement';
import type { Checkpoint } from '../../ledger/checkpoint';
import { maxLsn, type Lsn } from '../../common/lsn';
import { RareMessage } from './message';

/** The start of a prepared transaction. All messages up to the {@link PrepareMessage} belong to it. */
export class BeginPrepareMessage extends RareMessage {
  readonly kind = 'beginPrepare';
  constructor(
    /** The global transaction identifier from PREPARE TRANSACTION. It can be reused once the transaction has ended. */
    readonly gid: string,
    readonly xid: number,
    /** The start of the prepare record. */
    readonly prepareLsn: Lsn,
    /** The end of the prepare record. */
    readonly endLsn: Lsn,
    /** The prepare time by the server's clock, truncated from µs to ms. */
    readonly prepareTime: Date,
  ) {
    super();
  }
}

/** The common members of the messages that end a phase of two-phase commit. */
abstract class PhaseMessage extends RareMessage {
  constructor(
    /** As in {@link BeginPrepareMessage.gid}. */
    readonly gid: string,
    readonly xid: number,
  ) {
    super();
  }

  /** The position that the library confirms once the message is acknowledged. */
  abstract readonly endLsn: Lsn;

  /**
   * As in {@link CommitMessage.checkpoint}. It never decreases, although `endLsn` can: a transaction that was prepared before
   * `two_phase` was enabled for the slot is sent only when it is committed.
   */
  get checkpoint(): Checkpoint {
    return Delivery.checkpointOf(this, maxLsn(this.endLsn, Delivery.getHandle(this)?.session.resumeLsn ?? 0n));
  }
}

/**
 * The end of a prepared transaction. A later Commit Prepared or Rollback Prepared message decides whether its changes take
 * effect. Acknowledge it only after its changes are stored durably: the server does not send them again.
 */
export class PrepareMessage extends PhaseMessage {
  readonly kind = 'prepare';
  constructor(
    gid: string,
    xid: number,
    /** The start of the prepare record. */
    readonly prepareLsn: Lsn,
    /** The end of the prepare record. The library confirms this position once the message is acknowledged. */
    readonly endLsn: Lsn,
    /** As in {@link BeginPrepareMessage.prepareTime}. */
    readonly prepareTime: Date,
  ) {
    super(gid, xid);
  }
}

/** The end of a prepared transaction that was streamed in blocks; otherwise as {@link PrepareMessage}. */
export class StreamPrepareMessage extends PhaseMessage {
  readonly kind = 'streamPrepare';
  constructor(
    gid: string,
    xid: number,
    /** The start of the prepare record. */
    readonly prepareLsn: Lsn,
    /** The end of the prepare record. The library confirms this position once the message is acknowledged. */
    readonly endLsn: Lsn,
    /** As in {@link BeginPrepareMessage.prepareTime}. */
    readonly prepareTime: Date,
  ) {
    super(gid, xid);
  }
}

/** The commit of a prepared transaction. */
export class CommitPreparedMessage extends PhaseMessage {
  readonly kind = 'commitPrepared';
  constructor(
    gid: string,
    xid: number,
    /** The start of the commit record. */
    readonly commitLsn: Lsn,
    /** The end of the commit record. The library confirms this position once the message is acknowledged. */
    readonly endLsn: Lsn,
    /** The commit time by the server's clock, truncated from µs to ms. */
    readonly commitTime: Date,
  ) {
    super(gid, xid);
  }
}

/** The rollback of a prepared transaction: discard its changes. */
export class RollbackPreparedMessage extends PhaseMessage {
  readonly kind = 'rollbackPrepared';
  constructor(
    gid: string,
    xid: number,
    /** The end of the prepare record: {@link PrepareMessage.endLsn} of the same transaction. */
    readonly prepareEndLsn: Lsn,
    /** The end of the rollback record. The library confirms this position once the message is acknowledged. */
    readonly endLsn: Lsn,
    /** As in {@link BeginPrepareMessage.prepareTime}. */
    readonly prepareTime: Date,
    /** The rollback time by the server's clock, truncated from µs to ms. */
    readonly rollbackTime: Date,
  ) {
    super(gid, xid);
  }
}
