import type { Lsn } from '../common/lsn';
import { buildXlogData } from './backend-messages';
import { buildBlocks } from './blocks';
import type { ClientOptions } from './client-options';
import {
  buildBegin,
  buildBeginPrepare,
  buildCommit,
  buildCommitPrepared,
  buildPrepare,
  buildRollbackPrepared,
  buildStreamCommit,
  buildStreamPrepare,
} from './payloads';
import { COMMIT_SIZE, buildContent, assignPositions, type PositionedTransaction } from './positions';
import type { TransactionDraft, WalTransaction } from './transaction';

/** Builds the WAL entry of a transaction. */
export function buildTransaction(draft: TransactionDraft, startLsn: Lsn, now: Date): WalTransaction {
  return buildCommitted(assignPositions(draft, startLsn, now));
}

function buildCommitted(transaction: PositionedTransaction): WalTransaction {
  const { startLsn, commitLsn, endLsn } = transaction;
  const payloads = [buildBegin(transaction), ...buildContent(transaction), buildCommit(transaction)];
  const payloadsFor = (client: ClientOptions): readonly Buffer[] => {
    const blocks = buildBlocks(transaction, client);
    return blocks ? [...blocks, buildStreamCommit(transaction)] : payloads;
  };
  return { startLsn, commitLsn, endLsn, payloads, payloadsFor };
}

/** Builds the WAL entry of a prepared transaction. It has no payloads for clients without `two_phase`. */
export function buildPrepared(transaction: PositionedTransaction, gid: string): WalTransaction {
  const { startLsn, commitLsn, endLsn, xid, commitTime } = transaction;
  const fields = { gid, xid, prepareLsn: commitLsn, endLsn, prepareTime: commitTime };
  const payloadsFor = (client: ClientOptions): readonly Buffer[] => {
    if (!client.twoPhase) return [];
    const blocks = buildBlocks(transaction, client);
    if (blocks) return [...blocks, buildStreamPrepare(fields)];
    return [buildBeginPrepare(fields), ...buildContent(transaction), buildPrepare(fields)];
  };
  return { startLsn, commitLsn, endLsn, payloads: [], payloadsFor };
}

/** Builds the WAL entry of COMMIT PREPARED. It is the whole transaction for clients without `two_phase`. */
export function buildCommitPreparedEntry(
  transaction: PositionedTransaction,
  gid: string,
  lsn: Lsn,
  commitTime: Date,
): WalTransaction {
  const position = { startLsn: lsn, commitLsn: lsn, endLsn: lsn + COMMIT_SIZE };
  const whole = buildCommitted({ ...transaction, ...position, commitTime });
  const payloadsFor = (client: ClientOptions): readonly Buffer[] => {
    if (client.twoPhase) return [buildCommitPrepared({ ...position, gid, xid: transaction.xid, commitTime })];
    return whole.payloadsFor?.(client) ?? whole.payloads;
  };
  return { ...whole, payloadsFor };
}

/** Builds the WAL entry of ROLLBACK PREPARED. It has no payloads for clients without `two_phase`. */
export function buildRollbackPreparedEntry(
  { xid, endLsn: prepareEndLsn, commitTime: prepareTime }: PositionedTransaction,
  gid: string,
  lsn: Lsn,
  rollbackTime: Date,
): WalTransaction {
  const position = { startLsn: lsn, commitLsn: lsn, endLsn: lsn + COMMIT_SIZE };
  const fields = { gid, xid, prepareEndLsn, endLsn: position.endLsn, prepareTime, rollbackTime };
  return {
    ...position,
    payloads: [],
    payloadsFor: ({ twoPhase }) => (twoPhase ? [buildRollbackPrepared(fields)] : []),
  };
}

/** Builds the XLogData of a transaction. As from a walsender, the first has the position of the first record, the last the end LSN, the others 0. */
export function buildTransactionFrames(
  transaction: WalTransaction,
  serverTime: Date,
  client?: ClientOptions,
): Buffer[] {
  const { startLsn = 0n, endLsn, payloadsFor } = transaction;
  const payloads = (client && payloadsFor?.(client)) ?? transaction.payloads;
  return payloads.map((payload, index) => {
    const dataStart = index === 0 ? startLsn : index === payloads.length - 1 ? endLsn : 0n;
    return buildXlogData(payload, { dataStart, serverTime });
  });
}
