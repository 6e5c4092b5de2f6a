import { userInfo } from 'node:os';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { ConfigError } from '../common/errors';
import { isRecord, Options, formatValue } from '../common/options';
import type { StartupOptions } from '../commands/startup';
import { readChannelBinding, readMethods } from './authentication';
import { parseConnectionString } from './connection-string';
import { getCertificateDirectory, getPasswordFile } from './home';
import { describeMissingFields } from './missing-fields';
import { parseHosts, type Hosts } from './hosts';
import { LET_PASS, MISPLACED, PARAMETERS, Parameters } from './parameters';
import { Secrets, type CredentialProvider } from './secrets';
import { readTls } from './tls';

/**
 * Where the server is and who connects: the object that one gives `new pg.Client(…)`, with libpq's parameters besides.
 *
 * What is missing is taken from the connection string, then from libpq's environment variables.
 *
 * Source: manual, "Parameter Key Words" of libpq.
 */
export interface ConnectionOptions {
  /** A URI, or libpq's keywords and values (`host=… dbname=…`). What else is given here wins over it. */
  readonly connectionString?: string | undefined;
  /**
   * A name, an address, or the folder of a Unix socket; or several with commas between them, of which the first that can
   * be reached and is what `target_session_attrs` asks for is taken, anew with each connection. Default: PGHOST, or localhost.
   */
  readonly host?: string | undefined;
  /** Addresses to connect to, one for each host, so that no name is looked up. Default: PGHOSTADDR. */
  readonly hostaddr?: string | undefined;
  /** One for all hosts, or text with one for each. Default: PGPORT, or 5432. */
  readonly port?: number | string | undefined;
  /** Default: PGUSER, or the operating system's user. */
  readonly user?: string | undefined;
  /**
   * Text, or a function that is called whenever a server asks for it, for tokens that are renewed. Default: PGPASSWORD, or
   * the password file's.
   */
  readonly password?: string | CredentialProvider | undefined;
  /** The password file. Default: PGPASSFILE, or ~/.pgpass. */
  readonly passfile?: string | undefined;
  /** Gets a bearer token for OAuth (PostgreSQL 18), whenever a server asks for it. */
  readonly oauthToken?: CredentialProvider | undefined;
  /** Default: PGDATABASE, or the user's name. */
  readonly database?: string | undefined;
  /**
   * true: encrypted, and the server's certificate is verified by the authorities that Node.js trusts; false: no TLS; an
   * object: what `tls.connect` takes. Default: what `sslmode` says.
   */
  readonly ssl?: boolean | TlsOptions | undefined;
  /**
   * `disable`, `prefer` (clear text, with a warning, where the server has no TLS), `require` (encrypted, but with anybody),
   * `verify-ca` or `verify-full` (encrypted, and with the server that has the host's name). Default: PGSSLMODE, or `prefer`.
   */
  readonly sslmode?: string | undefined;
  /** `direct`: TLS without asking first (PostgreSQL 17). Default: PGSSLNEGOTIATION, or `postgres`. */
  readonly sslnegotiation?: string | undefined;
  /** A file with certificates of authorities, or `system` for those that Node.js trusts. Default: PGSSLROOTCERT, or ~/.postgresql/root.crt. */
  readonly sslrootcert?: string | undefined;
  /** A file with revoked certificates. Default: PGSSLCRL, or ~/.postgresql/root.crl. */
  readonly sslcrl?: string | undefined;
  /** A file with our certificate. Default: PGSSLCERT, or ~/.postgresql/postgresql.crt. */
  readonly sslcert?: string | undefined;
  /** A file with its key, which nobody else may read. Default: PGSSLKEY, or ~/.postgresql/postgresql.key. */
  readonly sslkey?: string | undefined;
  /** The passphrase of the key. */
  readonly sslpassword?: string | undefined;
  /** Whether TLS names the host in clear text (SNI), for proxies. Default: PGSSLSNI, or true. */
  readonly sslsni?: boolean | number | string | undefined;
  /** `TLSv1.2` or `TLSv1.3`. Default: PGSSLMINPROTOCOLVERSION, or `TLSv1.2`. */
  readonly ssl_min_protocol_version?: string | undefined;
  /** `TLSv1.2` or `TLSv1.3`. Default: PGSSLMAXPROTOCOLVERSION, or the newest. */
  readonly ssl_max_protocol_version?: string | undefined;
  /** Whether SCRAM has to prove that nobody stands between: `disable`, `prefer` or `require`. Default: PGCHANNELBINDING, or `prefer`. */
  readonly channel_binding?: string | undefined;
  /**
   * How the server may ask who we are: some of `scram-sha-256`, `md5`, `password`, `oauth`, `none`, with commas between
   * them, or with a `!` before each those that it may not. Default: PGREQUIREAUTH, or any, but password and oauth only
   * where nobody can read along.
   */
  readonly require_auth?: string | undefined;
  /** `any`, `read-write`, `read-only`, `primary`, `standby` or `prefer-standby`. Default: PGTARGETSESSIONATTRS, or `any`. */
  readonly target_session_attrs?: string | undefined;
  /** `random`: the hosts are tried in random order. Default: PGLOADBALANCEHOSTS, or `disable`. */
  readonly load_balance_hosts?: string | undefined;
  /** Seconds for each host; 0: without end. The option `connectTimeout` wins over it. Default: PGCONNECT_TIMEOUT. */
  readonly connect_timeout?: number | string | undefined;
  /** Whether the system asks a silent server whether it is still there. Default true. */
  readonly keepalives?: boolean | number | string | undefined;
  /** After how many seconds of silence it asks. Default: the system's. */
  readonly keepalives_idle?: number | string | undefined;
  /** What pg_stat_replication shows. Default: PGAPPNAME, or rxjs-pg-replication. */
  readonly application_name?: string | undefined;
  /** The same, where nothing else says it. */
  readonly fallback_application_name?: string | undefined;
  /** Command-line options for the server process, as in libpq. Default: PGOPTIONS. */
  readonly options?: string | undefined;
}

/** How to reach the server. */
export interface ServerConfig {
  /** A URI, libpq's keywords and values, or the object that one gives `new pg.Client(…)`. PG* environment variables fill what is missing. */
  readonly connection?: string | ConnectionOptions | undefined;
  /**
   * ms for connecting to a host and what is asked then; what waits for others, as making a slot does, is not counted.
   * It starts again with each 5000 types that are looked up, and each portion of the tables of a publication.
   * Default: what `connect_timeout` says, or 15 000.
   */
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
  readonly hosts: Hosts;
  /** What was probably forgotten, in a sentence, for a connection that cannot be made. */
  readonly gaps?: string | undefined;
  readonly startup: StartupOptions;
  readonly secrets: Secrets;
  /** ms for everything up to the conversation's end, with each host, but for what takes as long as it likes. */
  readonly connectTimeout: number;
  /** ms for taking leave. */
  readonly closeTimeout: number;
}

const DEFAULT_TIMEOUT = 15_000;
/** What timers can keep. */
const FOR_EVER = 0x7fff_ffff;

/**
 * Reads a {@link ServerConfig}. Puts together what was given, what a connection string says and what the environment adds,
 * in this order.
 */
export function resolveConnection(config: Options, env: NodeJS.ProcessEnv = process.env): ConnectionSettings {
  const { own, parameters } = read(config, env);
  const user = parameters.text('user') ?? getSystemUser();
  if (!user) throw new ConfigError('connection.user', 'missing; name the PostgreSQL user who connects');
  const database = parameters.text('database') ?? user;
  const password = own.get('password');
  const hosts = parseHosts(
    parameters,
    readTls(parameters, getCertificateDirectory(env)),
    readKeepAlive(own, parameters),
  );
  // What is wrong with files is said at once, but only of files that are needed.
  hosts.targets.find(({ tls }) => tls)?.tls?.options();
  return {
    connectTimeout: config.ms('connectTimeout', readTimeout(own, parameters), 1),
    closeTimeout: config.ms('closeTimeout', 5000),
    hosts,
    gaps: describeMissingFields(config.get('connection'), { host: parameters.text('host'), user, database }),
    startup: {
      database,
      applicationName:
        parameters.text('application_name') ?? parameters.text('fallback_application_name') ?? 'rxjs-pg-replication',
      options: parameters.text('options'),
      policy: { user, ...readMethods(parameters), channelBinding: readChannelBinding(parameters) },
    },
    secrets: new Secrets({
      user,
      database,
      password: isConnectionSource(password) ? password : parameters.text('password'),
      passfile: parameters.text('passfile') ?? getPasswordFile(env),
      oauthToken: readSource(own, 'oauthToken'),
    }),
  };
}

function read(config: Options, env: NodeJS.ProcessEnv): { own: Options; parameters: Parameters } {
  const connection = config.get('connection') ?? {};
  if (connection instanceof URL) throw new ConfigError('connection', 'expected the URI as text; give url.href');
  if (isRecord(connection) && typeof connection['query'] === 'function') {
    throw new ConfigError('connection', 'expected options; give those of the pool or client, not the pool itself');
  }
  const values = typeof connection === 'string' ? { connectionString: connection } : connection;
  const known = ['connectionString', ...PARAMETERS, 'oauthToken', 'ssl'];
  const own = new Options('connection', values, known, { letPass: LET_PASS, misplaced: MISPLACED });
  const text = own.text('connectionString');
  const given = text === undefined ? new Map<string, string>() : parseConnectionString('connection', text);
  return { own, parameters: new Parameters(own, given, env) };
}

/** Of what is given in the same place, libpq's name wins over that of `pg`. */
function readTimeout(own: Options, parameters: Parameters): number {
  const ofPg = parameters.has('connect_timeout') ? undefined : readNumber(own, 'connectionTimeoutMillis');
  if (ofPg !== undefined) return ofPg > 0 ? Math.min(ofPg, FOR_EVER) : FOR_EVER;
  const seconds = parameters.integer('connect_timeout');
  if (seconds === undefined) return DEFAULT_TIMEOUT;
  return seconds > 0 ? Math.min(seconds * 1000, FOR_EVER) : FOR_EVER;
}

function readKeepAlive(own: Options, parameters: Parameters): number | undefined {
  const switched = parameters.has('keepalives') ? undefined : parameters.own('keepAlive');
  const isOn = switched === undefined ? parameters.flag('keepalives', true) : own.flag('keepAlive', true);
  if (!isOn) return undefined;
  const ofPg = parameters.has('keepalives_idle') ? undefined : readNumber(own, 'keepAliveInitialDelayMillis');
  return ofPg ?? Math.max(0, parameters.integer('keepalives_idle') ?? 0) * 1000;
}

function readNumber(own: Options, name: string): number | undefined {
  const value = own.get(name) ?? undefined;
  return value === undefined ? undefined : own.number(name, 0, 0);
}

function isConnectionSource(value: unknown): value is CredentialProvider {
  return typeof value === 'function';
}

function readSource(own: Options, name: string): CredentialProvider | undefined {
  const value = own.get(name) ?? undefined;
  if (value === undefined || isConnectionSource(value)) return value;
  throw own.error(
    name,
    `expected a function that gets one, got ${typeof value === 'number' ? 'a number' : formatValue(value)}`,
  );
}

function getSystemUser(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    // No passwd entry, as in some containers.
    return undefined;
  }
}
