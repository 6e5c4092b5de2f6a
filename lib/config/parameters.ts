import type { ConfigError } from '../common/errors';
import { findNearest, formatValue, suggestName, type OptionReader } from '../common/option-reader';
import { isUnsupported, refuseUnsupported, UNSUPPORTED } from './unsupported';

/** The supported connection parameters of libpq, with their environment variables. */
const SUPPORTED = {
  host: 'PGHOST',
  hostaddr: 'PGHOSTADDR',
  port: 'PGPORT',
  user: 'PGUSER',
  password: 'PGPASSWORD',
  passfile: 'PGPASSFILE',
  database: 'PGDATABASE',
  application_name: 'PGAPPNAME',
  fallback_application_name: undefined,
  options: 'PGOPTIONS',
  connect_timeout: 'PGCONNECT_TIMEOUT',
  keepalives: undefined,
  keepalives_idle: undefined,
  target_session_attrs: 'PGTARGETSESSIONATTRS',
  load_balance_hosts: 'PGLOADBALANCEHOSTS',
  require_auth: 'PGREQUIREAUTH',
  channel_binding: 'PGCHANNELBINDING',
  sslmode: 'PGSSLMODE',
  sslnegotiation: 'PGSSLNEGOTIATION',
  sslrootcert: 'PGSSLROOTCERT',
  sslcrl: 'PGSSLCRL',
  sslcert: 'PGSSLCERT',
  sslkey: 'PGSSLKEY',
  sslpassword: undefined,
  sslsni: 'PGSSLSNI',
  ssl_min_protocol_version: 'PGSSLMINPROTOCOLVERSION',
  ssl_max_protocol_version: 'PGSSLMAXPROTOCOLVERSION',
} as const satisfies Record<string, string | undefined>;

export type ParameterName = keyof typeof SUPPORTED;

export const PARAMETERS = Object.keys(SUPPORTED).filter(isParameter);

function isParameter(name: string): name is ParameterName {
  return Object.hasOwn(SUPPORTED, name);
}

/** Options of `pg` and its pool that are ignored, so that one object or URI can serve both libraries. */
const PG_OPTIONS = [
  'Client',
  'Promise',
  'allowExitOnIdle',
  'binary',
  'client_encoding',
  'idleTimeoutMillis',
  'idle_in_transaction_session_timeout',
  'lock_timeout',
  'log',
  'max',
  'maxLifetimeSeconds',
  'maxUses',
  'min',
  'onConnect',
  'pipeline',
  'poolSize',
  'query_timeout',
  'scramMaxIterations',
  'statement_timeout',
  'types',
  'uselibpqcompat',
  'verify',
];

/** Options that `pg` names differently from libpq. */
const PG_NAMES = ['connectionTimeoutMillis', 'enableChannelBinding', 'keepAlive', 'keepAliveInitialDelayMillis'];

/** Names that an object may contain besides the options; unsupported ones only with a value that has no effect. */
export const IGNORED: readonly string[] = [...PG_OPTIONS, ...PG_NAMES, ...Object.keys(UNSUPPORTED)];

/** Names that an object must not contain, with the problem that the error states. */
export const MISPLACED: Readonly<Record<string, string>> = {
  dbname: 'is not an option; use database',
  stream: 'is not supported; use host and port',
};

/** The parameters of a connection string, by libpq's names. */
export type GivenParameters = ReadonlyMap<string, string>;

/** Whether a connection string may contain the parameter. */
export function isKnownParameter(name: string): boolean {
  return isParameter(name) || isUnsupported(name) || PG_OPTIONS.includes(name);
}

/** The remedy for an unknown parameter of a connection string. */
export function suggestParameter(name: string): string {
  return suggestName(name, [...PARAMETERS, 'dbname']);
}

/** A value and its source; without a place it is from the object. */
interface Found {
  readonly text: string;
  readonly place?: string;
}

/**
 * The parameters of a connection, from an object, a connection string and the environment, in this order of precedence.
 */
export class Parameters {
  readonly #own: OptionReader;
  readonly #given: GivenParameters;
  readonly #env: NodeJS.ProcessEnv;

  /** @throws {ConfigError} if the object or the environment sets an unsupported parameter */
  constructor(getFromObject: OptionReader, given: GivenParameters, env: NodeJS.ProcessEnv) {
    this.#own = getFromObject;
    this.#given = given;
    this.#env = env;
    for (const [name, { variable = '' }] of Object.entries(UNSUPPORTED)) {
      const option = `connection.${name}`;
      refuseUnsupported(option, `from ${variable}: `, name, env[variable] ?? '');
      refuseUnsupported(option, 'is not supported: ', name, toPlainText(this.own(name)));
    }
  }

  /** The value as text; in the object it may be a number or a boolean. As in libpq, empty text counts as missing. */
  text(name: ParameterName): string | undefined {
    const text = this.#find(name)?.text;
    // The server and the operating system would end the text at the NUL.
    if (text?.includes('\0')) throw this.error(name, 'must not contain a NUL byte');
    return text;
  }

  /** The value in the object. */
  own(name: string): unknown {
    return this.#own.get(name) ?? undefined;
  }

  /** Whether the object has a value. */
  has(name: string): boolean {
    return this.own(name) !== undefined && this.own(name) !== '';
  }

  oneOf<T extends string>(name: ParameterName, words: readonly T[]): T | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const found = words.find((word) => word === text);
    if (found !== undefined) return found;
    const meant = findNearest(text, words);
    throw this.error(name, `expected one of ${words.join(', ')}`, meant && `Did you mean \`${meant}\`?`);
  }

  integer(name: ParameterName): number | undefined {
    const text = this.text(name)?.trim();
    if (text === undefined) return undefined;
    if (!/^[+-]?\d{1,9}$/.test(text)) throw this.error(name, 'expected a whole number');
    return Number(text);
  }

  flag(name: ParameterName, fallback: boolean): boolean {
    const text = this.text(name);
    if (text === undefined) return fallback;
    if (!['0', '1', 'true', 'false'].includes(text)) throw this.error(name, 'expected 1 or 0');
    return text === '1' || text === 'true';
  }

  /** An error that states the source of the value, such as an environment variable. */
  error(name: ParameterName, what: string, remedy?: string): ConfigError {
    const place = this.#find(name)?.place;
    return this.#own.error(name, `${what}${place === undefined ? '' : ` (${place})`}`, remedy);
  }

  #find(name: ParameterName): Found | undefined {
    if (this.has(name)) return { text: toParameterText(this.#own, name, this.own(name)) };
    const given = this.#given.get(name);
    if (given) return { text: given, place: 'from the connection string' };
    const variable = SUPPORTED[name] ?? '';
    const set = this.#env[variable];
    if (set) return { text: set, place: `from ${variable}` };
    // Deprecated; PGSSLMODE overrides it.
    const isRequired = name === 'sslmode' && this.#env['PGREQUIRESSL']?.startsWith('1');
    return isRequired ? { text: 'require', place: 'from PGREQUIRESSL' } : undefined;
  }
}

/** Parameters that may be numbers, and those that may be booleans. */
const NUMERIC: readonly ParameterName[] = ['port', 'connect_timeout', 'keepalives_idle'];
const SWITCHES: readonly ParameterName[] = ['keepalives', 'sslsni'];

function toParameterText(options: OptionReader, name: ParameterName, value: unknown): string {
  if (typeof value === 'string') return value;
  if (SWITCHES.includes(name) && (typeof value === 'boolean' || typeof value === 'number')) return toPlainText(value);
  if (NUMERIC.includes(name)) {
    if (typeof value === 'number') return String(value);
    throw options.error(name, `expected a number, got ${formatValue(value)}`);
  }
  // The message does not show a number: it could be a password.
  throw options.error(name, `expected text, got ${typeof value === 'number' ? 'a number' : formatValue(value)}`);
}

/** The form of the value in a connection string; for other types, some non-empty text. */
function toPlainText(value: unknown): string {
  if (value === undefined) return '';
  if (typeof value === 'boolean') return value ? '1' : '0';
  return typeof value === 'string' || typeof value === 'number' ? String(value) : typeof value;
}
