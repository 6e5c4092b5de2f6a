import { formatLsn } from '../common/lsn';
import { buildCommandComplete, buildDataRow, buildErrorResponse, buildRowDescription } from './backend-messages';
import type { FakeCluster } from './cluster';
import type { FakeSlot } from './server-state';

type Row = Readonly<Record<string, string | null>>;

/** Builds the response to a query, up to CommandComplete. All columns are text. */
export function buildResultSet(columns: readonly string[], rows: readonly (readonly (string | null)[])[]): Buffer {
  return Buffer.concat([
    buildRowDescription(columns),
    ...rows.map(buildDataRow),
    buildCommandComplete(`SELECT ${rows.length}`),
  ]);
}

/**
 * Responds to all commands and queries of the library, except those that create a slot or start a stream.
 *
 * @param session the settings of the session by name; SET changes them
 */
export function executeCommand(cluster: FakeCluster, session: Map<string, string>, sql: string): Buffer {
  if (sql.startsWith('SET ')) return Buffer.concat(sql.split('; ').map((statement) => setSetting(session, statement)));
  if (sql === 'IDENTIFY_SYSTEM') return fetchSystemIdentity(cluster);
  if (sql.startsWith('TIMELINE_HISTORY ')) return fetchTimelineHistory(cluster, Number(sql.split(' ')[1]));
  if (sql.startsWith('DROP_REPLICATION_SLOT')) return dropSlot(cluster, /"(\w+)"/.exec(sql)?.[1] ?? '');
  // The fake server's tables have built-in types only.
  if (/pg_catalog\.pg_(type|attribute)\b/.test(sql)) return buildResultSet(['oid'], []);
  if (sql.includes('server_version_num')) return fetchSettings(cluster, session, sql);
  if (sql.includes('SELECT pubname AS name ')) return buildNames(cluster.publications);
  if (sql.includes('SELECT slot_name AS name ')) return buildNames(cluster.slots.keys());
  if (sql.includes('pg_database ')) return buildRow({ name: cluster.database, here: 't' });
  if (sql.includes('pg_publication ')) {
    const known = [...cluster.publications].filter((name) => sql.includes(`'${name.replaceAll("'", "''")}'`));
    return buildResultSet(
      ['pubname'],
      known.map((name) => [name]),
    );
  }
  if (sql.includes('pg_replication_slots')) return fetchSlot(cluster, /slot_name = '(\w+)'/.exec(sql)?.[1] ?? '');
  return buildErrorResponse({
    C: '42601',
    M: `the fake server has no response to: ${sql}; add one to behaviour.answersTo`,
  });
}

function buildNames(names: Iterable<string>): Buffer {
  return buildResultSet(
    ['name'],
    [...names].map((name) => [name]),
  );
}

function buildRow(row: Row): Buffer {
  return buildResultSet(Object.keys(row), [Object.values(row)]);
}

function fetchSystemIdentity({ systemId, timeline, walPosition, database }: FakeCluster): Buffer {
  return buildRow({
    systemid: systemId,
    timeline: String(timeline),
    xlogpos: formatLsn(walPosition),
    dbname: database,
  });
}

/** Source: PostgreSQL manual, "Streaming Replication Protocol". The first timeline has no file. */
function fetchTimelineHistory({ history }: FakeCluster, timeline: number): Buffer {
  const filename = `${timeline.toString(16).toUpperCase().padStart(8, '0')}.history`;
  const switches = history.filter((one) => one.timeline < timeline);
  if (switches.length === 0) {
    return buildErrorResponse({ C: '58P01', M: `could not open file "pg_wal/${filename}": No such file or directory` });
  }
  const lines = switches.map(
    ({ timeline: left, switchLsn, reason = 'no recovery target specified' }) =>
      `${left}\t${formatLsn(switchLsn)}\t${reason}\n`,
  );
  return buildRow({ filename, content: lines.join('') });
}

/** Stores a setting as the server prints it: a list without quotes. */
function setSetting(session: Map<string, string>, statement: string): Buffer {
  const [, name = '', value = ''] = /^SET (\w+) = (.*)$/.exec(statement) ?? [];
  session.set(name, value.replaceAll("'", ''));
  return buildCommandComplete('SET');
}

/** Returns `current_setting(…, true)` of a setting that the session has not set: null if the server does not have the setting. */
function getInitialSetting(name: string, { serverVersion }: FakeCluster): string | null {
  return name === 'transaction_timeout' && serverVersion >= 170_000 ? '0' : null;
}

function fetchSettings(cluster: FakeCluster, session: Map<string, string>, sql: string): Buffer {
  const asked = [...sql.matchAll(/current_setting\('(\w+)', true\)/g)].map(([, name = '']) => name);
  return buildRow({
    version: String(cluster.serverVersion),
    ...Object.fromEntries(asked.map((name) => [name, session.get(name) ?? getInitialSetting(name, cluster)])),
    wal_level: cluster.walLevel,
    database: cluster.database,
    wal_sender_timeout: String(cluster.walSenderTimeout),
    in_recovery: cluster.standby ? 't' : 'f',
    read_only: cluster.standby || cluster.readOnly ? 'on' : 'off',
  });
}

function fetchSlot(cluster: FakeCluster, name: string): Buffer {
  const slot = cluster.slots.get(name);
  const { owner } = slot ?? {};
  const row: Row = {
    slot_name: name,
    plugin: slot?.plugin ?? '',
    slot_type: slot?.type ?? '',
    database: slot?.database ?? '',
    temporary: slot?.temporary ? 't' : 'f',
    active: owner ? 't' : 'f',
    two_phase: slot?.twoPhase ? 't' : 'f',
    active_pid: owner ? String(typeof owner === 'number' ? owner : owner.processId) : null,
    restart_lsn: formatLsn(slot?.confirmedFlushLsn ?? 0n),
    confirmed_flush_lsn: formatLsn(slot?.confirmedFlushLsn ?? 0n),
    wal_status: slot?.walStatus ?? '',
    invalidation_reason: slot?.invalidationReason ?? null,
    lag: String(cluster.walPosition - (slot?.confirmedFlushLsn ?? 0n)),
  };
  return slot ? buildRow(row) : buildResultSet(Object.keys(row), []);
}

function dropSlot(cluster: FakeCluster, name: string): Buffer {
  const slot = cluster.slots.get(name);
  if (!slot) return buildErrorResponse({ C: '42704', M: `replication slot "${name}" does not exist` });
  if (slot.owner) return buildErrorResponse({ C: '55006', M: `replication slot "${name}" is active` });
  cluster.slots.delete(name);
  return buildCommandComplete('DROP_REPLICATION_SLOT');
}

/** Whether the slot that a command names exists. */
export function hasSlot(cluster: FakeCluster, sql: string): boolean {
  return cluster.slots.has(/"(\w+)"/.exec(sql)?.[1] ?? '');
}

/** Responds to CREATE_REPLICATION_SLOT. The new slot starts at the end of the WAL. */
export function answerCreateSlot(cluster: FakeCluster, sql: string): Buffer {
  const [, name = '', temporary, plugin = ''] = /"(\w+)"( TEMPORARY)? LOGICAL "(\w+)"/.exec(sql) ?? [];
  if (cluster.slots.has(name))
    return buildErrorResponse({ C: '42710', M: `replication slot "${name}" already exists` });
  const confirmedFlushLsn = cluster.walPosition;
  const twoPhase = / TWO_PHASE true\b/.test(sql);
  cluster.addSlot(name, { plugin, temporary: temporary !== undefined, twoPhase, confirmedFlushLsn });
  const columns = ['slot_name', 'consistent_point', 'snapshot_name', 'output_plugin'];
  return buildResultSet(columns, [[name, formatLsn(confirmedFlushLsn), null, plugin]]);
}

/** The slot for START_REPLICATION, or the error that it is missing or active. */
export function findFreeSlot(cluster: FakeCluster, name: string): FakeSlot | Buffer {
  const slot = cluster.slots.get(name);
  if (!slot) return buildErrorResponse({ C: '42704', M: `replication slot "${name}" does not exist` });
  if (!slot.owner) return slot;
  const pid = typeof slot.owner === 'number' ? slot.owner : slot.owner.processId;
  return buildErrorResponse({ C: '55006', M: `replication slot "${name}" is active for PID ${pid}` });
}
