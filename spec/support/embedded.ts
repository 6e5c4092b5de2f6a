import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, closeSync, mkdtempSync, openSync, rmdirSync } from 'node:fs';
import { appendFile, chown, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { QueryResultRow } from 'pg';
import { findBinaries, NoServerError, prepareBinaries, serverUser, type Binaries, type ServerUser } from './binaries';
import { Cleanup } from './cleanup';
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

const START_TIMEOUT = 60_000;
const SIGNALS: Record<StopMode, NodeJS.Signals> = { smart: 'SIGTERM', fast: 'SIGINT', immediate: 'SIGQUIT' };
// The environment must not affect the server: PG* variables, the time zone, the locale.
const ENVIRONMENT = { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/bin:/bin' };

/** What the first server leaves to later ones of the same run: executable programs, and a new cluster. */
export interface Prepared extends Binaries {
  readonly cluster: string;
}

/** Starts a server from the binaries that npm installed. */
export async function startEmbedded(options: ServerOptions = {}, shared?: Prepared): Promise<EmbeddedServer> {
  const version = chosenVersion(options);
  const user = serverUser();
  const prepared = version === undefined || version === shared?.version ? shared : undefined;
  const folder = makeFolder(user);
  const cleanup = new Cleanup(folder);
  try {
    const binaries = prepared ?? prepareBinaries(findBinaries(version), user, folder);
    const server = new EmbeddedServer(folder, cleanup, binaries, user, options);
    await server.create(prepared);
    return server;
  } catch (error) {
    await cleanup.finish();
    throw error;
  }
}

export class EmbeddedServer implements TestServer {
  readonly host = '127.0.0.1';
  readonly version: number;
  readonly #folder: string;
  readonly #cleanup: Cleanup;
  readonly #binaries: Binaries;
  readonly #user: ServerUser | undefined;
  readonly #options: ServerOptions;
  #unused: string;
  #port = 0;
  #release = '';
  #postmaster: ChildProcess | undefined;

  constructor(
    folder: string,
    cleanup: Cleanup,
    binaries: Binaries,
    user: ServerUser | undefined,
    options: ServerOptions,
  ) {
    this.#folder = folder;
    this.#cleanup = cleanup;
    this.#binaries = binaries;
    this.#user = user;
    this.#options = options;
    this.version = binaries.version;
    this.#unused = join(folder, 'unused');
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return buildUrl(this.host, this.#port, this.#options.password);
  }

  get description(): string {
    return `PostgreSQL ${this.#release}, embedded binaries, port ${this.#port}`;
  }

  /** The folder of the server's Unix-domain socket. */
  get socketFolder(): string {
    return this.#folder;
  }

  /** Over the socket, which uses trust whatever pg_hba.conf says about TCP. */
  readonly admin: AdminConfig = (database = 'postgres') => ({
    host: this.#folder,
    port: this.#port,
    user: 'postgres',
    database,
  });

  query<Row extends QueryResultRow>(sql: string, database?: string): Promise<Row[]> {
    return queryOnce<Row>(this.admin(database), sql);
  }

  createDatabase(prefix = 'spec', encoding?: Encoding): Promise<TestDatabase> {
    return createDatabase(this.admin, this.url, prefix, encoding);
  }

  /** For other servers of this run. */
  get prepared(): Prepared {
    return { ...this.#binaries, cluster: this.#unused };
  }

  /** Creates the cluster as a copy of an unused one, and starts it on a free port. */
  async create(shared?: Prepared): Promise<void> {
    if (shared) this.#unused = shared.cluster;
    else await this.#initdb();
    await this.#run('/bin/cp', ['-R', this.#unused, this.#data]);
    await this.#configure();

    for (let attempt = 1; ; attempt++) {
      this.#port = await findFreePort();
      try {
        await this.start();
        break;
      } catch (error) {
        // Another process may take the port before the server does.
        if (attempt === 5 || !(await this.log()).includes('Address already in use')) throw error;
      }
    }

    const { password } = this.#options;
    if (password !== undefined) await this.query(`ALTER ROLE postgres PASSWORD '${password.replaceAll("'", "''")}'`);
    this.#release = (await this.query<{ server_version: string }>('SHOW server_version'))[0]?.server_version ?? '';
  }

  async start(): Promise<void> {
    if (this.#runs()) return;
    const log = openSync(this.#logFile, 'a');
    const postmaster = spawn(
      join(this.#binaries.native, 'bin', 'postgres'),
      ['-D', this.#data, '-p', String(this.#port), '-k', this.#folder],
      // In a separate process group, because Ctrl-C must reach only this process, which then stops the server.
      { ...this.#user, cwd: this.#folder, env: ENVIRONMENT, detached: true, stdio: ['ignore', log, log] },
    );
    closeSync(log);
    this.#postmaster = postmaster;
    this.#cleanup.register(postmaster.pid, 'SIGQUIT', this.#lockFile);
    postmaster.once('exit', () => {
      if (this.#postmaster === postmaster) this.#cleanup.unregister();
    });
    await once(postmaster, 'spawn');
    postmaster.unref();

    const deadline = performance.now() + START_TIMEOUT;
    while (!(await this.#ready())) {
      if (!this.#runs() || performance.now() > deadline) {
        const lines = (await this.log()).trimEnd().split('\n').slice(-15);
        throw new NoServerError(`PostgreSQL ${this.version} did not start. Its log ends with:\n${lines.join('\n')}`);
      }
      await delay(10);
    }
  }

  async stop(mode: StopMode = 'fast'): Promise<void> {
    const postmaster = this.#postmaster;
    if (!postmaster || !this.#runs()) return;
    postmaster.ref();
    const exited = once(postmaster, 'exit');
    postmaster.kill(SIGNALS[mode]);
    await exited;
  }

  async restart(mode?: StopMode): Promise<void> {
    await this.stop(mode);
    await this.start();
  }

  log(): Promise<string> {
    return readFile(this.#logFile, 'utf8');
  }

  dispose(): Promise<void> {
    return this.#cleanup.finish();
  }

  get #data(): string {
    return join(this.#folder, 'data');
  }

  get #lockFile(): string {
    return join(this.#data, 'postmaster.pid');
  }

  get #logFile(): string {
    return join(this.#folder, 'server.log');
  }

  #runs(): boolean {
    return this.#postmaster?.exitCode === null && this.#postmaster.signalCode === null;
  }

  async #initdb(): Promise<void> {
    const options = ['-U', 'postgres', '--auth=trust', '--encoding=UTF8', '--no-locale', '--no-sync'];
    await this.#run(join(this.#binaries.native, 'bin', 'initdb'), ['-D', this.#unused, ...options]);
  }

  async #configure(): Promise<void> {
    const settings = resolveSettings(this.#options, this.#folder)
      .map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`)
      .join('');
    await appendFile(join(this.#data, 'postgresql.conf'), `\n${settings}`);
    await writeFile(join(this.#data, 'pg_hba.conf'), buildHba(this.#options));
    for (const [name, content] of Object.entries(this.#options.files ?? {})) {
      const file = join(this.#folder, name);
      await writeFile(file, content, { mode: 0o600 });
      if (this.#user) await chown(file, this.#user.uid, this.#user.gid);
    }
  }

  /** As in pg_ctl: the eighth line of the lock file is the postmaster's state. */
  async #ready(): Promise<boolean> {
    const lock = await readFile(this.#lockFile, 'utf8').catch(() => '');
    const lines = lock.split('\n').map((line) => line.trim());
    return lines[0] === String(this.#postmaster?.pid) && lines[7] === 'ready';
  }

  /** Runs a program as the server's user to completion. */
  async #run(program: string, args: readonly string[]): Promise<void> {
    const child = spawn(program, args, {
      ...this.#user,
      cwd: this.#folder,
      env: ENVIRONMENT,
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#cleanup.register(child.pid, 'SIGTERM');
    let complaint = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
    const [status] = (await once(child, 'close')) as [number | null];
    this.#cleanup.unregister();
    if (status !== 0) throw new NoServerError(`${program} failed (${status ?? 'killed'}): ${complaint.trim()}`);
  }
}

/** A folder that only the server's user can access. */
function makeFolder(user: ServerUser | undefined): string {
  for (const parent of new Set([tmpdir(), '/tmp'])) {
    const folder = mkdtempSync(join(parent, 'pg-spec-'));
    if (!user) return folder;
    chownSync(folder, user.uid, user.gid);
    if (spawnSync('/bin/sh', ['-c', 'cd "$0"', folder], { ...user, cwd: '/' }).status === 0) return folder;
    rmdirSync(folder);
  }
  throw new NoServerError(`The user ${user?.uid}, whom PostgreSQL would run as, can reach no temporary folder.`);
}
