import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import type { ClientConfig, QueryResultRow } from 'pg';
import type { Encoding, TestDatabase } from './connection';

/** A running PostgreSQL server, for specs and examples. */
export interface PostgresServer {
  /** A superuser's URL, over TCP, of the database `postgres`. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** The major version. */
  readonly version: number;
  /** A description of the server in one line. */
  readonly description: string;
  /** As a superuser; on a server started here, it works whatever pg_hba.conf says. */
  query<Row extends QueryResultRow = QueryResultRow>(sql: string, database?: string): Promise<Row[]>;
  createDatabase(prefix?: string, encoding?: Encoding): Promise<TestDatabase>;
  /** Releases the server. A server started here is stopped, and its files are removed when this resolves. */
  dispose(): Promise<void>;
}

/** A server started here, which can be stopped. Its port stays the same. */
export interface TestServer extends PostgresServer {
  /** Resolves when the server accepts connections. */
  start(): Promise<void>;
  /** Resolves when the server has stopped; its data is kept until `dispose()`. */
  stop(mode?: StopMode): Promise<void>;
  restart(mode?: StopMode): Promise<void>;
  /** The server's log since it was created. */
  log(): Promise<string>;
}

/**
 * `smart` waits for clients to disconnect, `fast` (the default) lets walsenders send the remaining WAL, `immediate` simulates a
 * crash.
 *
 * Source: PostgreSQL manual, "Shutting Down the Server".
 */
export type StopMode = 'smart' | 'fast' | 'immediate';

export interface ServerOptions {
  /** The major version. Default: `TEST_POSTGRES_VERSION`, or else the installed one. */
  version?: number;
  /** Parameters of postgresql.conf, in addition to those of {@link baseSettings}. */
  settings?: Readonly<Record<string, string>>;
  /**
   * Lines of pg_hba.conf, which replace the default of trust over TCP; connections over the Unix-domain socket are still
   * trusted.
   */
  hba?: string;
  /** The password of the user `postgres`, also in `url`. */
  password?: string;
  /** Whether specs copy the server's data folder, in which case it never runs in a container. */
  localFiles?: boolean;
  /** Files that only the server can read: a setting whose value is the name of one gets its path (`ssl_key_file`). */
  files?: Readonly<Record<string, string>>;
}

/** The connection of a superuser to a database. */
export type AdminConfig = (database?: string) => ClientConfig;

/** The settings of every server started here: everything that logical replication needs, without durability. */
export const baseSettings: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  wal_level: 'logical',
  max_connections: '150',
  max_wal_senders: '50',
  max_replication_slots: '50',
  max_prepared_transactions: '20',
  shared_buffers: '32MB',
  fsync: 'off',
  full_page_writes: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_line_prefix: '%m [%p] %d ',
  log_replication_commands: 'on',
};

/** Replaces the values that name one of `files` by its path in `folder`. */
export function resolveSettings({ settings, files = {} }: ServerOptions, folder: string): [string, string][] {
  return Object.entries({ ...baseSettings, ...settings }).map(([name, value]) => [
    name,
    Object.hasOwn(files, value) ? `${folder}/${value}` : value,
  ]);
}

/** The requested version of this run, if any. */
export function chosenVersion(options: ServerOptions): number | undefined {
  const named = process.env['TEST_POSTGRES_VERSION'];
  return options.version ?? (named ? Number(named) : undefined);
}

export function buildUrl(host: string, port: number, password?: string): string {
  return `postgresql://postgres${password ? `:${encodeURIComponent(password)}` : ''}@${host}:${port}/postgres`;
}

/** Clients may connect as `hba` says; the helpers use the Unix-domain socket. */
export function buildHba({ hba = 'host all all all trust\nhost replication all all trust' }: ServerOptions): string {
  return `local all postgres trust\n${hba}\nlocal all all trust\n`;
}

/** A port that is currently free. */
export async function findFreePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  listener.close();
  await once(listener, 'close');
  return port;
}
