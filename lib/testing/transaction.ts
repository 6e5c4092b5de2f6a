import { toLsn, type Lsn } from '../lsn';
import { xlogData } from './backend-messages';
import { begin, commit, origin, relation, type RelationFields } from './payloads';

/** A change that has no place in a transaction yet; a {@link table} makes them. */
export interface ChangeDraft {
  /** What the server describes before it. */
  readonly relations: readonly RelationFields[];
  /** @param lsn the end of its record */
  payload(lsn: Lsn): Buffer;
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
}

/** A transaction that has no place in the WAL yet. */
export interface TransactionDraft extends TransactionOptions {
  readonly changes: readonly ChangeDraft[];
}

/** A transaction in the WAL. */
export interface WalTransaction {
  /** Where its first record starts; 0 where nobody knows. */
  readonly startLsn?: Lsn;
  readonly commitLsn: Lsn;
  readonly endLsn: Lsn;
  /** What the output plugin writes of it, from Begin to Commit. */
  readonly payloads: readonly Buffer[];
}

/** Bytes of WAL that a change takes, and a commit record; the real ones depend on the row. */
const CHANGE_SIZE = 0x40n;
const COMMIT_SIZE = 0x30n;

/**
 * A transaction of these changes, to be committed by a fake server, or built by {@link transactionOf} and {@link messagesOf}.
 *
 * @example
 * server.commit(transaction([orders.insert({ id: 1 }), orders.delete({ id: 1 })], { xid: 700 }));
 */
export function transaction(changes: readonly ChangeDraft[], options: TransactionOptions = {}): TransactionDraft {
  return { ...options, changes };
}

/**
 * Gives a transaction its place in the WAL, from `startLsn` on.
 *
 * @param now when it commits, unless it says so itself
 */
export function place(draft: TransactionDraft, startLsn: Lsn, now: Date): WalTransaction {
  const { changes, xid = Number((startLsn >> 3n) & 0xffff_ffffn), commitTime = now } = draft;
  const commitLsn = toLsn('commitLsn', draft.commitLsn ?? startLsn + CHANGE_SIZE * BigInt(changes.length));
  const endLsn = toLsn('endLsn', draft.endLsn ?? commitLsn + COMMIT_SIZE);
  const described = new Set<RelationFields>();
  const payloads = [begin({ commitLsn, commitTime, xid })];
  if (draft.origin !== undefined) payloads.push(origin(draft.origin));
  for (const [index, change] of changes.entries()) {
    for (const table of change.relations) {
      if (!described.has(table)) payloads.push(relation(table));
      described.add(table);
    }
    payloads.push(change.payload(startLsn + CHANGE_SIZE * BigInt(index + 1)));
  }
  payloads.push(commit({ commitLsn, endLsn, commitTime }));
  return { startLsn, commitLsn, endLsn, payloads };
}

/** Its XLogData as a walsender sends them: Begin with the first record's position, Commit with its end, else 0. */
export function xlogDataOf({ startLsn = 0n, endLsn, payloads }: WalTransaction, serverTime: Date): Buffer[] {
  return payloads.map((payload, index) => {
    const dataStart = index === 0 ? startLsn : index === payloads.length - 1 ? endLsn : 0n;
    return xlogData(payload, { dataStart, serverTime });
  });
}
