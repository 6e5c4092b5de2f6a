import { randomBytes } from 'node:crypto';
import { Client, type ClientConfig, type QueryResultRow } from 'pg';

/** A separate database for one spec file, on a server that may be shared. */
export interface TestDatabase {
  readonly name: string;
  /** The superuser's URL. */
  readonly url: string;
  query<Row extends QueryResultRow = QueryResultRow>(sql: string, values?: readonly unknown[]): Promise<Row[]>;
  /** A connected client, for several queries on one connection; `drop()` closes it if it is still open. */
  client(): Promise<Client>;
  /** Closes all connections, and drops the database's slots and the database. */
  drop(): Promise<void>;
}

/** A unique name for objects that are shared by the whole cluster (slots, roles, databases). */
export function uniqueName(prefix: string): string {
  return `${prefix}_${randomBytes(5).toString('hex')}`;
}

/** Another database on the same server. */
export function withDatabase(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${encodeURIComponent(database)}`;
  return changed.href;
}

export async function connect(config: ClientConfig): Promise<Client> {
  const client = new Client({
    connectionTimeoutMillis: 10_000,
    // A spec that fails within a transaction must not block the slots of the others.
    idle_in_transaction_session_timeout: 60_000,
    ...config,
  });
  // Specs stop servers on purpose, so a lost idle connection is not a failure.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Runs SQL on a new connection. For several statements, returns the rows of the last one. */
export async function queryOnce<Row extends QueryResultRow>(
  config: ClientConfig,
  sql: string,
  values?: readonly unknown[],
): Promise<Row[]> {
  const client = await connect(config);
  try {
    return await getRows<Row>(client, sql, values);
  } finally {
    await client.end();
  }
}

async function getRows<Row extends QueryResultRow>(
  client: Client,
  sql: string,
  values?: readonly unknown[],
): Promise<Row[]> {
  const result = await (values ? client.query<Row>(sql, [...values]) : client.query<Row>(sql));
  const last = Array.isArray(result) ? (result as (typeof result)[]).at(-1) : result;
  return last?.rows ?? [];
}

/** The encoding of a database. SQL_ASCII accepts any bytes. */
export type Encoding = 'UTF8' | 'SQL_ASCII' | 'WIN1252';

/** Creates a database. `config` connects as its creator, which must be a superuser. */
export async function createDatabase(
  config: (database?: string) => ClientConfig,
  url: string,
  prefix: string,
  encoding: Encoding = 'UTF8',
): Promise<TestDatabase> {
  const name = uniqueName(prefix);
  const clients = new Set<Client>();
  const locale = encoding === 'UTF8' ? '' : "LC_COLLATE 'C' LC_CTYPE 'C'";
  await queryOnce(config(), `CREATE DATABASE ${name} TEMPLATE template0 ENCODING '${encoding}' ${locale}`);

  return {
    name,
    url: withDatabase(url, name),
    query: (sql, values) => queryOnce(config(name), sql, values),
    async client() {
      const client = await connect(config(name));
      clients.add(client);
      client.once('end', () => clients.delete(client));
      return client;
    },
    async drop() {
      await Promise.all([...clients].map((client) => client.end()));
      await queryOnce(config(), dropSlots(name));
      await queryOnce(config(), `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    },
  };
}

/** A database with slots cannot be dropped, nor can an active slot. */
function dropSlots(database: string): string {
  return `
    DO $$
    DECLARE
      slot record;
    BEGIN
      PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database}';
      FOR attempt IN 1..500 LOOP
        FOR slot IN SELECT slot_name FROM pg_replication_slots WHERE database = '${database}' AND NOT active LOOP
          PERFORM pg_drop_replication_slot(slot.slot_name);
        END LOOP;
        EXIT WHEN NOT EXISTS (SELECT FROM pg_replication_slots WHERE database = '${database}');
        PERFORM pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = '${database}';
        PERFORM pg_sleep(0.01);
      END LOOP;
    END $$`;
}
