import type { QueryResultRow } from 'pg';
import { createDatabase, queryOnce, withDatabase, type Encoding, type TestDatabase } from './connection';
import { startContainer } from './docker';
import { EmbeddedServer, startEmbedded, type Prepared } from './embedded';
import { chosenVersion, type AdminConfig, type PostgresServer, type ServerOptions, type TestServer } from './options';

export { uniqueName, type TestDatabase } from './connection';
export type { PostgresServer, ServerOptions, StopMode, TestServer } from './options';

/** Where the specs of one run find their server, and what it leaves to other servers. */
const RUN_URL = 'SPEC_RUN_POSTGRES_URL';
const RUN_PREPARED = 'SPEC_RUN_POSTGRES_PREPARED';

/**
 * Starts a server that can be stopped, or that has its own settings: in a container with `TEST_POSTGRES=docker`; otherwise, and
 * if specs copy its files, from the embedded binaries.
 *
 * @throws if this is impossible here, with the reason and a remedy
 */
export async function startServer(options: ServerOptions = {}): Promise<TestServer> {
  const kind = process.env['TEST_POSTGRES'] ?? 'embedded';
  if (kind === 'docker' && !options.localFiles) return startContainer(options);
  if (kind !== 'embedded' && kind !== 'docker')
    throw new Error(`TEST_POSTGRES is "${kind}"; it can be docker or embedded.`);
  const prepared = process.env[RUN_PREPARED];
  return startEmbedded(options, prepared ? (JSON.parse(prepared) as Prepared) : undefined);
}

/** The running server at `url`. */
export async function connectServer(url: string): Promise<PostgresServer> {
  const { hostname, port } = new URL(url);
  const admin: AdminConfig = (database) => ({ connectionString: database ? withDatabase(url, database) : url });
  const [release] = await queryOnce<{ name: string; number: number }>(
    admin(),
    `SELECT current_setting('server_version') AS name, current_setting('server_version_num')::int AS number`,
  );
  return {
    url,
    host: hostname,
    port: Number(port || 5432),
    version: Math.floor((release?.number ?? 0) / 10_000),
    description: `PostgreSQL ${release?.name} at ${hostname}:${port || 5432}`,
    query: <Row extends QueryResultRow>(sql: string, database?: string) => queryOnce<Row>(admin(database), sql),
    createDatabase: (prefix = 'spec', encoding?: Encoding): Promise<TestDatabase> =>
      createDatabase(admin, url, prefix, encoding),
    dispose: () => Promise.resolve(),
  };
}

/**
 * The server of a run: the one that the environment variable `urlVariable` names, which must be reachable, otherwise one that
 * is started for the run.
 */
export async function obtainServer(urlVariable: 'TEST_POSTGRES_URL' | 'DATABASE_URL'): Promise<PostgresServer> {
  const url = process.env[urlVariable];
  if (!url) return startServer();

  const server = await connectServer(url).catch((error: unknown) => {
    throw new Error(`The server that ${urlVariable} names cannot be used: ${String(error)}`, { cause: error });
  });
  const version = chosenVersion({});
  if (version !== undefined && server.version !== version) {
    throw new Error(`TEST_POSTGRES_VERSION is ${version}, but ${urlVariable} leads to ${server.description}.`);
  }
  return server;
}

/** Makes `server` the one that {@link runServer} finds, in this process and its children. */
export function publishServer(server: PostgresServer): void {
  process.env[RUN_URL] = server.url;
  if (server instanceof EmbeddedServer) process.env[RUN_PREPARED] = JSON.stringify(server.prepared);
}

/** The server that all integration specs of a run share. Each creates its own database on it. */
export function runServer(): Promise<PostgresServer> {
  const url = process.env[RUN_URL];
  if (!url) {
    throw new Error('No server runs for this spec: specs that need one stand below spec/integration or spec/examples.');
  }
  return connectServer(url);
}
