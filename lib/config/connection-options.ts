import type { ConnectionOptions as TlsOptions } from 'node:tls';
import type { CredentialProvider } from './credentials';

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
