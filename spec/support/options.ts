import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import type { ClientConfig, QueryResultRow } from 'pg';
import type { Encoding, TestDatabase } from './connection';

/** A PostgreSQL server that somebody runs, with all that specs and examples ask of it. */
export interface PostgresServer {
  /** A superuser's URL, over TCP, of the database `postgres`. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** The major version. */
  readonly version: number;
  /** Which server this is, in a line for people. */
  readonly description: string;
  /** As a superuser; on a server of our own it works whatever pg_hba.conf says. */
  query<Row extends QueryResultRow = QueryResultRow>(sql: string, database?: string): Promise<Row[]>;
  createDatabase(prefix?: string, encoding?: Encoding): Promise<TestDatabase>;
  /** Lets go of the server: one that we started is stopped, and its files are gone when this resolves. */
  dispose(): Promise<void>;
}

/** A server of our own, so that one can stop it. Its port stays the same. */
export interface TestServer extends PostgresServer {
  /** Resolves when the server takes connections. */
  start(): Promise<void>;
  /** Resolves when the server has ended; its data stay until `dispose()`. */
  stop(mode?: StopMode): Promise<void>;
  restart(mode?: StopMode): Promise<void>;
  /** What the server has logged since it was made. */
  log(): Promise<string>;
}

/**
 * `smart` waits for clients to go, `fast` (the default) lets walsenders send what is left, `immediate` is a crash.
 *
 * Source: PostgreSQL manual, "Shutting Down the Server".
 */
export type StopMode = 'smart' | 'fast' | 'immediate';

export interface ServerOptions {
  /** The major version; `TEST_POSTGRES_VERSION` by default, else what is installed. */
  version?: number;
  /** Parameters of postgresql.conf, above those of {@link baseSettings}. */
  settings?: Readonly<Record<string, string>>;
  /** Lines of pg_hba.conf, in place of "everybody may" over TCP; over the Unix-domain socket others still may. */
  hba?: string;
  /** The password of the user `postgres`, also in `url`. */
  password?: string;
  /** Whether specs copy the server's data folder: it is then never in a container. */
  localFiles?: boolean;
  /** Files for the server alone to read: a setting whose value is such a name gets its path (`ssl_key_file`). */
  files?: Readonly<Record<string, string>>;
}

/** How to reach a database as a superuser. */
export type AdminConfig = (database?: string) => ClientConfig;

/** What every server of ours is started with: all that logical replication can ask for, and no care for power cuts. */
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

/** Replaces the settings that name one of `files` by its path in `folder`. */
export function settingsOf({ settings, files = {} }: ServerOptions, folder: string): [string, string][] {
  return Object.entries({ ...baseSettings, ...settings }).map(([name, value]) => [
    name,
    Object.hasOwn(files, value) ? `${folder}/${value}` : value,
  ]);
}

/** The version that this run is about, if somebody chose one. */
export function chosenVersion(options: ServerOptions): number | undefined {
  const named = process.env['TEST_POSTGRES_VERSION'];
  return options.version ?? (named ? Number(named) : undefined);
}

export function urlOf(host: string, port: number, password?: string): string {
  return `postgresql://postgres${password ? `:${encodeURIComponent(password)}` : ''}@${host}:${port}/postgres`;
}

/** Clients may connect as `hba` says; we ourselves use the Unix-domain socket. */
export function hbaOf({ hba = 'host all all all trust\nhost replication all all trust' }: ServerOptions): string {
  return `local all postgres trust\n${hba}\nlocal all all trust\n`;
}

/** A port that nobody listens on, at the moment. */
export async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  listener.close();
  await once(listener, 'close');
  return port;
}
