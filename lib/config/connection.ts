import { userInfo } from 'node:os';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { parse } from 'pg-connection-string';
import type { ConnectionSettings } from '../connection';
import { ConfigError } from '../errors';
import { isRecord, Options } from './options';

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
  /** true, or what `tls.connect` takes: the connection is encrypted or fails. Default: no TLS. */
  readonly ssl?: boolean | TlsOptions | undefined;
  /** What pg_stat_replication shows. Default: PGAPPNAME, or rxjs-pg-replication. */
  readonly application_name?: string | undefined;
  /** Command-line options for the server process, as in libpq. Default: PGOPTIONS. */
  readonly options?: string | undefined;
}

const OWN = [
  'connectionString',
  'host',
  'port',
  'user',
  'password',
  'database',
  'ssl',
  'application_name',
  'options',
] as const;

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
  'sslnegotiation',
  'statement_timeout',
  'stream',
  'types',
  'verify',
];

/** The sslmode of a URI that pg-connection-string turns into settings of tls.connect. */
type Parsed = Partial<ReturnType<typeof parse>>;

/** What a URI says. The parser gives what it leaves out as empty text, which must not hide the defaults. */
function parseUri(name: string, uri: string): Parsed {
  if (!/^[a-z]+:\/\//i.test(uri)) {
    throw new ConfigError(name, 'expected a URI, as in postgres://user@host:5432/database');
  }
  try {
    return Object.fromEntries(Object.entries(parse(uri)).filter(([, value]) => value !== '' && value !== null));
  } catch {
    // The parser's own message could quote the password.
    throw new ConfigError(
      name,
      'this URI cannot be read; percent-encode what is special in user, password and database',
    );
  }
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

function portOf(value: unknown): number {
  const port = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65535) {
    throw new ConfigError('connection.port', `expected a number from 1 to 65535, got ${JSON.stringify(value)}`);
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

/** Puts together what was given, what a URI says and what the environment adds, in this order. */
export function resolveConnection(
  connection: unknown,
  timeouts: { readonly connectTimeout: number; readonly closeTimeout: number },
  env: NodeJS.ProcessEnv = process.env,
): ConnectionSettings {
  const given = typeof connection === 'string' ? { connectionString: connection } : (connection ?? {});
  const options = new Options('connection', given, [...OWN, ...LET_PASS]);
  const uri = options.text('connectionString');
  const parsed: Parsed = uri === undefined ? {} : parseUri('connection', uri);
  // As in libpq, an empty variable is none.
  const fromEnv = (variable: string) => (env[variable] === '' ? undefined : env[variable]);
  const text = (name: 'host' | 'user' | 'password' | 'database' | 'application_name' | 'options', variable: string) =>
    options.text(name) ?? parsed[name] ?? fromEnv(variable);

  const user = text('user', 'PGUSER') ?? systemUser();
  if (!user) throw new ConfigError('connection.user', 'missing; name the PostgreSQL user who connects');
  const applicationName = text('application_name', 'PGAPPNAME');
  return {
    ...timeouts,
    target: {
      host: text('host', 'PGHOST') ?? 'localhost',
      port: portOf(options.get('port') ?? parsed.port ?? fromEnv('PGPORT') ?? 5432),
      tls: tlsOf(options.get('ssl') ?? parsed.ssl),
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
