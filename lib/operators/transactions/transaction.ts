import { inspect } from 'node:util';
import { Delivery } from '../../ledger/acknowledgement';
import type { Checkpoint } from '../../ledger/checkpoint';
import { maxLsn, type Lsn } from '../../common/lsn';
import { Message } from '../../pgoutput/messages/message';
import type { Change } from '../../pgoutput/messages/messages';
import type { AnyTables } from '../../pgoutput/messages/typed-tables';
import type { ChangeList } from './change-list';

/** What a transaction is to its reader, however it came and whatever became of it. */
abstract class Changes<Tables extends object> extends Message implements Iterable<Change<Tables>> {
  /** How many changes it has. */
  readonly size: number;
  readonly #changes: ChangeList<Tables>;

  constructor(changes: ChangeList<Tables>) {
    super();
    this.size = changes.size;
    this.#changes = changes;
  }

  abstract readonly endLsn: Lsn;

  /**
   * For operators that have taken it: its changes can be read until they release it, also once its stream is over.
   *
   * @internal
   */
  static hold(value: object): void {
    if (#changes in value) value.#changes.hold();
  }

  /**
   * For operators: nothing reads the changes any more, whether or not they were acknowledged.
   *
   * @internal
   */
  static release(value: object): void {
    if (#changes in value) value.#changes.release();
  }

  /**
   * For reports of what failed.
   *
   * @internal
   */
  static tablesOf(value: object): readonly string[] {
    return #changes in value ? value.#changes.tables : [];
  }

  /**
   * To be stored together with the data, where the consumer keeps the position; see {@link Checkpoint}. Stored by one work
   * at a time, in commit order.
   */
  get checkpoint(): Checkpoint {
    return Delivery.checkpointOf(this, this.endLsn);
  }

  /**
   * The changes in the order in which they were made. Of a transaction that was spooled this reads all of them into memory:
   * iterate over it instead.
   */
  get changes(): readonly Change<Tables>[] {
    return this.#changes.toArray();
  }

  override get ack(): () => boolean {
    const settle = super.ack;
    return () => {
      const done = settle();
      // In time or not, the changes are not needed any more.
      this.#changes.release();
      return done;
    };
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
 * A committed transaction with all its changes. Iterate over it, or use `changes`; acknowledging it settles all of it.
 *
 * One that came in blocks and was too large for memory is read from a spool file as one iterates; its JSON does not show its
 * changes. They can be read until it is acknowledged, or until its stream has failed, was unsubscribed from, or has completed
 * and then closed its connection. (With `confirm: false` a completed stream leaves them readable.) An iteration that has
 * begun goes on to its end, and so does a work of `ackAfter`. Afterwards reading throws `CHANGES_RELEASED`.
 *
 * @example
 * for (const change of tx) if (change.kind === 'insert') console.log(change.table, change.new);
 */
export class Transaction<Tables extends object = AnyTables> extends Changes<Tables> {
  /**
   * `progress` for a transaction that is none: where the consumer keeps the position (`startLsn` as a function), it carries
   * a later one to store while nothing is committed to the published tables. It has no changes and an
   * xid of 0, all its LSNs are that position, and its commit time is the server's clock.
   */
  readonly kind: 'transaction' | 'progress';

  constructor(
    /** The transaction's id. It is 32 bits wide and wraps: no order follows from it. */
    readonly xid: number,
    /** Where the commit record starts. It grows from one transaction to the next. */
    readonly commitLsn: Lsn,
    /** Where the commit record ends: the position that is confirmed once the transaction is acknowledged. */
    readonly endLsn: Lsn,
    /** As in {@link CommitMessage.commitTime}: cut to ms, the origin's time when replicated, not monotonic. */
    readonly commitTime: Date,
    /** The replication origin's name, where the transaction was replicated to this server from elsewhere. */
    readonly origin: string | undefined,
    changes: ChangeList<Tables>,
    kind: 'transaction' | 'progress' = 'transaction',
  ) {
    super(changes);
    this.kind = kind;
  }
}

/**
 * A prepared transaction with all its changes, which do not count yet: a `commitPrepared` or `rollbackPrepared` message
 * with the same `gid` and `xid` tells later how it ended. Acknowledging it says that its changes are stored for good, as
 * they are not sent again. What is rather held until it has ended stays unacknowledged until then, and does not count
 * against the window.
 *
 * One that was prepared before its slot was for two-phase commit comes only when it is committed, right before its
 * `commitPrepared`, and with each start until that is confirmed: a store has to accept it twice.
 *
 * It comes even where it has no changes for this stream, so that each end has a beginning. One that was rolled back before
 * the server came to read it may come with some of its changes, or none.
 */
export class PreparedTransaction<Tables extends object = AnyTables> extends Changes<Tables> {
  readonly kind = 'preparedTransaction';

  constructor(
    /** The global identifier, as PREPARE TRANSACTION names it. */
    readonly gid: string,
    /** The transaction's id. It is 32 bits wide and wraps: no order follows from it. */
    readonly xid: number,
    /** Where the prepare record starts. Its changes have it as their commit LSN. */
    readonly prepareLsn: Lsn,
    /** Where the prepare record ends: the position that is confirmed once it is acknowledged. */
    readonly endLsn: Lsn,
    /** When it was prepared, by the server's clock; µs are cut to ms. */
    readonly prepareTime: Date,
    /** As in {@link Transaction.origin}. */
    readonly origin: string | undefined,
    changes: ChangeList<Tables>,
  ) {
    super(changes);
  }

  /** As in {@link PrepareMessage.checkpoint}. */
  override get checkpoint(): Checkpoint {
    return Delivery.checkpointOf(this, maxLsn(this.endLsn, Delivery.getHandle(this)?.session.confirmed ?? 0n));
  }
}
