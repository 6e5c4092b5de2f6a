import { spawnSync } from 'node:child_process';
import { appendFileSync, chownSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../integration/support';
import { startServer, type PostgresServer, type TestServer } from '../support/server';

/**
 * What a promoted standby is: a server that goes on from here on a new timeline, slots and all. It is made from a cold copy
 * of the data folder, whose recovery ends at once, so that no replication has to be set up. `server` is stopped for it,
 * and started again.
 */
export async function promoteCopy(server: TestServer): Promise<TestServer> {
  const promoted = await startServer({ version: server.version });
  const [from, to] = [await dataFolder(server), await dataFolder(promoted)];
  await Promise.all([server.stop('fast'), promoted.stop('fast')]);
  // -a keeps the owner: PostgreSQL insists on its own.
  const { status, stderr } = spawnSync('/bin/sh', ['-c', 'rm -rf "$1" && cp -a "$0" "$1"', from, to], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`The data folder could not be copied: ${stderr}`);
  const signal = join(to, 'recovery.signal');
  writeFileSync(signal, '');
  const { uid, gid } = statSync(to);
  chownSync(signal, uid, gid);
  appendFileSync(join(to, 'postgresql.conf'), `\nrestore_command = 'false'\nrecovery_target_action = 'promote'\n`);
  await Promise.all([server.start(), promoted.start()]);
  // For a moment it only lets one read.
  await eventually(
    () => promoted.query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby'),
    ([row]) => row?.standby === false,
  );
  return promoted;
}

async function dataFolder(server: PostgresServer): Promise<string> {
  const [row] = await server.query<{ data_directory: string }>('SHOW data_directory');
  return row?.data_directory ?? '';
}
