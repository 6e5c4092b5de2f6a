import { abridge, ReplicationError, ServerError } from '../common/errors';
import { quoteLiteral } from './sql';
import { getCount, getOnlyRow, runQuery, type ProtocolRoutine, type ResultRow } from './protocol-routine';

/** A setting of the session that the library relies on. */
interface SessionSetting {
  /** As pg_settings spells it. */
  readonly name: string;
  /** As the server prints it. */
  readonly value: string;
  /** The value in a database whose encoding is SQL_ASCII, where that differs. */
  readonly inSqlAscii?: string;
  /** The version that introduced it, as in server_version_num. Default: every supported version has it. */
  readonly since?: number;
}

/**
 * The settings that decide how the server prints values, and those that end a session or a query. A server, a database, a
 * role, `options` or a login event trigger may have given them any value.
 *
 * search_path comes first: a path with other schemas may hold functions and operators that hide those of pg_catalog.
 * pg_temp, when it is not named, is searched for types and tables before pg_catalog.
 */
const SESSION_SETTINGS: readonly SessionSetting[] = [
  { name: 'search_path', value: 'pg_catalog, pg_temp' },
  { name: 'statement_timeout', value: '0' },
  { name: 'lock_timeout', value: '0' },
  { name: 'idle_in_transaction_session_timeout', value: '0' },
  { name: 'idle_session_timeout', value: '0', since: 140_000 },
  { name: 'transaction_timeout', value: '0', since: 170_000 },
  // With serializable, a standby refuses every query, and a deferrable transaction waits for those of others.
  { name: 'default_transaction_isolation', value: 'read committed' },
  // A database in SQL_ASCII holds any bytes. Asked for UTF8, the server raises 22021 at the first that are none, each time.
  { name: 'client_encoding', value: 'UTF8', inSqlAscii: 'SQL_ASCII' },
  { name: 'DateStyle', value: 'ISO, MDY' },
  { name: 'IntervalStyle', value: 'postgres' },
  { name: 'TimeZone', value: 'UTC' },
  { name: 'bytea_output', value: 'hex' },
  { name: 'extra_float_digits', value: '3' },
  // The binary form of money has no currency. Its text then has none either.
  { name: 'lc_monetary', value: 'C' },
  // It decides how regclass, regtype and the like are printed, and row filters.
  { name: 'quote_all_identifiers', value: 'off' },
  // The warning that a publication was skipped must arrive.
  { name: 'client_min_messages', value: 'warning' },
];

/** The newest version whose settings all supported versions have. */
const OLDEST_SUPPORTED = 140_000;

/**
 * Sets the session settings by SQL, reads them back from the server and compares.
 *
 * SET on the established connection overrides whatever is set for the server, a database or a role, in `options`, or by a
 * login event trigger, and later reloads of the server's configuration do not override it. Start-up parameters do neither:
 * a login event trigger runs after them, and proxies and poolers drop or refuse those that they do not know.
 *
 * Neither statement calls anything by a name that the search path decides.
 *
 * @param more further columns of the query that reads the settings back
 * @returns the row of that query
 * @throws {ReplicationError} `SETTING_NOT_APPLIED` when the server reports another value than the one that was set
 */
export function* applySettings(more: string): ProtocolRoutine<ResultRow> {
  const always = SESSION_SETTINGS.filter(({ since = 0 }) => since <= OLDEST_SUPPORTED);
  // One message is one transaction: if the server refuses one of the settings, it sets none.
  yield* trySetting(always.map(setCommand).join('; '));
  const row = yield* readBack(more);
  const differing = findDiffering(row);
  if (differing.length === 0) return row;

  const refusals = new Map<SessionSetting, ServerError>();
  for (const setting of differing) {
    const refusal = yield* trySetting(setCommand({ ...setting, value: getValue(setting, row) }));
    if (refusal) refusals.set(setting, refusal);
  }
  const corrected = yield* readBack(more);
  const wrong = findDiffering(corrected);
  if (wrong.length > 0) throw createNotAppliedError(wrong, corrected, refusals);
  return corrected;
}

/** A list is set element by element: in quotes as a whole, search_path would be one schema. */
function setCommand({ name, value }: SessionSetting): string {
  return `SET ${name} = ${value.split(', ').map(quoteLiteral).join(', ')}`;
}

/** @returns the server's refusal; the connection is usable after it */
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
  'Let the role set it (see the cause); or, if a proxy or pooler refused it, connect to the server itself.';

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
  const said = cause ? `. ${cause.what}` : '';
  return new ReplicationError(
    'SETTING_NOT_APPLIED',
    `The session settings differ from what was set: ${settings.join('; ')}${said}`,
    {
      remedy: cause && REFUSED,
      ...(cause && { cause, retryable: cause.retryable }),
    },
  );
}
