import { spawnSync } from 'node:child_process';
import { appendFileSync, chownSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { firstValueFrom } from 'rxjs';
import { createSlot, formatLsn, parseLsn, preflight, slotStatus, type Lsn } from '../../lib/index';
import { startServer, uniqueName, type PostgresServer, type TestServer } from '../support/server';
import { failureOf, NUMBERS } from './life-support';
import { Bed, eventually } from './support';

let primary: TestServer;
let standby: TestServer;
let bed: Bed;
/** A slot that the standby has of its own, as it is a copy. */
let slot: string;
/** Of the database of {@link slot}, on the standby. */
let url: string;

beforeAll(async () => {
  primary = await startServer();
  standby = await startServer();
  bed = await Bed.make('standby', NUMBERS, primary);
  slot = await bed.slot();
  const { client, database } = bed;
  await client.end();
  await follow(primary, standby);
  bed = await Bed.make('witness', 'SELECT 1', primary);
  url = database.url.replace(`:${primary.port}/`, `:${standby.port}/`);
});

afterAll(async () => {
  await standby.dispose();
  await primary.dispose();
});

/** Makes the second server a standby of the first. Both are stopped for it, and started again. */
async function follow(from: TestServer, to: TestServer): Promise<void> {
  const [source, target] = [await dataFolder(from), await dataFolder(to)];
  await Promise.all([from.stop(), to.stop()]);
  // -a keeps the owner: PostgreSQL insists on its own. The port is given when a server is started.
  const { status, stderr } = spawnSync('/bin/sh', ['-c', 'rm -rf "$1" && cp -a "$0" "$1"', source, target], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`The data folder could not be copied: ${stderr}`);
  const signal = join(target, 'standby.signal');
  writeFileSync(signal, '');
  const { uid, gid } = statSync(target);
  chownSync(signal, uid, gid);
  const conninfo = `host=${from.host} port=${from.port} user=postgres`;
  appendFileSync(join(target, 'postgresql.conf'), `\nprimary_conninfo = '${conninfo}'\nhot_standby = on\n`);
  await from.start();
  await to.start();
}

async function dataFolder(server: PostgresServer): Promise<string> {
  const [row] = await server.query<{ data_directory: string }>('SHOW data_directory');
  return row?.data_directory ?? '';
}

const position = async (server: PostgresServer, of: string): Promise<Lsn> => {
  const [row] = await server.query<{ lsn: string }>(`SELECT ${of}()::text AS lsn`);
  return parseLsn(row!.lsn);
};

const reaches = (of: string, lsn: Lsn) =>
  eventually(
    () => position(standby, of),
    (reached) => reached >= lsn,
  );

it('slotStatus counts what the standby has replayed, not what it has only received', async () => {
  await bed.sql('CREATE TABLE numbers (id int); INSERT INTO numbers SELECT generate_series(1, 1000)');
  await reaches('pg_last_wal_replay_lsn', await position(primary, 'pg_current_wal_lsn'));
  await standby.query('SELECT pg_wal_replay_pause()');
  await eventually(
    () => standby.query<{ state: string }>('SELECT pg_get_wal_replay_pause_state() AS state'),
    ([row]) => row?.state === 'paused',
  );
  await bed.sql('INSERT INTO numbers SELECT generate_series(1, 1000)');
  const written = await position(primary, 'pg_current_wal_lsn');
  await reaches('pg_last_wal_receive_lsn', written);

  const replayed = await position(standby, 'pg_last_wal_replay_lsn');
  expect(formatLsn(replayed)).not.toBe(formatLsn(written));
  const paused = (await firstValueFrom(slotStatus({ connection: url, slot })))!;
  expect(paused.lagBytes).toBe(replayed - paused.confirmedFlushLsn!);
  expect(paused.lagBytes).toBeGreaterThan(0n);

  await standby.query('SELECT pg_wal_replay_resume()');
  await reaches('pg_last_wal_replay_lsn', written);
  const { lagBytes } = (await firstValueFrom(slotStatus({ connection: url, slot })))!;
  expect(lagBytes).toBeGreaterThanOrEqual(written - paused.confirmedFlushLsn!);
});

it('preflight knows that a standby cannot be streamed from before 16', async () => {
  const found = await firstValueFrom(preflight({ connection: url, slot, publications: ['pub'] }));
  expect(found.map(({ code }) => code)).toEqual(standby.version < 16 ? ['UNSUPPORTED'] : []);
});

it('no failover slot can be made on a standby', async () => {
  const error = await failureOf(createSlot({ connection: url, slot: uniqueName('slot'), failover: true }));
  expect(error.code).toBe(standby.version < 17 ? 'UNSUPPORTED' : 'SERVER_ERROR');
});
