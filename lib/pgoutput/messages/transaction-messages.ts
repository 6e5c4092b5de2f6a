import { Delivery } from '../../ledger/acknowledgement';
import type { Checkpoint } from '../../ledger/checkpoint';
import type { Lsn } from '../../common/lsn';
import { Message } from './message';
import type { Column, Relation, ReplicaIdentity } from './table';

/** A committed transaction starts. Everything up to its {@link CommitMessage} belongs to it. */
export class BeginMessage extends Message {
  readonly kind = 'begin';
  constructor(
    /** Where the commit record starts. The transaction is sent again if and only if this is at or after the start position. */
    readonly commitLsn: Lsn,
    /**
     * When it was committed, by the server's clock; PostgreSQL's µs are cut to ms, as a Date has no more. Of a transaction
     * replicated to this server it is the origin's time, so that it may go back from one transaction to the next.
     */
    readonly commitTime: Date,
    /** The transaction's id. It is 32 bits wide and wraps: no order follows from it. */
    readonly xid: number,
  ) {
    super();
  }
}

/** A transaction is complete. */
export class CommitMessage extends Message {
  readonly kind = 'commit';
  constructor(
    /** Where the commit record starts. */
    readonly commitLsn: Lsn,
    /** Where the commit record ends: the position that is confirmed once the transaction is settled. */
    readonly endLsn: Lsn,
    /** As in {@link BeginMessage.commitTime}: cut to ms, the origin's time when replicated, not monotonic. */
    readonly commitTime: Date,
  ) {
    super();
  }

  /** To store beside the data, where the consumer keeps the position; see {@link Checkpoint}. */
  get checkpoint(): Checkpoint {
    return Delivery.checkpointOf(this, this.endLsn);
  }
}

/** The transaction was replicated to this server from elsewhere. Follows Begin. */
export class OriginMessage extends Message {
  readonly kind = 'origin';
  constructor(
    /** What this server calls the replication origin: `roname` in `pg_replication_origin`. */
    readonly name: string,
    /** The commit LSN on the server where it was first made. */
    readonly originLsn: Lsn,
  ) {
    super();
  }
}

/** A table's description, sent before its first change and again whenever it may have changed. */
export class RelationMessage extends Message implements Relation {
  readonly kind = 'relation';
  constructor(
    readonly oid: number,
    readonly schema: string,
    readonly name: string,
    readonly table: string,
    readonly replicaIdentity: ReplicaIdentity,
    readonly columns: readonly Column[],
  ) {
    super();
  }
}

/** The name of a type that is not built in. A domain has its own OID here and the name of its base type. */
export class TypeMessage extends Message {
  readonly kind = 'type';
  constructor(
    readonly oid: number,
    readonly schema: string,
    readonly name: string,
  ) {
    super();
  }
}
