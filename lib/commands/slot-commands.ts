import { ProtocolError, ReplicationError } from '../common/errors';
import { addToJson } from '../common/json';
import { parseLsn, type Lsn } from '../common/lsn';
import {
  buildAlterReplicationSlot,
  buildCreateReplicationSlot,
  buildDropReplicationSlot,
  type SlotChanges,
} from './slot-sql';
import { quoteLiteral } from './sql';
import {
  getCount,
  getInteger,
  getLsn,
  getOnlyRow,
  runQuery,
  getText,
  type ProtocolRoutine,
  type ResultRow,
} from './protocol-routine';
import { requireVersion } from './server-version';
import { suggestSlot, createSlotMissingError, addHint } from './similar-names';

/** A row of pg_replication_slots. A property that the server's version does not have is undefined. */
export interface SlotStatus {
  readonly name: string;
  readonly plugin: string | undefined;
  readonly type: 'logical' | 'physical';
  readonly database: string | undefined;
  readonly temporary: boolean;
  /** Whether a connection is streaming from the slot; `activePid` is the process ID of its walsender. */
  readonly active: boolean;
  readonly activePid: number | undefined;
  /** When the slot was last released; undefined while a connection is streaming from it. From PostgreSQL 17 on. */
  readonly inactiveSince: Date | undefined;
  /** The position of the oldest WAL that the slot retains. */
  readonly restartLsn: Lsn | undefined;
  /** The confirmed position: transactions that committed before it are not sent again. */
  readonly confirmedFlushLsn: Lsn | undefined;
  /** `reserved`, `extended`, `unreserved` or `lost`. */
  readonly walStatus: string | undefined;
  /**
   * The number of bytes of WAL that can be written before the slot can become lost; undefined if max_slot_wal_keep_size sets no
   * limit, and for a lost slot.
   */
  readonly safeWalSize: bigint | undefined;
  /** Whether the slot was invalidated because it conflicted with recovery on a standby. From PostgreSQL 16 on. */
  readonly conflicting: boolean | undefined;
  /** Why the server invalidated the slot: `wal_removed`, `idle_timeout` … From PostgreSQL 17 on. */
  readonly invalidationReason: string | undefined;
  /** Whether prepared transactions are sent when they are prepared, not only when they commit. */
  readonly twoPhase: boolean | undefined;
  /** The position from which prepared transactions are sent when they are prepared. From PostgreSQL 18 on. */
  readonly twoPhaseAt: Lsn | undefined;
  /** Whether the slot is synchronized to standbys, for use after a failover. From PostgreSQL 17 on. */
  readonly failover: boolean | undefined;
  /** Whether the slot was synchronized from a primary. From PostgreSQL 17 on. */
  readonly synced: boolean | undefined;
  /**
   * The number of bytes of WAL from `confirmedFlushLsn` to the end of the server's WAL or, on a standby, to the last replayed
   * position.
   */
  readonly lagBytes: bigint | undefined;
}

/** The kind of slot to create. */
export interface SlotKind {
  readonly temporary: boolean;
  /** From PostgreSQL 17 on. */
  readonly failover?: boolean;
  /** From PostgreSQL 15 on. */
  readonly twoPhase?: boolean;
}

/** A slot that was just created. */
export interface CreatedSlot {
  readonly name: string;
  readonly plugin: string;
  readonly temporary: boolean;
  readonly failover: boolean;
  readonly twoPhase: boolean;
  /** The slot delivers transactions that commit after this position. */
  readonly consistentPoint: Lsn;
}

/** The server's identity. Source: manual, "Streaming Replication Protocol", IDENTIFY_SYSTEM. */
export interface SystemIdentity {
  /** The cluster's system identifier, a 64-bit number as text. */
  readonly systemId: string;
  readonly timeline: number;
  /** The current end of the server's WAL. */
  readonly walPosition: Lsn;
  readonly database: string | undefined;
}

export function* fetchSystemIdentity(): ProtocolRoutine<SystemIdentity> {
  const row = getOnlyRow(yield* runQuery('IDENTIFY_SYSTEM'), 'IDENTIFY_SYSTEM');
  return addToJson({
    systemId: getText(row, 'systemid'),
    timeline: getCount(row, 'timeline'),
    walPosition: getLsn(row, 'xlogpos'),
    database: row['dbname'] ?? undefined,
  });
}

/** Fetches the history of a timeline: for each earlier timeline, the LSN at which the server switched to the next one. */
export function* fetchTimelineHistory(timeline: number): ProtocolRoutine<ReadonlyMap<number, Lsn>> {
  const row = getOnlyRow(yield* runQuery(`TIMELINE_HISTORY ${timeline}`), `the history of timeline ${timeline}`);
  const lines = getText(row, 'content').split('\n');
  // The file can also have comments and empty lines. Source: readTimeLineHistory in timeline.c.
  const switches = lines.flatMap((line) => {
    const [, earlier, lsn] = /^\s*(\d{1,10})\s+([0-9A-F]{1,8}\/[0-9A-F]{1,8})\b/i.exec(line) ?? [];
    return earlier && lsn ? [[Number(earlier), parseLsn(lsn)] as const] : [];
  });
  return new Map(switches);
}

/** @param serverVersion as in server_version_num */
export function* fetchSlotStatus(slot: string, serverVersion: number): ProtocolRoutine<SlotStatus | undefined> {
  const newer = NEWER_COLUMNS.filter(([since]) => serverVersion >= since).map(([, column]) => `, ${column}`);
  // A standby decodes WAL up to the last replayed position. Source: WalSndWaitForWal in walsender.c.
  const [row] = yield* runQuery(
    `SELECT slot_name, plugin, slot_type, database, temporary, active, active_pid, restart_lsn, confirmed_flush_lsn,
      wal_status, safe_wal_size, two_phase${newer.join('')},
      pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END,
        confirmed_flush_lsn)::bigint AS lag
      FROM pg_catalog.pg_replication_slots WHERE slot_name = ${quoteLiteral(slot)}`,
  );
  return row && toStatus(row);
}

const NEWER_COLUMNS: readonly (readonly [since: number, column: string])[] = [
  [160000, 'conflicting'],
  [170000, 'invalidation_reason'],
  [170000, 'failover'],
  [170000, 'synced'],
  [170000, 'floor(extract(epoch FROM inactive_since) * 1000)::bigint AS inactive_since'],
  [180000, 'two_phase_at'],
];

function toStatus(row: ResultRow): SlotStatus {
  const lsn = (column: string): Lsn | undefined => {
    return row[column] ? getLsn(row, column) : undefined;
  };
  const integer = (column: string): bigint | undefined => {
    return row[column] ? getInteger(row, column) : undefined;
  };
  const flag = (column: string): boolean | undefined => {
    const value = row[column];
    return value ? value === 't' : undefined;
  };
  const pid = row['active_pid'];
  const inactiveSince = integer('inactive_since');
  const lag = integer('lag');
  const type = getText(row, 'slot_type');
  if (type !== 'logical' && type !== 'physical')
    throw new ProtocolError(`The server sent slot_type ${JSON.stringify(type)}; expected logical or physical`);
  const status: SlotStatus = {
    name: getText(row, 'slot_name'),
    plugin: row['plugin'] ?? undefined,
    type,
    database: row['database'] ?? undefined,
    temporary: row['temporary'] === 't',
    active: row['active'] === 't',
    activePid: pid ? getCount(row, 'active_pid') : undefined,
    inactiveSince: inactiveSince === undefined ? undefined : new Date(Number(inactiveSince)),
    restartLsn: lsn('restart_lsn'),
    confirmedFlushLsn: lsn('confirmed_flush_lsn'),
    walStatus: row['wal_status'] ?? undefined,
    safeWalSize: integer('safe_wal_size'),
    conflicting: flag('conflicting'),
    invalidationReason: row['invalidation_reason'] ?? undefined,
    twoPhase: flag('two_phase'),
    twoPhaseAt: lsn('two_phase_at'),
    failover: flag('failover'),
    synced: flag('synced'),
    // The confirmed position of a synchronized slot can be beyond the last replayed position.
    lagBytes: lag !== undefined && lag < 0n ? 0n : lag,
  };
  return addToJson(status, 'safeWalSize', 'lagBytes');
}

/** Waits until every write transaction that is open now has ended, for as long as that takes. */
export function* executeCreateSlot(
  slot: string,
  plugin: string,
  kind: SlotKind,
  serverVersion: number,
): ProtocolRoutine<CreatedSlot> {
  requireSlotKind(kind, serverVersion);
  const { temporary, failover = false, twoPhase = false } = kind;
  const sql = buildCreateReplicationSlot({ slot, plugin, temporary, twoPhase, failover, serverVersion });
  const row = getOnlyRow(yield* runQuery(sql, { noTimeout: true }), 'CREATE_REPLICATION_SLOT');
  return addToJson({
    name: slot,
    plugin,
    temporary,
    failover,
    twoPhase,
    consistentPoint: getLsn(row, 'consistent_point'),
  });
}

/** @throws {ReplicationError} `UNSUPPORTED` if the server is too old for the kind of slot */
export function requireSlotKind({ failover, twoPhase }: SlotKind, serverVersion: number): void {
  if (twoPhase) requireVersion(serverVersion, 150000, 'A slot with twoPhase');
  if (failover) requireVersion(serverVersion, 170000, 'A slot with failover');
}

/** Alters a slot. Checks the slot first, because the server waits while another connection is streaming from it. */
export function* executeAlterSlot(
  slot: string,
  changes: SlotChanges,
  serverVersion: number,
): ProtocolRoutine<SlotStatus> {
  requireVersion(serverVersion, 170000, 'Altering a slot');
  if (changes.twoPhase !== undefined) requireVersion(serverVersion, 180000, 'Altering twoPhase');
  const found = yield* fetchSlotStatus(slot, serverVersion);
  if (!found) throw yield* createSlotMissingError(slot);
  const wrong = findAlterObstacle(found);
  if (wrong) throw wrong;
  if (changes.twoPhase !== undefined && changes.twoPhase !== found.twoPhase) yield* assertNoPreparedTransactions(found);
  yield* runQuery(buildAlterReplicationSlot(slot, changes));
  const altered = yield* fetchSlotStatus(slot, serverVersion);
  if (!altered)
    throw new ReplicationError('SLOT_MISSING', `Replication slot "${slot}" was dropped as soon as it was altered`);
  return altered;
}

/**
 * Rejects the change while a transaction is prepared. If it is committed after the change, the server sends its changes twice,
 * or not at all.
 */
function* assertNoPreparedTransactions({ name, database }: SlotStatus): ProtocolRoutine<void> {
  const sql = `SELECT gid FROM pg_catalog.pg_prepared_xacts WHERE database = ${quoteLiteral(database ?? '')} LIMIT 1`;
  const [prepared] = yield* runQuery(sql);
  if (!prepared) return;
  const what = `Transaction ${JSON.stringify(getText(prepared, 'gid'))} is prepared, so twoPhase of slot "${name}" cannot change`;
  throw new ReplicationError('TRANSACTION_PREPARED', what);
}

function findAlterObstacle({
  name,
  type,
  active,
  activePid,
  invalidationReason,
}: SlotStatus): ReplicationError | undefined {
  if (type === 'physical')
    return new ReplicationError('SLOT_INCOMPATIBLE', `Replication slot "${name}" is a physical slot`);
  if (invalidationReason) {
    const what = `Replication slot "${name}" is invalidated (${invalidationReason})`;
    return new ReplicationError('SLOT_INVALIDATED', what);
  }
  if (active) return new ReplicationError('SLOT_ACTIVE', `Replication slot "${name}" is active for PID ${activePid}`);
  return undefined;
}

export function* executeDropSlot(slot: string, wait: boolean): ProtocolRoutine<void> {
  try {
    yield* runQuery(buildDropReplicationSlot(slot, wait), { noTimeout: wait });
  } catch (error) {
    if (error instanceof ReplicationError && error.code === 'SLOT_MISSING')
      throw addHint(error, yield* suggestSlot(slot));
    throw error;
  }
}
