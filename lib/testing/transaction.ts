import type { Lsn } from '../common/lsn';
import type { ClientOptions } from './client-options';
import type { RelationFields } from './payloads';

/** A change that has no place in a transaction yet; a {@link table} makes them. */
export interface ChangeDraft {
  /** What the server describes before it. */
  readonly relations: readonly RelationFields[];
  /** @param lsn the end of its record */
  payload(lsn: Lsn): Buffer;
}

/** Changes of a savepoint that was rolled back; {@link rolledBack} makes them. */
export interface RolledBackDraft {
  readonly rolledBack: readonly ChangeDraft[];
}

export interface TransactionOptions {
  /** Default: follows from the position. */
  readonly xid?: number;
  /** Default: now, by the server's clock. */
  readonly commitTime?: Date;
  /** The replication origin that it came from, as `pg_replication_origin` names it. Default: none. */
  readonly origin?: string;
  /** Where its commit record starts. Default: behind its changes, which follow the server's WAL. */
  readonly commitLsn?: Lsn | string;
  /** Where its commit record ends. Default: 48 bytes behind its start. */
  readonly endLsn?: Lsn | string;
  /**
   * In how many blocks it comes to a client that asks for `streaming`, as a large one does. Default: in one piece, as to
   * all others.
   */
  readonly blocks?: number;
}

/** A transaction that has no place in the WAL yet. */
export interface TransactionDraft extends TransactionOptions {
  readonly changes: readonly (ChangeDraft | RolledBackDraft)[];
}

/** A transaction in the WAL, or what else has a place there. */
export interface WalTransaction {
  /** Where its first record starts; 0 where nobody knows. */
  readonly startLsn?: Lsn;
  readonly commitLsn: Lsn;
  readonly endLsn: Lsn;
  /** What the output plugin writes of it, from Begin to Commit. */
  readonly payloads: readonly Buffer[];
  /** What it writes for a client that has asked for more. Default: the same. */
  readonly payloadsFor?: (client: ClientOptions) => readonly Buffer[];
}

/**
 * A transaction of these changes, to be committed by a fake server, or built by {@link toTransaction} and {@link toMessages}.
 *
 * @example
 * server.commit(transaction([orders.insert({ id: 1 }), orders.delete({ id: 1 })], { xid: 700 }));
 */
export function transaction(
  changes: readonly (ChangeDraft | RolledBackDraft)[],
  options: TransactionOptions = {},
): TransactionDraft {
  return { ...options, changes };
}

/**
 * Changes of a savepoint that was rolled back, among those of a {@link transaction}: they come, and are aborted, where that
 * is streamed in blocks, and nowhere else.
 *
 * @example
 * server.commit(transaction([orders.insert({ id: 1 }), rolledBack([orders.insert({ id: 2 })])], { blocks: 2 }));
 */
export function rolledBack(changes: readonly ChangeDraft[]): RolledBackDraft {
  return { rolledBack: changes };
}
