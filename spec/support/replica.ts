import { spawnSync } from 'node:child_process';
import { appendFileSync, chownSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PostgresServer, ServerOptions, TestServer } from './options';
import { startServer } from './server';

/** Why a copy of a data folder starts in recovery: to follow a server, or to reach the end of its own WAL. */
type RecoverySignal = 'standby.signal' | 'recovery.signal';

/**
 * Starts a standby of a server with `localFiles`, with all that the server has now, slots too. `primary` is stopped for it, and started again.
 *
 * @param settings of the standby's postgresql.conf, above those of the primary
 */
export async function startStandby(
  primary: TestServer,
  settings: NonNullable<ServerOptions['settings']> = {},
): Promise<TestServer> {
  return startCopy(primary, 'standby.signal', {
    primary_conninfo: `host=${primary.host} port=${primary.port} user=postgres dbname=postgres`,
    // Otherwise it waits for up to 5 s before it asks a primary again that was not there.
    wal_retrieve_retry_interval: '100ms',
    ...settings,
  });
}

/** Starts a server from a cold copy of another's data folder (`localFiles`). That one is stopped for it, and started again. */
export async function startCopy(
  source: TestServer,
  recovery: RecoverySignal,
  settings: NonNullable<ServerOptions['settings']>,
): Promise<TestServer> {
  const copy = await startServer({ version: source.version, localFiles: true });
  const [from, to] = [await dataFolder(source), await dataFolder(copy)];
  await Promise.all([source.stop('fast'), copy.stop('fast')]);
  // -a keeps the owner: PostgreSQL insists on its own. The port is given when a server is started.
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
  // One after the other: what copies slots from a primary that is not there tries again after 10 s only.
  await source.start();
  await copy.start();
  return copy;
}

async function dataFolder(server: PostgresServer): Promise<string> {
  const [row] = await server.query<{ data_directory: string }>('SHOW data_directory');
  return row?.data_directory ?? '';
}
