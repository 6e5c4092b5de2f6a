import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { QueryResultRow } from 'pg';
import { GenericContainer, getContainerRuntimeClient, Wait, type StartedTestContainer } from 'testcontainers';
import { NoServerError } from './binaries';
import { createDatabase, queryOnce, type Encoding, type TestDatabase } from './connection';
import {
  chosenVersion,
  findFreePort,
  buildHba,
  resolveSettings,
  buildUrl,
  type AdminConfig,
  type ServerOptions,
  type StopMode,
  type TestServer,
} from './options';

const DEFAULT_VERSION = 18;
const FILES = '/spec-files';
const SIGNALS: Record<StopMode, string> = { smart: 'TERM', fast: 'INT', immediate: 'QUIT' };
// A separate role, which pg_hba.conf always admits over TCP, whatever it says about the others.
const ADMIN = 'spec_admin';

/** Starts a server in a container. The reaper of testcontainers removes it if this process is killed. */
export async function startContainer(options: ServerOptions = {}): Promise<TestServer> {
  const image = process.env['TEST_POSTGRES_IMAGE'] ?? `postgres:${chosenVersion(options) ?? DEFAULT_VERSION}`;
  const port = await findFreePort();
  const { password } = options;
  // Mounted at the same path in the container, so that clients outside find the Unix-domain socket where the server says.
  const sockets = await mkdtemp(join(tmpdir(), 'sockets-'));
  await chmod(sockets, 0o777);
  const own = { listen_addresses: '*', port: String(port), unix_socket_directories: sockets };
  const settings = resolveSettings({ ...options, settings: { ...options.settings, ...own } }, FILES);
  const files = {
    ...options.files,
    'pg_hba.conf': `host all ${ADMIN} all trust\n${buildHba(options)}`,
    'postgresql.conf': toConfigFile([...settings, ['hba_file', `${FILES}/pg_hba.conf`]]),
  };

  const container = await new GenericContainer(image)
    // A fixed port, which stays the same when the container restarts, and is part of the socket's name.
    .withExposedPorts({ container: port, host: port })
    .withBindMounts([{ source: sockets, target: sockets }])
    .withEnvironment(password === undefined ? { POSTGRES_HOST_AUTH_METHOD: 'trust' } : { POSTGRES_PASSWORD: password })
    .withCopyContentToContainer(
      Object.entries(files).map(([name, content]) => ({ content, target: `${FILES}/${name}`, mode: 0o600 })),
    )
    .withEntrypoint(['sh', '-c', `chown -R postgres ${FILES} && exec docker-entrypoint.sh "$@"`, 'sh'])
    // ALTER SYSTEM cannot change settings of the command line.
    .withCommand(['postgres', '-c', `config_file=${FILES}/postgresql.conf`])
    // Once for the server that initializes the cluster, once for the actual one.
    .withWaitStrategy(Wait.forLogMessage(/ready to accept connections/, 2))
    .start()
    .catch((error: unknown) => {
      throw new NoServerError(
        `No container of ${image} could be started: ${String(error)}. ` +
          'Start a container engine, or leave TEST_POSTGRES unset to use the embedded binaries.',
        { cause: error },
      );
    });

  try {
    const created = await container.exec([
      'psql',
      '-h',
      sockets,
      '-p',
      String(port),
      '-U',
      'postgres',
      '-c',
      `CREATE ROLE ${ADMIN} SUPERUSER LOGIN`,
    ]);
    if (created.exitCode !== 0) throw new Error(`psql in ${image} failed: ${created.output}`);
    return await describe(container, image, port, password, sockets);
  } catch (error) {
    await container.stop();
    await rm(sockets, { recursive: true });
    throw error;
  }
}

function toConfigFile(settings: readonly (readonly [name: string, value: string])[]): string {
  return settings.map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`).join('');
}

async function describe(
  container: StartedTestContainer,
  image: string,
  port: number,
  password: string | undefined,
  sockets: string,
): Promise<TestServer> {
  const host = container.getHost();
  const url = buildUrl(host, port, password);
  const admin: AdminConfig = (database = 'postgres') => ({ host, port, user: ADMIN, database });
  const answers = () =>
    queryOnce(admin(), 'SELECT').then(
      () => true,
      () => false,
    );
  const [release] = await queryOnce<{ name: string; number: number }>(
    admin(),
    `SELECT current_setting('server_version') AS name, current_setting('server_version_num')::int AS number`,
  );
  let running = true;
  let removing: Promise<unknown> | undefined;

  const server: TestServer = {
    url,
    host,
    port,
    version: Math.floor((release?.number ?? 0) / 10_000),
    description: `PostgreSQL ${release?.name}, container of ${image}, port ${port}`,
    query: <Row extends QueryResultRow>(sql: string, database?: string) => queryOnce<Row>(admin(database), sql),
    createDatabase: (prefix = 'spec', encoding?: Encoding): Promise<TestDatabase> =>
      createDatabase(admin, url, prefix, encoding),
    async start() {
      if (running) return;
      // Not restart(), which waits for the log of a first start.
      const { container: engine } = await getContainerRuntimeClient();
      await engine.getById(container.getId()).start();
      while (!(await answers())) await delay(50);
      running = true;
    },
    async stop(mode = 'fast') {
      if (!running) return;
      running = false;
      // The server is the container's first process, so the container ends with it. The image may not contain a kill program.
      const { exitCode, output } = await container.exec(['sh', '-c', `kill -${SIGNALS[mode]} 1`]);
      // The container may have ended before the command completed.
      if (exitCode > 0 && exitCode < 128) throw new Error(`The server in ${image} could not be stopped: ${output}`);
      while (await isRunning(container.getId())) await delay(50);
      // Docker's proxy listens a little longer.
      while (await isListening(host, port)) await delay(50);
    },
    async restart(mode) {
      await server.stop(mode);
      await server.start();
    },
    log: () => readLog(container.getId()),
    async dispose() {
      removing ??= container.stop({ timeout: 10_000 }).then(() => rm(sockets, { recursive: true }));
      await removing;
    },
  };
  return server;
}

async function isRunning(id: string): Promise<boolean> {
  const { container } = await getContainerRuntimeClient();
  return (await container.getById(id).inspect()).State.Running;
}

function isListening(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => {
      resolve(false);
    });
  });
}

/** The log of a container so far. testcontainers can only follow a log to its end. */
async function readLog(id: string): Promise<string> {
  const { container } = await getContainerRuntimeClient();
  const frames = await container.getById(id).logs({ stdout: true, stderr: true, follow: false });
  const texts: Buffer[] = [];
  // Each frame has a header of eight bytes, the last four of which are its length.
  for (let at = 0; at + 8 <= frames.length;) {
    const end = at + 8 + frames.readUInt32BE(at + 4);
    texts.push(frames.subarray(at + 8, end));
    at = end;
  }
  return Buffer.concat(texts).toString();
}
