import { abridge } from '../common/error-text';
import { ReplicationError, ServerError } from '../common/errors';
import { quoteLiteral } from './sql';
import { getCount, getOnlyRow, runQuery, type ProtocolRoutine, type ResultRow } from './protocol-routine';

/** A setting of the session that the library relies on. */
interface SessionSetting {
  /** The name, as in pg_settings. */
  readonly name: string;
  /** The value, as the server prints it. */
  readonly value: string;
  /** The value in a database whose encoding is SQL_ASCII, where that differs. */
  readonly inSqlAscii?: string;
  /** The version that introduced it, as in server_version_num. Default: every supported version has it. */
  readonly since?: number;
}

/**
 * The settings that determine how the server prints values, and those that end a session or a query. The configuration of the
 * server, a database or a role, `options`, or a login event trigger may have set them to any value.
 *
 * search_path is first: schemas in another path may have functions and operators that hide those of pg_catalog. If pg_temp is
 * not in the path, the server searches it for types and tables before pg_catalog.
 */
const SESSION_SETTINGS: readonly SessionSetting[] = [
  { name: 'search_path', value: 'pg_catalog, pg_temp' },
  { name: 'statement_timeout', value: '0' },
  { name: 'lock_timeout', value: '0' },
  { name: 'idle_in_transaction_session_timeout', value: '0' },
  { name: 'idle_session_timeout', value: '0', since: 140_000 },
  { name: 'transaction_timeout', value: '0', since: 170_000 },
  // With serializable, a standby rejects every query, and a deferrable transaction waits for other transactions.
  { name: 'default_transaction_isolation', value: 'read committed' },
  // A database in SQL_ASCII may contain any bytes. With UTF8, the server raises 22021 at bytes that are not valid UTF-8.
  { name: 'client_encoding', value: 'UTF8', inSqlAscii: 'SQL_ASCII' },
  { name: 'DateStyle', value: 'ISO, MDY' },
  { name: 'IntervalStyle', value: 'postgres' },
  { name: 'TimeZone', value: 'UTC' },
  { name: 'bytea_output', value: 'hex' },
  { name: 'extra_float_digits', value: '3' },
  // The binary format of money has no currency. With C, the text has no locale's currency either.
  { name: 'lc_monetary', value: 'C' },
  // Determines how regclass, regtype and similar types are printed, and row filters.
  { name: 'quote_all_identifiers', value: 'off' },
  // The warning that a publication was skipped must reach the client.
  { name: 'client_min_messages', value: 'warning' },
];

/** The newest version whose settings all supported versions have. */
const OLDEST_SUPPORTED = 140_000;

/**
 * Sets the session settings by SQL, reads them back from the server and compares them.
 *
 * SET on the established connection overrides the settings of the server, the database, the role, `options` and login event
 * triggers, and a later reload of the server's configuration does not override it. Start-up parameters do not suffice: a login
 * event trigger runs after them, and proxies and poolers drop or reject unknown ones.
 *
 * The statements qualify all names, so they do not depend on the search path.
 *
 * @param more further columns of the query that reads the settings back
 * @returns the row of that query
 * @throws {ReplicationError} `SETTING_NOT_APPLIED` if the server reports another value than the one that was set
 */
export function* applySettings(more: string): ProtocolRoutine<ResultRow> {
  const always = SESSION_SETTINGS.filter(({ since = 0 }) => since <= OLDEST_SUPPORTED);
  // One Query message is one transaction: if the server rejects one of the settings, it sets none.
  yield* trySetting(always.map(buildSetCommand).join('; '));
  const row = yield* readBack(more);
  const differing = findDiffering(row);
  if (differing.length === 0) return row;

  const refusals = new Map<SessionSetting, ServerError>();
  for (const setting of differing) {
    const refusal = yield* trySetting(buildSetCommand({ ...setting, value: getValue(setting, row) }));
    if (refusal) refusals.set(setting, refusal);
  }
  const corrected = yield* readBack(more);
  const wrong = findDiffering(corrected);
  if (wrong.length > 0) throw createNotAppliedError(wrong, corrected, refusals);
  return corrected;
}

/** Quotes the elements of a list one by one. Quoted as a whole, search_path would be a single schema. */
function buildSetCommand({ name, value }: SessionSetting): string {
  return `SET ${name} = ${value.split(', ').map(quoteLiteral).join(', ')}`;
}

/** @returns the server's error, after which the connection is usable */
function* trySetting(sql: string): ProtocolRoutine<ServerError | undefined> {
  try {
    yield* runQuery(sql);
    return undefined;
  } catch (error) {
    if (error instanceof ServerError && error.server.severity === 'ERROR') return error;
    throw error;
  }
}

function* readBack(more: string): ProtocolRoutine<ResultRow> {
  const columns = SESSION_SETTINGS.map(({ name }) => `pg_catalog.current_setting('${name}', true) AS "${name}"`);
  const sql = `SELECT pg_catalog.current_setting('server_version_num') AS version,
    pg_catalog.current_setting('server_encoding') AS server_encoding, ${columns.join(', ')}, ${more}`;
  return getOnlyRow(yield* runQuery(sql), 'its settings');
}

function findDiffering(row: ResultRow): SessionSetting[] {
  const version = getCount(row, 'version');
  return SESSION_SETTINGS.filter((setting) => {
    const { name, since = 0 } = setting;
    const isUnknown = version < since && (row[name] ?? null) === null;
    return !isUnknown && row[name] !== getValue(setting, row);
  });
}

function getValue({ value, inSqlAscii }: SessionSetting, row: ResultRow): string {
  return row['server_encoding'] === 'SQL_ASCII' ? (inSqlAscii ?? value) : value;
}

const REFUSED =
  'Allow the role to set it (see the cause). If a proxy or pooler rejected it, connect to the server directly.';

function createNotAppliedError(
  wrong: readonly SessionSetting[],
  row: ResultRow,
  refusals: ReadonlyMap<SessionSetting, ServerError>,
): ReplicationError {
  const [cause] = wrong.flatMap((setting) => refusals.get(setting) ?? []);
  const settings = wrong.map((setting) => {
    const { name } = setting;
    const actual = row[name] ?? null;
    return `${name} is ${actual === null ? 'unknown' : JSON.stringify(abridge(actual))} instead of ${JSON.stringify(getValue(setting, row))}`;
  });
  const reason = cause ? `. ${cause.what}` : '';
  return new ReplicationError(
    'SETTING_NOT_APPLIED',
    `The session settings differ from what was set: ${settings.join('; ')}${reason}`,
    {
      remedy: cause && REFUSED,
      ...(cause && { cause, retryable: cause.retryable }),
    },
  );
}
