import type { Client, QueryResultRow } from 'pg';
import { CERTIFICATE, KEY } from '../net/support/certificate';
import { startEmbedded } from '../support/embedded';

/** Settings that keep checkpoints, vacuum and spilled transactions out of the measurements. */
const SETTINGS = {
  autovacuum: 'off',
  checkpoint_timeout: '1d',
  max_wal_size: '32GB',
  shared_buffers: '256MB',
  logical_decoding_work_mem: '256MB',
  synchronous_commit: 'off',
  ssl: 'on',
  ssl_cert_file: 'server.crt',
  ssl_key_file: 'server.key',
};

/** How a client connects to the server. No password is required. */
export interface Endpoint {
  /** An address, or the folder of the Unix-domain socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  /** The certificate to trust, for a connection over TLS. */
  readonly ca?: string;
}

export interface BenchServer {
  /** A description of the server in one line. */
  readonly description: string;
  /** The server's release, as `18.4`. */
  readonly release: string;
  /** TCP on the loopback interface, without TLS. */
  readonly tcp: Endpoint;
  readonly tls: Endpoint;
  readonly unix: Endpoint;
  /** Runs a query on one persistent connection, so that it starts no process on the server. */
  query<Row extends QueryResultRow = QueryResultRow>(sql: string, values?: readonly unknown[]): Promise<Row[]>;
  /** Several statements, or one that cannot run in a transaction. */
  execute(sql: string): Promise<void>;
  /** Opens a new connection. */
  client(): Promise<Client>;
  dispose(): Promise<void>;
}

/** Starts a server with an empty database for one or more workloads. */
export async function startBenchServer(settings: Readonly<Record<string, string>> = {}): Promise<BenchServer> {
  const server = await startEmbedded({
    settings: { ...SETTINGS, ...settings },
    files: { 'server.crt': CERTIFICATE, 'server.key': KEY },
  });
  const database = await server.createDatabase('bench');
  const client = await database.client();
  const [shown] = (await client.query<{ server_version: string }>('SHOW server_version')).rows;
  const tcp = { host: server.host, port: server.port, user: 'postgres', database: database.name };
  return {
    description: server.description,
    release: shown?.server_version ?? 'unknown',
    tcp,
    tls: { ...tcp, ca: CERTIFICATE },
    unix: { ...tcp, host: server.socketFolder },
    async query<Row extends QueryResultRow>(sql: string, values: readonly unknown[] = []): Promise<Row[]> {
      return (await client.query<Row>(sql, [...values])).rows;
    },
    async execute(sql) {
      await client.query(sql);
    },
    client: () => database.client(),
    async dispose() {
      await database.drop();
      await server.dispose();
    },
  };
}
