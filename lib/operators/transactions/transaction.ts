import { inspect } from 'node:util';
import { Delivery, type DeliveryState } from '../../ledger/acknowledgement';
import type { Checkpoint } from '../../ledger/checkpoint';
import { maxLsn, type Lsn } from '../../common/lsn';
import { Message } from '../../pgoutput/messages/message';
import type { Change } from '../../pgoutput/messages/messages';
import type { AnyTables } from '../../pgoutput/messages/typed-tables';
import type { ChangeList } from './change-list';

/** The common members of committed and prepared transactions, and of batches of copied rows. */
abstract class Changes<Tables extends object> extends Message implements Iterable<Change<Tables>> {
  /** The number of changes. */
  readonly size: number;
  readonly #changes: ChangeList<Tables>;
  #state: DeliveryState | undefined;

  constructor(changes: ChangeList<Tables>) {
    super();
    this.size = changes.size;
    this.#changes = changes;
  }

  /** @internal */
  override get deliveryState(): DeliveryState | undefined {
    return this.#state;
  }

  /** @internal */
  override set deliveryState(state: DeliveryState | undefined) {
    this.#state = state;
  }

  /**
   * Keeps the changes readable until `release`, even after the stream has ended. For operators.
   *
   * @internal
   */
  static hold(value: object): void {
    if (#changes in value) value.#changes.hold();
  }

  /**
   * Releases the changes, acknowledged or not: no new iteration can start. For operators.
   *
   * @internal
   */
  static release(value: object): void {
    if (#changes in value) value.#changes.release();
  }

  /**
   * Returns the names of the changed tables, for error reports.
   *
   * @internal
   */
  static tablesOf(value: object): readonly string[] {
    return #changes in value ? value.#changes.tables : [];
  }

  /**
   * The changes in their order in the transaction. If the transaction is in the spool file, this reads all changes into
   * memory; iterate over the transaction instead.
   *
   * @throws {ReplicationError} `CHANGES_RELEASED`, as iterating does; `SPOOL_FAILED` when the spool file cannot be read
   */
  get changes(): readonly Change<Tables>[] {
    return this.#changes.toArray();
  }

  /** @internal */
  override acknowledge(): boolean {
    const done = super.acknowledge();
    this.#changes.release();
    return done;
  }

  [Symbol.iterator](): Iterator<Change<Tables>> {
    return this.#changes[Symbol.iterator]();
  }

  override toJSON(): Record<string, unknown> {
    const { shown } = this.#changes;
    return { ...super.toJSON(), ...(shown && { changes: shown }) };
  }

  /** @internal */
  override [inspect.custom](): object {
    const { shown } = this.#changes;
    const members = super[inspect.custom]();
    return shown ? Object.defineProperty(members, 'changes', { value: shown, enumerable: true }) : members;
  }
}

/**
 * A committed transaction with all its changes. Iterate over it, or use `changes`. Its acknowledgement covers all changes.
 *
 * A streamed transaction that exceeds `maxBytes` is in a spool file. Iterating reads the file block by block, and the JSON
 * form omits the changes. They are readable until the transaction is acknowledged, or its stream fails, is unsubscribed from,
 * or completes and closes its connection (with `confirm: false` they stay readable after completion). Iterations and
 * `ackAfter` work that have started by then can finish; a later read throws a {@link ReplicationError} with code
 * `CHANGES_RELEASED`. If the file cannot be read, iterating throws `SPOOL_FAILED`.
 *
 * @example
 * for (const change of tx) if (change.kind === 'insert') console.log(change.table, change.new);
 */
export class Transaction<Tables extends object = AnyTables> extends Changes<Tables> {
  /**
   * `progress` if `startLsn` is a function and nothing was committed to the published tables: an empty transaction whose
   * `checkpoint` advances the stored position. Its `xid` is 0, both LSNs are the new position, and `commitTime` is the time
   * by the server's clock.
   */
  readonly kind: 'transaction' | 'progress';

  constructor(
    /** The transaction ID. It has 32 bits and wraps around: do not order by it. */
    readonly xid: number,
    /** The start of the commit record. It increases from one transaction to the next. */
    readonly commitLsn: Lsn,
    /** The end of the commit record. The library confirms this position once the transaction is acknowledged. */
    readonly endLsn: Lsn,
    /** As in {@link BeginMessage.commitTime}: truncated to ms, not monotonic. */
    readonly commitTime: Date,
    /** The name of the replication origin. Undefined if the transaction was not replicated to this server. */
    readonly origin: string | undefined,
    changes: ChangeList<Tables>,
    kind: 'transaction' | 'progress' = 'transaction',
  ) {
    super(changes);
    this.kind = kind;
  }

  /**
   * Store it together with the data if `startLsn` is a function; see {@link Checkpoint}. Store checkpoints in commit order:
   * use `ackAfter` with a concurrency of 1.
   */
  get checkpoint(): Checkpoint {
    return Delivery.checkpointOf(this, this.endLsn);
  }
}

/**
 * A prepared transaction with all its changes. They have not taken effect: a later `commitPrepared` or `rollbackPrepared`
 * message with the same `gid` and `xid` commits them or rolls them back. Acknowledge it only after you have stored its
 * changes durably, because the server does not send them again. Or hold the changes, and acknowledge it after the
 * `commitPrepared` or `rollbackPrepared`; meanwhile it does not count against the window.
 *
 * A transaction that was prepared before `two_phase` was enabled for the slot is sent when it is committed, directly before
 * its `commitPrepared`. The server sends it again at each start until that message is confirmed, so store it idempotently.
 *
 * The library also emits prepared transactions without changes, so that every `commitPrepared` or `rollbackPrepared` has one
 * before it. A transaction that is rolled back before the server has decoded it can lack some or all of its changes.
 *
 * Reading its changes throws the same errors as with {@link Transaction}.
 *
 * @example
 * logicalReplication({ ...config, twoPhase: true })
 *   .pipe(
 *     transactions(),
 *     ackAfter((tx) => (tx.kind === 'preparedTransaction' ? savePrepared(tx.gid, tx.changes) : finish(tx))),
 *   )
 *   .subscribe();
 */
export class PreparedTransaction<Tables extends object = AnyTables> extends Changes<Tables> {
  readonly kind = 'preparedTransaction';

  constructor(
    /** The global transaction identifier from PREPARE TRANSACTION. */
    readonly gid: string,
    /** The transaction ID. It has 32 bits and wraps around: do not order by it. */
    readonly xid: number,
    /** The start of the prepare record. It is the `commitLsn` of the changes. */
    readonly prepareLsn: Lsn,
    /** The end of the prepare record. The library confirms this position once the transaction is acknowledged. */
    readonly endLsn: Lsn,
    /** The prepare time by the server's clock, truncated from µs to ms. */
    readonly prepareTime: Date,
    /** As in {@link Transaction.origin}. */
    readonly origin: string | undefined,
    changes: ChangeList<Tables>,
  ) {
    super(changes);
  }

  /** As in {@link PrepareMessage.checkpoint}. */
  get checkpoint(): Checkpoint {
    return Delivery.checkpointOf(this, maxLsn(this.endLsn, Delivery.getHandle(this)?.session.resumeLsn ?? 0n));
  }
}

/**
 * A batch of rows of one table, of an initial copy. Iterate over it as over a {@link Transaction}: its changes are inserts. Its
 * acknowledgement covers all rows.
 *
 * @example
 * for (const change of batch) if (change.kind === 'insert') rows.push(change.new);
 */
export class CopyBatch<Tables extends object = AnyTables> extends Changes<Tables> {
  readonly kind = 'copyBatch';

  constructor(
    /** As in {@link InsertMessage.table}. */
    readonly table: keyof Tables & string,
    /** As in {@link CopyProgressMessage.rows}: the number of rows of the table so far, with those of this batch. */
    readonly rows: number,
    /** As in {@link CopyProgressMessage.bytes}. */
    readonly bytes: number,
    changes: ChangeList<Tables>,
  ) {
    super(changes);
  }
}
