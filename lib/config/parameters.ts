import type { ConfigError } from '../common/errors';
import { findNearest, formatValue, suggestName, type Options } from '../common/options';
import { isUnsupported, refuseUnsupported, UNSUPPORTED } from './unsupported';

/** libpq's connection parameters that mean something here, and the environment variables that stand for them. */
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

/** What `pg` and its pool take besides. It means nothing here, but one object or URI can serve both. */
export const OF_PG = [
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

/** What `pg` calls otherwise than libpq. */
const PG_NAMES = ['connectionTimeoutMillis', 'enableChannelBinding', 'keepAlive', 'keepAliveInitialDelayMillis'];

/** What may stand in an object and is no option of ours; of some of it only the values that mean nothing. */
export const LET_PASS: readonly string[] = [...OF_PG, ...PG_NAMES, ...Object.keys(UNSUPPORTED)];

/** What an object may not say, with the reason. */
export const MISPLACED: Readonly<Record<string, string>> = {
  dbname: 'is called database here',
  stream: 'is not supported: a socket that you make yourself cannot be used; give host and port',
};

/** What stands in one connection string, by libpq's names. */
export type Given = ReadonlyMap<string, string>;

/** Whether it may stand in a connection string. */
export function isKnown(name: string): boolean {
  return isParameter(name) || isUnsupported(name) || OF_PG.includes(name);
}

/** What was probably meant by an unknown name in a connection string. */
export function suggestParameter(name: string): string {
  return suggestName(name, [...PARAMETERS, 'dbname']);
}

/** A value, and where it came from; no place: the object. */
interface Found {
  readonly text: string;
  readonly place?: string;
}

/**
 * The parameters of a connection: of an object, of a connection string and of the environment, of which the first that
 * has a value counts.
 */
export class Parameters {
  readonly #own: Options;
  readonly #given: Given;
  readonly #env: NodeJS.ProcessEnv;

  /** @throws {ConfigError} when the object or the environment asks for what is not supported */
  constructor(own: Options, given: Given, env: NodeJS.ProcessEnv) {
    this.#own = own;
    this.#given = given;
    this.#env = env;
    for (const [name, { variable = '' }] of Object.entries(UNSUPPORTED)) {
      const option = `connection.${name}`;
      refuseUnsupported(option, `comes from ${variable}, but `, name, env[variable] ?? '');
      refuseUnsupported(option, 'is not supported: ', name, plain(this.own(name)));
    }
  }

  /** Text; in the object a number or a truth value may stand for it. As in libpq, an empty text is none. */
  text(name: ParameterName): string | undefined {
    const text = this.#find(name)?.text;
    // It would end the text early on its way to the server or to the system.
    if (text?.includes('\0')) throw this.error(name, 'it has a NUL byte in it');
    return text;
  }

  /** What the object says itself. */
  own(name: string): unknown {
    return this.#own.get(name) ?? undefined;
  }

  /** Whether the object says it itself. */
  has(name: string): boolean {
    return this.own(name) !== undefined && this.own(name) !== '';
  }

  /** One of a few words. */
  oneOf<T extends string>(name: ParameterName, words: readonly T[]): T | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const found = words.find((word) => word === text);
    if (found !== undefined) return found;
    const meant = findNearest(text, words);
    throw this.error(name, `expected ${words.join(', ')}${meant === undefined ? '' : `; did you mean ${meant}?`}`);
  }

  /** A whole number, 0 and 1 for a switch. */
  integer(name: ParameterName): number | undefined {
    const text = this.text(name)?.trim();
    if (text === undefined) return undefined;
    if (!/^[+-]?\d{1,9}$/.test(text)) throw this.error(name, 'expected a whole number');
    return Number(text);
  }

  /** On or off. */
  flag(name: ParameterName, fallback: boolean): boolean {
    const text = this.text(name);
    if (text === undefined) return fallback;
    if (!['0', '1', 'true', 'false'].includes(text)) throw this.error(name, 'expected 1 or 0');
    return text === '1' || text === 'true';
  }

  /** Says where the value came from, as one does not see environment variables. */
  error(name: ParameterName, what: string): ConfigError {
    const place = this.#find(name)?.place;
    return this.#own.error(name, `${what}${place === undefined ? '' : ` (${place})`}`);
  }

  #find(name: ParameterName): Found | undefined {
    if (this.has(name)) return { text: toParameterText(this.#own, name, this.own(name)) };
    const given = this.#given.get(name);
    if (given) return { text: given, place: 'it stands in the connection string' };
    const variable = SUPPORTED[name] ?? '';
    const set = this.#env[variable];
    if (set) return { text: set, place: `it comes from ${variable}` };
    // Of old, and less than PGSSLMODE.
    const isRequired = name === 'sslmode' && this.#env['PGREQUIRESSL']?.startsWith('1');
    return isRequired ? { text: 'require', place: 'it comes from PGREQUIRESSL' } : undefined;
  }
}

/** What may be given as numbers, and as true or false. */
const NUMERIC: readonly ParameterName[] = ['port', 'connect_timeout', 'keepalives_idle'];
const SWITCHES: readonly ParameterName[] = ['keepalives', 'sslsni'];

function toParameterText(options: Options, name: ParameterName, value: unknown): string {
  if (typeof value === 'string') return value;
  if (SWITCHES.includes(name) && (typeof value === 'boolean' || typeof value === 'number')) return plain(value);
  if (NUMERIC.includes(name)) {
    if (typeof value === 'number') return String(value);
    throw options.error(name, `expected a number, got ${formatValue(value)}`);
  }
  // Not even a number is shown: it could be a password.
  throw options.error(name, `expected text, got ${typeof value === 'number' ? 'a number' : formatValue(value)}`);
}

/** As it would stand in a connection string; of what cannot stand there, something that is not empty. */
function plain(value: unknown): string {
  if (value === undefined) return '';
  if (typeof value === 'boolean') return value ? '1' : '0';
  return typeof value === 'string' || typeof value === 'number' ? String(value) : typeof value;
}
