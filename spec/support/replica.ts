import { spawnSync } from 'node:child_process';
import { appendFileSync, chownSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PostgresServer, ServerOptions, TestServer } from './options';
import { startServer } from './server';

/** Why a copy of a data folder starts in recovery: to follow a server, or to reach the end of its own WAL. */
type RecoverySignal = 'standby.signal' | 'recovery.signal';

/**
 * Starts a standby of a server with `localFiles`, with all its data and slots. `primary` is stopped for that, and restarted.
 *
 * @param settings of the standby's postgresql.conf, in addition to those of the primary
 */
export async function startStandby(
  primary: TestServer,
  settings: NonNullable<ServerOptions['settings']> = {},
): Promise<TestServer> {
  return startCopy(primary, 'standby.signal', {
    primary_conninfo: `host=${primary.host} port=${primary.port} user=postgres dbname=postgres`,
    // The default is 5 s until a standby connects again to a primary that was unreachable.
    wal_retrieve_retry_interval: '100ms',
    ...settings,
  });
}

/**
 * Starts a server from a cold copy of another's data folder (`localFiles`). The original is stopped for that, and restarted.
 */
export async function startCopy(
  source: TestServer,
  recovery: RecoverySignal,
  settings: NonNullable<ServerOptions['settings']>,
): Promise<TestServer> {
  const copy = await startServer({ version: source.version, localFiles: true });
  const [from, to] = [await dataFolder(source), await dataFolder(copy)];
  await Promise.all([source.stop('fast'), copy.stop('fast')]);
  // -a keeps the owner, which PostgreSQL requires. The port is set when the server is started.
  const { status, stderr } = spawnSync('/bin/sh', ['-c', 'rm -rf "$1" && cp -a "$0" "$1"', from, to], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`The data folder could not be copied: ${stderr}`);
  const signal = join(to, recovery);
  writeFileSync(signal, '');
  const { uid, gid } = statSync(to);
  chownSync(signal, uid, gid);
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`);
  appendFileSync(join(to, 'postgresql.conf'), `\n${lines.join('')}`);
  // Not concurrently: slot synchronization retries an unreachable primary only after 10 s.
  await source.start();
  await copy.start();
  return copy;
}

async function dataFolder(server: PostgresServer): Promise<string> {
  const [row] = await server.query<{ data_directory: string }>('SHOW data_directory');
  return row?.data_directory ?? '';
}
