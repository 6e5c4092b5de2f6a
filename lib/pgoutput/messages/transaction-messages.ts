import { Delivery, type DeliveryState } from '../../ledger/acknowledgement';
import type { Checkpoint } from '../../ledger/checkpoint';
import type { Lsn } from '../../common/lsn';
import { Message, RareMessage } from './message';
import type { Column, Relation, ReplicaIdentity } from './table';

/** The start of a committed transaction. All messages up to the {@link CommitMessage} belong to it. */
export class BeginMessage extends Message {
  readonly kind = 'begin';
  #state: DeliveryState | undefined;

  constructor(
    /** The start of the commit record. The server sends the transaction again if this is at or after the start position. */
    readonly commitLsn: Lsn,
    /**
     * The commit time by the server's clock, truncated from µs to ms. For a transaction that was replicated to this server
     * it is the commit time at the origin, so commit times are not monotonic.
     */
    readonly commitTime: Date,
    /** The transaction ID. It has 32 bits and wraps around: do not order by it. */
    readonly xid: number,
  ) {
    super();
  }

  /** @internal */
  override get deliveryState(): DeliveryState | undefined {
    return this.#state;
  }

  /** @internal */
  override set deliveryState(state: DeliveryState | undefined) {
    this.#state = state;
  }
}

/** The end of a committed transaction. */
export class CommitMessage extends Message {
  readonly kind = 'commit';
  #state: DeliveryState | undefined;

  constructor(
    /** The start of the commit record. */
    readonly commitLsn: Lsn,
    /** The end of the commit record. The library confirms this position once the transaction is acknowledged. */
    readonly endLsn: Lsn,
    /** As in {@link BeginMessage.commitTime}: truncated to ms, not monotonic. */
    readonly commitTime: Date,
  ) {
    super();
  }

  /** @internal */
  override get deliveryState(): DeliveryState | undefined {
    return this.#state;
  }

  /** @internal */
  override set deliveryState(state: DeliveryState | undefined) {
    this.#state = state;
  }

  /** Store it together with the data if `startLsn` is a function. See {@link Checkpoint}. */
  get checkpoint(): Checkpoint {
    return Delivery.checkpointOf(this, this.endLsn);
  }
}

/** The origin of a transaction that was replicated to this server. The server sends it after Begin. */
export class OriginMessage extends RareMessage {
  readonly kind = 'origin';
  constructor(
    /** The name of the replication origin: `roname` in `pg_replication_origin`. */
    readonly name: string,
    /** The commit LSN on the origin server. */
    readonly originLsn: Lsn,
  ) {
    super();
  }
}

/** The definition of a table. The server sends it before the first change of the table, and again after DDL. */
export class RelationMessage extends RareMessage implements Relation {
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

/** The name of a type that is not built in. For a domain, `oid` is that of the domain, `name` that of its base type. */
export class TypeMessage extends RareMessage {
  readonly kind = 'type';
  constructor(
    readonly oid: number,
    readonly schema: string,
    readonly name: string,
  ) {
    super();
  }
}
