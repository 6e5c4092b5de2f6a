import { ReplicationError } from '../../common/errors';
import type { PreflightFinding } from '../../common/preflight-findings';
import { getCount, getOnlyRow, runQuery, getText, type ProtocolRoutine } from '../protocol-routine';
import { createFailure, createFinding, toFinding } from './finding';
import type { Check, PreflightContext } from './preflight-context';

/** Checks whether the slot can be created, and without waiting. */
export const checkSlotCreation: Check = function* (context) {
  return [
    ...checkFailover(context),
    ...(yield* checkFreeSlot()),
    ...(yield* checkOpenTransactions()),
    ...(yield* checkPreparedTransactions()),
  ];
};

/** A standby rejects slots with failover. */
function checkFailover({ plan, server }: PreflightContext): readonly PreflightFinding[] {
  if (!plan.ensureSlot?.failover || server.version < 170_000 || !server.standby) return [];
  const remedy = 'Create the slot without failover, or on the primary.';
  return [toFinding(new ReplicationError('SERVER_ERROR', 'A standby cannot create a slot with failover', { remedy }))];
}

function* checkFreeSlot(): ProtocolRoutine<readonly PreflightFinding[]> {
  const row = getOnlyRow(
    yield* runQuery(
      `SELECT (SELECT count(*) FROM pg_catalog.pg_replication_slots) AS used, current_setting('max_replication_slots') AS most`,
    ),
    'the number of slots',
  );
  const most = getCount(row, 'most');
  if (getCount(row, 'used') < most) return [];
  return [createFailure('TOO_MANY_SLOTS', `All replication slots are in use; max_replication_slots is ${most}`)];
}

/**
 * Creating a slot waits for the write transactions of all databases. The check ignores those that began within the last second.
 * A role that may not see the start of a transaction still sees that it writes.
 */
function* checkOpenTransactions(): ProtocolRoutine<readonly PreflightFinding[]> {
  const [oldest] = yield* runQuery(
    `SELECT pid, count(*) OVER () AS total, extract(epoch FROM now() - xact_start)::int AS seconds
      FROM pg_catalog.pg_stat_activity
      WHERE backend_xid IS NOT NULL AND coalesce(xact_start < now() - interval '1 s', true)
      ORDER BY xact_start NULLS LAST LIMIT 1`,
  );
  if (!oldest) return [];
  const age = oldest['seconds'] === null ? '' : ` for ${getText(oldest, 'seconds')} s`;
  const what = `Write transactions are open: ${getText(oldest, 'total')}, the oldest${age} by PID ${getText(oldest, 'pid')}`;
  return [createFinding('TRANSACTION_OPEN', what)];
}

/** Creating a slot also waits for prepared transactions. */
function* checkPreparedTransactions(): ProtocolRoutine<readonly PreflightFinding[]> {
  const [oldest] = yield* runQuery(
    `SELECT gid, database, count(*) OVER () AS total FROM pg_catalog.pg_prepared_xacts ORDER BY prepared LIMIT 1`,
  );
  if (!oldest) return [];
  const which = `${JSON.stringify(getText(oldest, 'gid'))} in database ${getText(oldest, 'database')}`;
  return [
    createFinding(
      'PREPARED_TRANSACTION_OPEN',
      `Transactions are prepared: ${getText(oldest, 'total')}, the oldest ${which}`,
    ),
  ];
}
