import { userInfo } from 'node:os';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { ConfigError } from '../common/errors';
import { isRecord, listOptionNames, Options, formatValue } from '../common/options';
import type { StartupOptions } from '../commands/startup';
import { readChannelBinding, readMethods } from './authentication-options';
import { parseConnectionString } from './connection-string';
import { getCertificateDirectory, getPasswordFile } from './home';
import { describeMissingFields } from './missing-fields';
import { parseHosts, type Hosts } from './hosts';
import { LET_PASS, MISPLACED, PARAMETERS, Parameters } from './parameters';
import { Secrets, type CredentialProvider } from './secrets';
import { readTls } from './tls-settings';

/**
 * How to connect: the options of `new pg.Client(…)` and libpq's parameters.
 *
 * A missing option is taken from `connectionString`, then from libpq's environment variable, then from the default. An option
 * that is specific to `pg` is ignored; a parameter of libpq that the library does not support is the error `CONFIG_INVALID`.
 *
 * Source: manual, "Parameter Key Words" of libpq.
 *
 * @example
 * const connection: ConnectionOptions = { host: 'db.example.com', user: 'cdc', database: 'shop', sslmode: 'verify-full' };
 */
export interface ConnectionOptions {
  /** A URI, or libpq's keywords and values (`host=… dbname=…`). The other options override it. */
  readonly connectionString?: string | undefined;
  /**
   * A host name, an IP address or the directory of a Unix-domain socket; or several, separated by commas. Each connection
   * uses the first one that is reachable and meets `target_session_attrs`. Default: PGHOST, or localhost.
   */
  readonly host?: string | undefined;
  /** IP addresses, one for each host, which avoid a DNS lookup. Default: PGHOSTADDR. */
  readonly hostaddr?: string | undefined;
  /** The port for all hosts, or text with one port for each, separated by commas. Default: PGPORT, or 5432. */
  readonly port?: number | string | undefined;
  /** The PostgreSQL user. Default: PGUSER, or the user of the operating system. */
  readonly user?: string | undefined;
  /**
   * The password, or a function that returns it, for example a short-lived token. The function is called each time that a
   * server requests the password. Default: PGPASSWORD, or the password file.
   */
  readonly password?: string | CredentialProvider | undefined;
  /** The path of the password file. Default: PGPASSFILE, or ~/.pgpass. */
  readonly passfile?: string | undefined;
  /** Returns a bearer token for OAuth (PostgreSQL 18). It is called each time that a server requests the token. */
  readonly oauthToken?: CredentialProvider | undefined;
  /** The database. Default: PGDATABASE, or the name of the user. */
  readonly database?: string | undefined;
  /**
   * true: TLS, with the server's certificate verified against the authorities that Node.js trusts; false: no TLS; an object:
   * the options of `tls.connect`. It cannot be combined with `sslmode` and the other `ssl…` files. Default: `sslmode`.
   */
  readonly ssl?: boolean | TlsOptions | undefined;
  /**
   * `disable`; `prefer`: TLS, or clear text with a warning if the server has no TLS; `require`: TLS, but the server's
   * certificate is verified only if `sslrootcert` exists; `verify-ca`: the certificate is verified; `verify-full`: the
   * certificate and the host name are verified. Default: PGSSLMODE, or `prefer`.
   */
  readonly sslmode?: string | undefined;
  /** `direct`: TLS without a preceding SSLRequest (PostgreSQL 17). Default: PGSSLNEGOTIATION, or `postgres`. */
  readonly sslnegotiation?: string | undefined;
  /** A file with the certificates of authorities, or `system` for those that Node.js trusts. Default: PGSSLROOTCERT, or ~/.postgresql/root.crt. */
  readonly sslrootcert?: string | undefined;
  /** A file with a certificate revocation list. Default: PGSSLCRL, or ~/.postgresql/root.crl. */
  readonly sslcrl?: string | undefined;
  /** A file with the client certificate. Default: PGSSLCERT, or ~/.postgresql/postgresql.crt. */
  readonly sslcert?: string | undefined;
  /** A file with the key of the client certificate; other users must not have access to it. Default: PGSSLKEY, or ~/.postgresql/postgresql.key. */
  readonly sslkey?: string | undefined;
  /** The passphrase of the key. */
  readonly sslpassword?: string | undefined;
  /** Whether TLS sends the host name (Server Name Indication), which is not encrypted. Default: PGSSLSNI, or true. */
  readonly sslsni?: boolean | number | string | undefined;
  /** `TLSv1.2` or `TLSv1.3`. Default: PGSSLMINPROTOCOLVERSION, or `TLSv1.2`. */
  readonly ssl_min_protocol_version?: string | undefined;
  /** `TLSv1.2` or `TLSv1.3`. Default: PGSSLMAXPROTOCOLVERSION, or the newest. */
  readonly ssl_max_protocol_version?: string | undefined;
  /** Whether SCRAM uses channel binding, which detects a man in the middle: `disable`, `prefer` or `require`. Default: PGCHANNELBINDING, or `prefer`. */
  readonly channel_binding?: string | undefined;
  /**
   * The accepted authentication methods, separated by commas: `scram-sha-256`, `md5`, `password`, `oauth`, `none`; or, each
   * with a preceding `!`, the methods to reject. Default: PGREQUIREAUTH, or all, but `password` and `oauth` only on a connection
   * that cannot be intercepted.
   */
  readonly require_auth?: string | undefined;
  /** The required kind of server: `any`, `read-write`, `read-only`, `primary`, `standby` or `prefer-standby`. Default: PGTARGETSESSIONATTRS, or `any`. */
  readonly target_session_attrs?: string | undefined;
  /** `random`: try the hosts in random order. Default: PGLOADBALANCEHOSTS, or `disable`. */
  readonly load_balance_hosts?: string | undefined;
  /** Timeout for each host, in seconds; 0: none. The option `connectTimeout` overrides it. Default: PGCONNECT_TIMEOUT. */
  readonly connect_timeout?: number | string | undefined;
  /** Whether the operating system sends TCP keepalives. Default true. */
  readonly keepalives?: boolean | number | string | undefined;
  /** Seconds without data before the first TCP keepalive. Default: that of the operating system. */
  readonly keepalives_idle?: number | string | undefined;
  /** The name that pg_stat_replication shows. Default: PGAPPNAME, or rxjs-pg-replication. */
  readonly application_name?: string | undefined;
  /** The `application_name` if no other is given. */
  readonly fallback_application_name?: string | undefined;
  /** Command-line options for the server process, as in libpq. Default: PGOPTIONS. */
  readonly options?: string | undefined;
}

/** Options for connecting to the server. */
export interface ServerConfig {
  /** A URI, libpq's keywords and values, or {@link ConnectionOptions}. PG* environment variables supply missing values. */
  readonly connection?: string | ConnectionOptions | undefined;
  /**
   * Timeout for connecting to a host and for the commands that follow, in ms. It does not apply while a command waits for
   * other transactions, such as creating a slot. It restarts with each batch of 5000 types that are looked up, and with each
   * batch of tables of a publication. Default: `connect_timeout`, or 15 000.
   */
  readonly connectTimeout?: number | undefined;
  /**
   * Timeout for closing the connection gracefully, in ms; then the socket is destroyed. 0: unsubscribing destroys the socket
   * at once; a stop still closes gracefully. Default 5000.
   */
  readonly closeTimeout?: number | undefined;
}

export const SERVER_OPTIONS = listOptionNames<ServerConfig>({
  connection: true,
  connectTimeout: true,
  closeTimeout: true,
});

/** A validated {@link ServerConfig} with defaults applied. */
export interface ConnectionSettings {
  readonly hosts: Hosts;
  /** A sentence about options that were probably forgotten, for the error of a failed connection. */
  readonly gaps?: string | undefined;
  readonly startup: StartupOptions;
  readonly secrets: Secrets;
  /** Timeout for each host, in ms, for connecting and the commands that follow. */
  readonly connectTimeout: number;
  /** Timeout for closing gracefully, in ms. */
  readonly closeTimeout: number;
}

const DEFAULT_TIMEOUT = 15_000;
/** The longest delay of Node's timers, in ms. */
const LONGEST_DELAY = 0x7fff_ffff;

/**
 * Resolves a {@link ServerConfig} from the options, the connection string and the environment, in this order of precedence.
 */
export function resolveConnection(config: Options, env: NodeJS.ProcessEnv = process.env): ConnectionSettings {
  const { own, parameters } = read(config, env);
  const user = parameters.text('user') ?? getSystemUser();
  if (!user) throw new ConfigError('connection.user', 'missing; set the PostgreSQL user');
  const database = parameters.text('database') ?? user;
  const password = own.get('password');
  const hosts = parseHosts(
    parameters,
    readTls(parameters, getCertificateDirectory(env)),
    readKeepAlive(own, parameters),
  );
  // Report invalid files at once, but only if a host uses TLS.
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
  if (connection instanceof URL)
    throw new ConfigError('connection', 'expected the URI as text, got a URL; pass url.href');
  if (isRecord(connection) && typeof connection['query'] === 'function') {
    throw new ConfigError(
      'connection',
      'expected options, got a client or a pool; pass the options with which it was created',
    );
  }
  const values = typeof connection === 'string' ? { connectionString: connection } : connection;
  const known = ['connectionString', ...PARAMETERS, 'oauthToken', 'ssl'];
  const own = new Options('connection', values, known, { letPass: LET_PASS, misplaced: MISPLACED });
  const text = own.text('connectionString');
  const given = text === undefined ? new Map<string, string>() : parseConnectionString('connection', text);
  return { own, parameters: new Parameters(own, given, env) };
}

/** If both are given, libpq's name overrides that of `pg`. */
function readTimeout(own: Options, parameters: Parameters): number {
  const ofPg = parameters.has('connect_timeout') ? undefined : readNumber(own, 'connectionTimeoutMillis');
  if (ofPg !== undefined) return ofPg > 0 ? Math.min(ofPg, LONGEST_DELAY) : LONGEST_DELAY;
  const seconds = parameters.integer('connect_timeout');
  if (seconds === undefined) return DEFAULT_TIMEOUT;
  return seconds > 0 ? Math.min(seconds * 1000, LONGEST_DELAY) : LONGEST_DELAY;
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
    `expected a function that returns it, got ${typeof value === 'number' ? 'a number' : formatValue(value)}`,
  );
}

function getSystemUser(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    // The user has no passwd entry, as in some containers.
    return undefined;
  }
}
