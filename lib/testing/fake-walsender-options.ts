import type { AuthenticationMethod } from './server-authentication';
import type { FakeTls } from './tcp-server-socket';

export interface FakeWalSenderOptions {
  /** The existing logical slots, with the plugin pgoutput; {@link FakeWalSender.addSlot} adds others. Default: none. */
  readonly slots?: readonly string[];
  /** The existing publications. Default: none. */
  readonly publications?: readonly string[];
  /** The name of the database. Default: `postgres`. */
  readonly database?: string;
  /** The password, or the token for `oauth`, of all clients. {@link FakeWalSender.url} contains the password. Default: no authentication. */
  readonly password?: string;
  /**
   * The authentication method. With `password` and `oauth` the client sends the secret in clear text, so it requires TLS, or a
   * `require_auth` that lists the method, as in {@link FakeWalSender.url}. Default: `scram-sha-256`.
   */
  readonly authentication?: AuthenticationMethod;
  /**
   * The certificate and key for TLS, which the server accepts after an SSLRequest and, from PostgreSQL 17 on, immediately. SCRAM
   * then offers channel binding. For `sslmode=verify-full`, the certificate must be for 127.0.0.1. Default: no TLS.
   *
   * @example
   * const server = await FakeWalSender.listen({ tls: { cert, key }, password: 'secret' });
   * const connection = { connectionString: server.url, ssl: { ca } };
   */
  readonly tls?: FakeTls;
  /** The version, as in server_version_num. Default: 180004, which is 18.4. */
  readonly serverVersion?: number;
  /**
   * wal_sender_timeout in ms. The server requests a reply from a silent client after half of it, and closes the connection after
   * all of it. 0: no timeout. Default: 60 000.
   */
  readonly walSenderTimeout?: number;
  /** The port on 127.0.0.1. Default: a free one. */
  readonly port?: number;
}
