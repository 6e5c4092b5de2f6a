import { firstValueFrom } from 'rxjs';
import { createSlot, formatLsn, parseLsn, preflight, slotStatus, type Lsn } from '../../lib/index';
import { startStandby } from '../support/replica';
import { startServer, uniqueName, type PostgresServer, type TestServer } from '../support/server';
import { waitForFailure, NUMBERS } from './support/life';
import { TestBed, waitUntil } from './support/bed';

let primary: TestServer;
let standby: TestServer;
let bed: TestBed;
/** A slot of the standby, part of the copied data folder. */
let slot: string;
/** Of the database of {@link slot}, on the standby. */
let url: string;

beforeAll(async () => {
  primary = await startServer({ localFiles: true });
  bed = await TestBed.make('standby', NUMBERS, primary);
  slot = await bed.slot();
  await bed.sql(`SELECT pg_create_physical_replication_slot('standby')`);
  const { client, database } = bed;
  await client.end();
  standby = await startStandby(primary, {
    primary_slot_name: 'standby',
    hot_standby_feedback: 'on',
    ...(primary.version >= 17 && { sync_replication_slots: 'on' }),
  });
  bed = await TestBed.make('standby_slots', 'SELECT 1', primary);
  url = database.url.replace(`:${primary.port}/`, `:${standby.port}/`);
});

afterAll(async () => {
  await standby.dispose();
  await primary.dispose();
});

const position = async (server: PostgresServer, of: string): Promise<Lsn> => {
  const [row] = await server.query<{ lsn: string }>(`SELECT ${of}()::text AS lsn`);
  return parseLsn(row!.lsn);
};

const reaches = (of: string, lsn: Lsn) =>
  waitUntil(
    () => position(standby, of),
    (reached) => reached >= lsn,
  );

it('slotStatus measures the lag to the replayed position, not the received one', async () => {
  await bed.sql('CREATE TABLE numbers (id int); INSERT INTO numbers SELECT generate_series(1, 1000)');
  await reaches('pg_last_wal_replay_lsn', await position(primary, 'pg_current_wal_lsn'));
  await standby.query('SELECT pg_wal_replay_pause()');
  await waitUntil(
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

it('preflight reports that streaming from a standby requires 16', async () => {
  const found = await firstValueFrom(preflight({ connection: url, slot, publications: ['pub'] }));
  expect(found.map(({ code }) => code)).toEqual(standby.version < 16 ? ['UNSUPPORTED'] : []);
});

it('no failover slot can be created on a standby, which preflight reports', async () => {
  const name = uniqueName('slot');
  const error = await waitForFailure(createSlot({ connection: url, slot: name, failover: true }));
  expect(error.code).toBe(standby.version < 17 ? 'UNSUPPORTED' : 'SERVER_ERROR');
  const ensureSlot = { failover: true };
  const found = await firstValueFrom(preflight({ connection: url, slot: name, publications: ['pub'], ensureSlot }));
  expect(found.map(({ code }) => code)).toContain(error.code);
});

it('preflight reports that a synchronized slot cannot be used before the standby is promoted, from 17 on', async () => {
  if (standby.version < 17) return;
  const name = uniqueName('failover');
  const connection = url.replace(`:${standby.port}/`, `:${primary.port}/`);
  await firstValueFrom(createSlot({ connection, slot: name, failover: true }));
  const database = new URL(url).pathname.slice(1);
  await waitUntil(
    async () => {
      // The copy is kept when the slot is ahead of it.
      await primary.query('SELECT pg_log_standby_snapshot()');
      await primary.query(`SELECT pg_replication_slot_advance('${name}', pg_current_wal_lsn())`, database);
      return firstValueFrom(slotStatus({ connection: url, slot: name }));
    },
    (copy) => copy?.temporary === false,
    30_000,
  );
  const config = { connection: url, slot: name, publications: ['pub'] };
  expect(await firstValueFrom(preflight(config))).toMatchObject([
    { code: 'SESSION_ATTRS_MISMATCH', severity: 'error', message: expect.stringMatching(/belongs to the primary/) },
  ]);
  expect(await firstValueFrom(preflight({ ...config, connection }))).toEqual([]);
});
