import { ProtocolError } from '../errors';
import { withJson } from '../json';
import { parseLsn, type Lsn } from '../lsn';
import { createReplicationSlot, dropReplicationSlot, quoteLiteral } from '../wire/sql';
import { countOf, integerOf, lsnOf, onlyRow, query, textOf, type Conversation, type ResultRow } from './conversation';

/** A replication slot as pg_replication_slots shows it. */
export interface SlotStatus {
  readonly name: string;
  readonly plugin: string | undefined;
  readonly type: 'logical' | 'physical';
  readonly database: string | undefined;
  readonly temporary: boolean;
  /** Whether a connection streams from it now; `activePid` is that connection's process. */
  readonly active: boolean;
  readonly activePid: number | undefined;
  /** The oldest WAL that the slot keeps on the server's disk. */
  readonly restartLsn: Lsn | undefined;
  /** Transactions that committed before here have been confirmed. */
  readonly confirmedFlushLsn: Lsn | undefined;
  /** `reserved`, `extended`, `unreserved` or `lost`. */
  readonly walStatus: string | undefined;
  /** Why the server gave the slot up, from PostgreSQL 17 on: `wal_removed`, `idle_timeout` … */
  readonly invalidationReason: string | undefined;
  /** How many bytes of WAL lie between `confirmedFlushLsn` and the server's present position. */
  readonly lagBytes: bigint | undefined;
}

/** A slot that was just made. */
export interface CreatedSlot {
  readonly name: string;
  readonly plugin: string;
  readonly temporary: boolean;
  /** The position from which on the slot delivers. */
  readonly consistentPoint: Lsn;
}

/** The server's identity. Source: manual, "Streaming Replication Protocol", IDENTIFY_SYSTEM. */
export interface SystemIdentity {
  /** The cluster's unique number, 64 bits wide, as text. */
  readonly systemId: string;
  readonly timeline: number;
  /** Where the server's WAL ends now. */
  readonly walPosition: Lsn;
  readonly database: string | undefined;
}

export function* identifySystem(): Conversation<SystemIdentity> {
  const row = onlyRow(yield* query('IDENTIFY_SYSTEM'), 'IDENTIFY_SYSTEM');
  return withJson({
    systemId: textOf(row, 'systemid'),
    timeline: countOf(row, 'timeline'),
    walPosition: lsnOf(row, 'xlogpos'),
    database: row['dbname'] ?? undefined,
  });
}

/** Asks where a timeline was left for the next one, on the way to the server's own: LSNs by timeline. */
export function* timelineHistory(timeline: number): Conversation<ReadonlyMap<number, Lsn>> {
  const row = onlyRow(yield* query(`TIMELINE_HISTORY ${timeline}`), `the history of timeline ${timeline}`);
  const lines = textOf(row, 'content').split('\n');
  // Comments and empty lines may stand there, too. Source: readTimeLineHistory in timeline.c.
  const switches = lines.flatMap((line) => {
    const [, left, lsn] = /^\s*(\d{1,10})\s+([0-9A-F]{1,8}\/[0-9A-F]{1,8})\b/i.exec(line) ?? [];
    return left && lsn ? [[Number(left), parseLsn(lsn)] as const] : [];
  });
  return new Map(switches);
}

/** @param serverVersion as in server_version_num */
export function* slotStatus(slot: string, serverVersion: number): Conversation<SlotStatus | undefined> {
  const [row] = yield* query(
    `SELECT slot_name, plugin, slot_type, database, temporary, active, active_pid, restart_lsn, confirmed_flush_lsn,
      wal_status, ${serverVersion >= 170000 ? 'invalidation_reason' : 'NULL AS invalidation_reason'}, CASE WHEN pg_is_in_recovery() THEN NULL
        ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::bigint END AS lag
      FROM pg_catalog.pg_replication_slots WHERE slot_name = ${quoteLiteral(slot)}`,
  );
  return row && toStatus(row);
}

function toStatus(row: ResultRow): SlotStatus {
  const lsn = (column: string): Lsn | undefined => {
    return row[column] ? lsnOf(row, column) : undefined;
  };
  const { active_pid: pid, lag } = row;
  const type = textOf(row, 'slot_type');
  if (type !== 'logical' && type !== 'physical') throw new ProtocolError(`The server knows a slot of type ${type}`);
  const status: SlotStatus = {
    name: textOf(row, 'slot_name'),
    plugin: row['plugin'] ?? undefined,
    type,
    database: row['database'] ?? undefined,
    temporary: row['temporary'] === 't',
    active: row['active'] === 't',
    activePid: pid ? countOf(row, 'active_pid') : undefined,
    restartLsn: lsn('restart_lsn'),
    confirmedFlushLsn: lsn('confirmed_flush_lsn'),
    walStatus: row['wal_status'] ?? undefined,
    invalidationReason: row['invalidation_reason'] ?? undefined,
    lagBytes: lag ? integerOf(row, 'lag') : undefined,
  };
  return withJson(status, 'lagBytes');
}

/** Waits until every write transaction that is open now has ended, for as long as that takes. */
export function* createSlot(
  slot: string,
  plugin: string,
  temporary: boolean,
  serverVersion: number,
): Conversation<CreatedSlot> {
  const sql = createReplicationSlot({ slot, plugin, temporary, serverVersion });
  const row = onlyRow(yield* query(sql, true), 'CREATE_REPLICATION_SLOT');
  return withJson({
    name: slot,
    plugin,
    temporary,
    consistentPoint: lsnOf(row, 'consistent_point'),
  });
}

export function* dropSlot(slot: string, wait: boolean): Conversation<void> {
  yield* query(dropReplicationSlot(slot, wait), wait);
}
