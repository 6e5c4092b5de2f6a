import { inspect } from 'node:util';
import { Delivery } from '../acknowledgement';
import type { Checkpoint } from '../checkpoint';
import type { Lsn } from '../lsn';
import { Message } from '../pgoutput/message';
import { type Change } from '../pgoutput/messages';

/**
 * A committed transaction with all its changes. Iterate over it, or use `changes`; acknowledging it settles all of it.
 *
 * @example
 * for (const change of tx) if (change.kind === 'insert') console.log(change.table, change.new);
 */
export class Transaction extends Message implements Iterable<Change> {
  /**
   * `progress` for a transaction that is none: where the consumer keeps the position (`startLsn` as a function), it carries
   * a later one to store while nothing is committed to the published tables. It has no changes and an
   * xid of 0, all its LSNs are that position, and its commit time is the server's clock.
   */
  readonly kind: 'transaction' | 'progress';
  /** How many changes it has. */
  readonly size: number;
  readonly #changes: readonly Change[];

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
    changes: readonly Change[],
    kind: 'transaction' | 'progress' = 'transaction',
  ) {
    super();
    this.kind = kind;
    this.size = changes.length;
    this.#changes = changes;
  }

  /**
   * To be stored together with the data, where the consumer keeps the position; see {@link Checkpoint}. Stored by one work
   * at a time, in commit order.
   */
  get checkpoint(): Checkpoint {
    return Delivery.checkpointOf(this, this.endLsn);
  }

  /** The changes in the order in which they were made. */
  get changes(): readonly Change[] {
    return this.#changes;
  }

  [Symbol.iterator](): Iterator<Change> {
    return this.#changes[Symbol.iterator]();
  }

  override toJSON(): Record<string, unknown> {
    return { ...super.toJSON(), changes: this.#changes };
  }

  /** @internal */
  override [inspect.custom](): object {
    return Object.defineProperty(super[inspect.custom](), 'changes', { value: this.#changes, enumerable: true });
  }
}
