import { formatLsn } from '../common/lsn';
import { commandComplete, dataRow, errorResponse, rowDescription } from './backend-messages';
import type { FakeCluster } from './cluster';

type Row = Readonly<Record<string, string | null>>;

/** The answer to a query, up to CommandComplete; all columns are text. */
export function resultSet(columns: readonly string[], rows: readonly (readonly (string | null)[])[]): Buffer {
  return Buffer.concat([rowDescription(columns), ...rows.map(dataRow), commandComplete(`SELECT ${rows.length}`)]);
}

/**
 * Answers all commands and queries of this library but those that make a slot or a stream.
 *
 * @param session the settings of the session by name, which SET changes
 */
export function answer(cluster: FakeCluster, session: Map<string, string>, sql: string): Buffer {
  if (sql.startsWith('SET ')) return Buffer.concat(sql.split('; ').map((statement) => set(session, statement)));
  if (sql === 'IDENTIFY_SYSTEM') return identifySystem(cluster);
  if (sql.startsWith('TIMELINE_HISTORY ')) return timelineHistory(cluster, Number(sql.split(' ')[1]));
  if (sql.startsWith('DROP_REPLICATION_SLOT')) return dropSlot(cluster, /"(\w+)"/.exec(sql)?.[1] ?? '');
  // No type of the fake's tables has to be looked up.
  if (/pg_catalog\.pg_(type|attribute)\b/.test(sql)) return resultSet(['oid'], []);
  if (sql.includes('server_version_num')) return settings(cluster, session, sql);
  if (sql.includes('SELECT pubname AS name ')) return named(cluster.publications);
  if (sql.includes('SELECT slot_name AS name ')) return named(cluster.slots.keys());
  if (sql.includes('pg_database ')) return oneRow({ name: cluster.database, here: 't' });
  if (sql.includes('pg_publication ')) {
    const known = [...cluster.publications].filter((name) => sql.includes(`'${name.replaceAll("'", "''")}'`));
    return resultSet(
      ['pubname'],
      known.map((name) => [name]),
    );
  }
  if (sql.includes('pg_replication_slots')) return slotRow(cluster, /slot_name = '(\w+)'/.exec(sql)?.[1] ?? '');
  return errorResponse({
    C: '42601',
    M: `the fake server has no answer to: ${sql}; give it one in behaviour.answersTo`,
  });
}

function named(names: Iterable<string>): Buffer {
  return resultSet(
    ['name'],
    [...names].map((name) => [name]),
  );
}

function oneRow(row: Row): Buffer {
  return resultSet(Object.keys(row), [Object.values(row)]);
}

function identifySystem({ systemId, timeline, walPosition, database }: FakeCluster): Buffer {
  return oneRow({
    systemid: systemId,
    timeline: String(timeline),
    xlogpos: formatLsn(walPosition),
    dbname: database,
  });
}

/** Source: PostgreSQL manual, "Streaming Replication Protocol". The first timeline has no file. */
function timelineHistory({ history }: FakeCluster, timeline: number): Buffer {
  const filename = `${timeline.toString(16).toUpperCase().padStart(8, '0')}.history`;
  const switches = history.filter((one) => one.timeline < timeline);
  if (switches.length === 0) {
    return errorResponse({ C: '58P01', M: `could not open file "pg_wal/${filename}": No such file or directory` });
  }
  const lines = switches.map(
    ({ timeline: left, switchLsn, reason = 'no recovery target specified' }) =>
      `${left}\t${formatLsn(switchLsn)}\t${reason}\n`,
  );
  return oneRow({ filename, content: lines.join('') });
}

/** A list of values is kept as the server prints it: without quotes. */
function set(session: Map<string, string>, statement: string): Buffer {
  const [, name = '', value = ''] = /^SET (\w+) = (.*)$/.exec(statement) ?? [];
  session.set(name, value.replaceAll("'", ''));
  return commandComplete('SET');
}

/** What `current_setting(…, true)` gives for a setting that the session has not set: null where the server has none of that name. */
function initialSetting(name: string, { serverVersion }: FakeCluster): string | null {
  return name === 'transaction_timeout' && serverVersion >= 170_000 ? '0' : null;
}

function settings(cluster: FakeCluster, session: Map<string, string>, sql: string): Buffer {
  const asked = [...sql.matchAll(/current_setting\('(\w+)', true\)/g)].map(([, name = '']) => name);
  return oneRow({
    version: String(cluster.serverVersion),
    ...Object.fromEntries(asked.map((name) => [name, session.get(name) ?? initialSetting(name, cluster)])),
    wal_level: cluster.walLevel,
    database: cluster.database,
    wal_sender_timeout: String(cluster.walSenderTimeout),
    in_recovery: cluster.standby ? 't' : 'f',
    read_only: cluster.standby || cluster.readOnly ? 'on' : 'off',
  });
}

function slotRow(cluster: FakeCluster, name: string): Buffer {
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
  return slot ? oneRow(row) : resultSet(Object.keys(row), []);
}

function dropSlot(cluster: FakeCluster, name: string): Buffer {
  const slot = cluster.slots.get(name);
  if (!slot) return errorResponse({ C: '42704', M: `replication slot "${name}" does not exist` });
  if (slot.owner) return errorResponse({ C: '55006', M: `replication slot "${name}" is active` });
  cluster.slots.delete(name);
  return commandComplete('DROP_REPLICATION_SLOT');
}
