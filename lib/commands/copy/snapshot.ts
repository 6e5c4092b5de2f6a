import { ReplicationError, ServerError } from '../../common/errors';
import type { Lsn } from '../../common/lsn';
import { getLsn, getOnlyRow, getText, runQuery, type ProtocolRoutine } from '../protocol-routine';
import { executeDropSlot, fetchSlotStatus } from '../slot-commands';
import { quoteIdentifier, quoteLiteral } from '../sql';

/** A snapshot that other sessions can import. */
export interface ExportedSnapshot {
  /** The stream delivers what commits after this LSN; the snapshot shows the rest. */
  readonly consistentPoint: Lsn;
  readonly name: string;
}

/** The temporary slot of a copy. Its name depends on the slot's, so that a second copy for the same slot fails. */
export function getCopySlotName(slot: string): string {
  return `${slot}_copy`;
}

/**
 * Creates a temporary slot, and exports the snapshot at its start position. The snapshot can be imported until the next command
 * of this connection.
 */
export function* createCopySlot(slot: string, serverVersion: number): ProtocolRoutine<ExportedSnapshot> {
  const how = serverVersion >= 150_000 ? `(SNAPSHOT 'export')` : 'EXPORT_SNAPSHOT';
  const name = quoteIdentifier(getCopySlotName(slot));
  const sql = `CREATE_REPLICATION_SLOT ${name} TEMPORARY LOGICAL "pgoutput" ${how}`;
  try {
    const row = getOnlyRow(yield* runQuery(sql, { noTimeout: true }), 'CREATE_REPLICATION_SLOT');
    return { consistentPoint: getLsn(row, 'consistent_point'), name: getText(row, 'snapshot_name') };
  } catch (cause) {
    if (!(cause instanceof ReplicationError) || cause.code !== 'SLOT_EXISTS') throw cause;
    const what = `Another copy for replication slot "${slot}" is in progress, or has just ended: slot ${name} exists`;
    throw new ReplicationError('SLOT_ACTIVE', what, { cause });
  }
}

/**
 * Opens a transaction with an exported snapshot. A table with row-level security that would hide rows is an error, as the
 * stream has all rows.
 */
export function* importSnapshot(snapshot: string): ProtocolRoutine<void> {
  yield* runQuery('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  try {
    yield* runQuery(`SET TRANSACTION SNAPSHOT ${quoteLiteral(snapshot)}`);
  } catch (cause) {
    if (!(cause instanceof ServerError) || !SNAPSHOT_GONE.has(cause.sqlState)) throw cause;
    throw createInterruptedError('The session that holds the snapshot of the copy has ended', cause);
  }
  yield* runQuery('SET LOCAL row_security = off');
}

/** The SQLSTATEs of a snapshot that does not exist, up to 16 and from 17 on, or whose session has ended. */
const SNAPSHOT_GONE: ReadonlySet<string> = new Set(['22023', '42704', '55000']);

function createInterruptedError(what: string, cause: unknown): ReplicationError {
  return new ReplicationError('COPY_INTERRUPTED', what, { cause });
}

/** Exports the snapshot of the present transaction, for as long as that is open. */
export function* exportSnapshot(): ProtocolRoutine<string> {
  const rows = yield* runQuery('SELECT pg_catalog.pg_export_snapshot() AS snapshot');
  return getText(getOnlyRow(rows, 'pg_export_snapshot'), 'snapshot');
}

/** Keeps the temporary slot from being invalidated as idle, from PostgreSQL 18 on, and shows that the connection works. */
export function* touchCopySlot(slot: string, serverVersion: number): ProtocolRoutine<void> {
  const isTouchable = serverVersion >= 180_000;
  yield* runQuery(
    isTouchable ? `ALTER_REPLICATION_SLOT ${quoteIdentifier(getCopySlotName(slot))} (FAILOVER false)` : 'SELECT 1',
  );
}

/**
 * Creates the permanent slot at the position of the temporary one.
 *
 * The server also copies a slot whose WAL it is about to remove, and the next checkpoint then makes the copy useless.
 */
export function* createPermanentSlot(slot: string, serverVersion: number): ProtocolRoutine<void> {
  const [from, to] = [getCopySlotName(slot), slot].map(quoteLiteral);
  try {
    yield* runQuery(`SELECT pg_catalog.pg_copy_logical_replication_slot(${from}, ${to}, false)`);
  } catch (cause) {
    if (!(cause instanceof ReplicationError) || cause.code !== 'SLOT_MISSING') throw cause;
    throw createInterruptedError('The session that holds the temporary slot of the copy has ended', cause);
  }
  const status = yield* fetchSlotStatus(slot, serverVersion);
  if (status?.walStatus !== 'reserved' && status?.walStatus !== 'extended') {
    if (status) yield* executeDropSlot(slot, false);
    throw new ReplicationError(
      'SLOT_LOST',
      `The server has removed WAL that the copied data needs (wal_status ${status?.walStatus ?? 'unknown'})`,
    );
  }
}
