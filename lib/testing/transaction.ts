import type { Lsn } from '../common/lsn';
import type { ClientOptions } from './client-options';
import type { RelationFields } from './payloads';

/** A change without an LSN. The methods of a {@link table} create it. */
export interface ChangeDraft {
  /** The tables whose Relation messages precede it. */
  readonly relations: readonly RelationFields[];
  /** @param lsn the end of its record */
  payload(lsn: Lsn): Buffer;
}

/** Changes of a savepoint that was rolled back. {@link rolledBack} creates them. */
export interface RolledBackDraft {
  readonly rolledBack: readonly ChangeDraft[];
}

export interface TransactionOptions {
  /** Default: derived from the position. */
  readonly xid?: number;
  /** Default: the server's current time. */
  readonly commitTime?: Date;
  /** The name of its replication origin, as in `pg_replication_origin`. Default: none. */
  readonly origin?: string;
  /** The LSN of the commit record. Default: after the changes, which follow the server's WAL. */
  readonly commitLsn?: Lsn | string;
  /** The end of the commit record. Default: 48 bytes after its start. */
  readonly endLsn?: Lsn | string;
  /**
   * The number of blocks in which a client with `streaming` receives it, as for a large transaction. Default: it is sent as a whole,
   * as to all other clients.
   */
  readonly blocks?: number;
}

/** A transaction that is not in the WAL yet. */
export interface TransactionDraft extends TransactionOptions {
  readonly changes: readonly (ChangeDraft | RolledBackDraft)[];
}

/** A transaction in the WAL, or its prepare, commit or rollback. */
export interface WalTransaction {
  /** The LSN of its first record; 0 if unknown. */
  readonly startLsn?: Lsn;
  readonly commitLsn: Lsn;
  readonly endLsn: Lsn;
  /** The payloads of the output plugin, from Begin to Commit. */
  readonly payloads: readonly Buffer[];
  /** The payloads for the options of a client. Default: `payloads`. */
  readonly payloadsFor?: (client: ClientOptions) => readonly Buffer[];
}

/**
 * Describes a transaction of these changes, for a fake server to commit, or for {@link toTransaction} and {@link toMessages}.
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
 * Describes changes of a savepoint that was rolled back, within a {@link transaction}. The server sends and aborts them if it
 * streams the transaction in blocks; otherwise it does not send them.
 *
 * @example
 * server.commit(transaction([orders.insert({ id: 1 }), rolledBack([orders.insert({ id: 2 })])], { blocks: 2 }));
 */
export function rolledBack(changes: readonly ChangeDraft[]): RolledBackDraft {
  return { rolledBack: changes };
}
