import { userInfo } from 'node:os';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { parse } from 'pg-connection-string';
import { ConfigError } from '../errors';
import type { Target } from '../net/transport';
import type { StartupOptions } from '../session/startup';
import { isRecord, Options, shown } from '../options';

/** Where the server is and who connects: the object that one gives `new pg.Client(…)`. */
export interface ConnectionOptions {
  /** A URI; what else is given here wins over it. */
  readonly connectionString?: string | undefined;
  /** A name, an address, or the folder of a Unix socket. Default: PGHOST, or localhost. */
  readonly host?: string | undefined;
  /** Default: PGPORT, or 5432. */
  readonly port?: number | undefined;
  /** Default: PGUSER, or the operating system's user. */
  readonly user?: string | undefined;
  /** Default: PGPASSWORD. */
  readonly password?: string | undefined;
  /** Default: PGDATABASE, or the user's name. */
  readonly database?: string | undefined;
  /** true, or what `tls.connect` takes: the connection is encrypted or fails. Default: as PGSSLMODE says, or no TLS. */
  readonly ssl?: boolean | TlsOptions | undefined;
  /** What pg_stat_replication shows. Default: PGAPPNAME, or rxjs-pg-replication. */
  readonly application_name?: string | undefined;
  /** Command-line options for the server process, as in libpq. Default: PGOPTIONS. */
  readonly options?: string | undefined;
}

/** How to reach the server. */
export interface ServerConfig {
  /** A URI or the object that one gives `new pg.Client(…)`. PG* environment variables fill what is missing. */
  readonly connection?: string | ConnectionOptions | undefined;
  /** ms for connecting and what is asked then; what waits for others, as making a slot does, is not counted. Default 15 000. */
  readonly connectTimeout?: number | undefined;
  /**
   * ms for taking leave of the server, after which the connection is cut; 0: unsubscribing cuts it at once, and a stop
   * still takes its leave. Default 5000.
   */
  readonly closeTimeout?: number | undefined;
}

export const SERVER_OPTIONS: readonly (keyof ServerConfig)[] = ['connection', 'connectTimeout', 'closeTimeout'];

/** A {@link ServerConfig} that was checked and completed: how to reach a server and introduce oneself. */
export interface ConnectionSettings {
  readonly target: Target;
  readonly startup: StartupOptions;
  /** ms for everything up to the conversation's end, but for what takes as long as it likes. */
  readonly connectTimeout: number;
  /** ms for taking leave. */
  readonly closeTimeout: number;
}

/** What an object and a URI can say. */
const OWN = ['host', 'port', 'user', 'password', 'database', 'ssl', 'application_name', 'options', 'sslnegotiation'];

/** What `pg` and its pool take besides. It means nothing here, but one object can serve both. */
const LET_PASS = [
  'Client',
  'Promise',
  'allowExitOnIdle',
  'binary',
  'client_encoding',
  'connectionTimeoutMillis',
  'enableChannelBinding',
  'fallback_application_name',
  'idleTimeoutMillis',
  'idle_in_transaction_session_timeout',
  'keepAlive',
  'keepAliveInitialDelayMillis',
  'lock_timeout',
  'log',
  'max',
  'maxLifetimeSeconds',
  'maxUses',
  'min',
  'onConnect',
  'pipeline',
  'query_timeout',
  'statement_timeout',
  'stream',
  'types',
  'verify',
];

/** What pg-connection-string turns into settings of tls.connect. */
const URI_TLS = ['sslmode', 'sslcert', 'sslkey', 'sslrootcert', 'uselibpqcompat'];

/** More than one host with a port each, which the parser takes for a broken port. */
const SEVERAL_HOSTS = /^[^/]+:\/\/(?:[^/?#]*@)?(?![^/?#]*@)(?:\[[^\]]*\]|[^/?#,:[]*)(?::\d*)?,/;
const ONE_HOST = 'names several hosts; there can be one only';

type Parsed = Partial<ReturnType<typeof parse>>;

const UNREADABLE = 'this URI cannot be read; percent-encode what is special in user, password and database';

/** What a URI says. The parser gives what it leaves out as empty text, which must not hide the defaults. */
function parseUri(name: string, uri: string): Parsed {
  if (uri === '') throw new ConfigError(name, 'expected a URI, got empty text (is an environment variable empty?)');
  if (!/^[a-z]+:\/\//i.test(uri)) {
    throw new ConfigError(name, 'expected a URI, as in postgres://user@host:5432/database');
  }
  let parsed: Parsed;
  try {
    parsed = parse(uri);
  } catch (error) {
    throw new ConfigError(name, SEVERAL_HOSTS.test(uri) ? `this URI ${ONE_HOST}` : (fileError(error) ?? UNREADABLE));
  }
  checkParameters(name, uri, Object.keys(parsed));
  return Object.fromEntries(Object.entries(parsed).filter(([, value]) => value !== '' && value !== null));
}

/** Names the file when a certificate or key cannot be read. What else the parser says could quote the password. */
function fileError(error: unknown): string | undefined {
  if (!isRecord(error) || typeof error['syscall'] !== 'string') return undefined;
  const file = typeof error['path'] === 'string' ? error['path'] : 'a certificate or key';
  return `${file}, which this URI names, cannot be read (${String(error['code'])})`;
}

/** What would be dropped silently is an error: a parameter may be what the connection's safety hangs on. */
function checkParameters(name: string, uri: string, given: readonly string[]): void {
  const known = [...OWN, ...LET_PASS, ...URI_TLS, ...(/^socket:/i.test(uri) ? ['db', 'encoding'] : [])];
  const unknown = given.find((parameter) => !known.includes(parameter));
  if (unknown === undefined) return;
  // Behind a ? that was not encoded, the parameter could be part of the password.
  if (uri.slice(uri.indexOf('?')).includes('@')) throw new ConfigError(name, UNREADABLE);
  const remedy =
    unknown === 'connect_timeout' ? 'use the option connectTimeout, which is in ms' : 'leave it out of the URI';
  throw new ConfigError(name, `the parameter ${unknown} is not supported; ${remedy}`);
}

function isTlsOptions(value: unknown): value is TlsOptions {
  return isRecord(value);
}

function tlsOf(ssl: unknown): TlsOptions | undefined {
  if (ssl === undefined || ssl === null || ssl === false) return undefined;
  if (ssl === true) return {};
  if (isTlsOptions(ssl)) return ssl;
  throw new ConfigError('connection.ssl', 'expected true, false, or the options of tls.connect');
}

/** PGSSLMODE as `pg` reads it. It never means that clear text will do where TLS is not to be had. */
function tlsOfMode(mode: string | undefined): boolean | TlsOptions {
  switch (mode) {
    case undefined:
    case 'disable':
      return false;
    case 'prefer':
    case 'require':
    case 'verify-ca':
    case 'verify-full':
      return true;
    case 'no-verify':
      return { rejectUnauthorized: false };
    default:
      throw new ConfigError(
        'connection.ssl',
        'expected PGSSLMODE to be disable, prefer, require, verify-ca, verify-full or no-verify',
      );
  }
}

function portOf(value: unknown): number {
  const port = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65535) {
    throw new ConfigError(
      'connection.port',
      `expected a number from 1 to 65535, got ${typeof value === 'string' ? JSON.stringify(value) : shown(value)}`,
    );
  }
  return port;
}

function systemUser(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    // No passwd entry, as in some containers.
    return undefined;
  }
}

/**
 * Reads a {@link ServerConfig}. Puts together what was given, what a URI says and what the environment adds, in this
 * order.
 */
export function resolveConnection(config: Options, env: NodeJS.ProcessEnv = process.env): ConnectionSettings {
  const connection = config.get('connection') ?? {};
  if (connection instanceof URL) throw new ConfigError('connection', 'expected the URI as text; give url.href');
  if (isRecord(connection) && typeof connection['query'] === 'function') {
    throw new ConfigError('connection', 'expected options; give those of the pool or client, not the pool itself');
  }
  const given = typeof connection === 'string' ? { connectionString: connection } : connection;
  const options = new Options('connection', given, ['connectionString', ...OWN], { letPass: LET_PASS });
  const uri = options.text('connectionString');
  const parsed: Parsed = uri === undefined ? {} : parseUri('connection', uri);
  // As in libpq, an empty variable is none.
  const fromEnv = (variable: string) => (env[variable] === '' ? undefined : env[variable]);
  const text = (
    name: 'host' | 'user' | 'password' | 'database' | 'application_name' | 'options' | 'sslnegotiation',
    variable: string,
  ) => options.text(name) ?? parsed[name] ?? fromEnv(variable);

  const user = text('user', 'PGUSER') ?? systemUser();
  if (!user) throw new ConfigError('connection.user', 'missing; name the PostgreSQL user who connects');
  const host = text('host', 'PGHOST') ?? 'localhost';
  if (host.includes(',')) throw options.error('host', ONE_HOST);
  if ((text('sslnegotiation', 'PGSSLNEGOTIATION') ?? 'postgres') !== 'postgres') {
    throw options.error('sslnegotiation', 'direct is not supported yet; leave it out, or say postgres');
  }
  const applicationName = text('application_name', 'PGAPPNAME');
  return {
    connectTimeout: config.ms('connectTimeout', 15_000, 1),
    closeTimeout: config.ms('closeTimeout', 5000),
    target: {
      host,
      port: portOf(options.get('port') ?? parsed.port ?? fromEnv('PGPORT') ?? 5432),
      tls: tlsOf(options.get('ssl') ?? parsed.ssl ?? tlsOfMode(fromEnv('PGSSLMODE'))),
    },
    startup: {
      user,
      password: text('password', 'PGPASSWORD'),
      database: text('database', 'PGDATABASE') ?? user,
      applicationName: applicationName ?? 'rxjs-pg-replication',
      options: text('options', 'PGOPTIONS'),
    },
  };
}
