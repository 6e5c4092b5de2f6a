import type { Lsn } from '../common/lsn';
import { xlogData } from './backend-messages';
import { blocksOf } from './blocks';
import type { ClientOptions } from './client-options';
import {
  begin,
  beginPrepare,
  commit,
  commitPrepared,
  prepare,
  rollbackPrepared,
  streamCommit,
  streamPrepare,
} from './payloads';
import { COMMIT_SIZE, contentOf, placed, type PlacedTransaction } from './placed';
import type { TransactionDraft, WalTransaction } from './transaction';

/** A transaction with all that a server writes of it. */
export function place(draft: TransactionDraft, startLsn: Lsn, now: Date): WalTransaction {
  return committed(placed(draft, startLsn, now));
}

function committed(transaction: PlacedTransaction): WalTransaction {
  const { startLsn, commitLsn, endLsn } = transaction;
  const payloads = [begin(transaction), ...contentOf(transaction), commit(transaction)];
  const payloadsFor = (client: ClientOptions): readonly Buffer[] => {
    const blocks = blocksOf(transaction, client);
    return blocks ? [...blocks, streamCommit(transaction)] : payloads;
  };
  return { startLsn, commitLsn, endLsn, payloads, payloadsFor };
}

/** A prepared transaction: nothing of it comes to a client that does not ask for `two_phase`. */
export function prepared(transaction: PlacedTransaction, gid: string): WalTransaction {
  const { startLsn, commitLsn, endLsn, xid, commitTime } = transaction;
  const fields = { gid, xid, prepareLsn: commitLsn, endLsn, prepareTime: commitTime };
  const payloadsFor = (client: ClientOptions): readonly Buffer[] => {
    if (!client.twoPhase) return [];
    const blocks = blocksOf(transaction, client);
    if (blocks) return [...blocks, streamPrepare(fields)];
    return [beginPrepare(fields), ...contentOf(transaction), prepare(fields)];
  };
  return { startLsn, commitLsn, endLsn, payloads: [], payloadsFor };
}

/** Its commit: the whole transaction, for a client that does not ask for `two_phase`. */
export function preparedCommit(
  transaction: PlacedTransaction,
  gid: string,
  lsn: Lsn,
  commitTime: Date,
): WalTransaction {
  const position = { startLsn: lsn, commitLsn: lsn, endLsn: lsn + COMMIT_SIZE };
  const whole = committed({ ...transaction, ...position, commitTime });
  const payloadsFor = (client: ClientOptions): readonly Buffer[] => {
    if (client.twoPhase) return [commitPrepared({ ...position, gid, xid: transaction.xid, commitTime })];
    return whole.payloadsFor?.(client) ?? whole.payloads;
  };
  return { ...whole, payloadsFor };
}

/** Its rollback: nothing, for a client that does not ask for `two_phase`. */
export function preparedRollback(
  { xid, endLsn: prepareEndLsn, commitTime: prepareTime }: PlacedTransaction,
  gid: string,
  lsn: Lsn,
  rollbackTime: Date,
): WalTransaction {
  const position = { startLsn: lsn, commitLsn: lsn, endLsn: lsn + COMMIT_SIZE };
  const fields = { gid, xid, prepareEndLsn, endLsn: position.endLsn, prepareTime, rollbackTime };
  return { ...position, payloads: [], payloadsFor: ({ twoPhase }) => (twoPhase ? [rollbackPrepared(fields)] : []) };
}

/** Its XLogData as a walsender sends them: the first with the first record's position, the last with its end, else 0. */
export function xlogDataOf(transaction: WalTransaction, serverTime: Date, client?: ClientOptions): Buffer[] {
  const { startLsn = 0n, endLsn, payloadsFor } = transaction;
  const payloads = (client && payloadsFor?.(client)) ?? transaction.payloads;
  return payloads.map((payload, index) => {
    const dataStart = index === 0 ? startLsn : index === payloads.length - 1 ? endLsn : 0n;
    return xlogData(payload, { dataStart, serverTime });
  });
}
