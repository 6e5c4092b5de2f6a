import { firstValueFrom } from 'rxjs';
import { alterSlot, logicalReplication, preflight, slotStatus, type PreflightFinding } from '../../lib/index';
import { startServer, uniqueName, type TestServer } from '../support/server';
import { waitForFailure, NUMBERS, Observed } from './support/life';
import { TestBed, waitUntil, Recorder } from './support/bed';

let server: TestServer;
let bed: TestBed;

afterEach(() => server.dispose());

async function start(settings: Record<string, string>): Promise<void> {
  server = await startServer({ settings });
  bed = await TestBed.make('limits', NUMBERS, server);
}

const find = (slot: string, ensureSlot = false) => firstValueFrom(preflight(bed.config(slot, { ensureSlot })));
const codesOf = (findings: readonly PreflightFinding[]) => findings.map(({ code, severity }) => `${severity} ${code}`);

it('wal_level = replica', async () => {
  await start({ wal_level: 'replica' });
  const config = bed.config('made_later', { ensureSlot: true });
  expect(await find('made_later', true)).toMatchObject([{ code: 'WAL_LEVEL', message: 'wal_level is replica.' }]);
  expect(await waitForFailure(logicalReplication(config))).toMatchObject({ code: 'WAL_LEVEL' });
});

it('all walsenders, and all slots, are in use', async () => {
  await start({ max_wal_senders: '2', max_replication_slots: '2' });
  const first = await bed.slot();
  expect(await find('made_later', true)).toEqual([]);
  const second = await bed.slot();
  const found = await find('made_later', true);
  expect(found).toMatchObject([
    { code: 'TOO_MANY_SLOTS', severity: 'error', message: expect.stringMatching(/is 2\.$/) },
  ]);
  expect(await waitForFailure(bed.stream('made_later', { ensureSlot: true }))).toMatchObject({
    code: 'TOO_MANY_SLOTS',
  });
  expect(await find(first)).toEqual([]);

  const observed = [first, second].map((slot) => {
    const one = new Observed();
    return { one, recorder: new Recorder(bed.stream(slot, one.observers)) };
  });
  for (const { recorder } of observed) await recorder.take(1);
  const refused = await find(first);
  expect(refused).toMatchObject([{ code: 'TOO_MANY_CONNECTIONS', severity: 'error', remedy: expect.any(String) }]);
  expect(refused[0]!.message).toMatch(/max_wal_senders.*\.$/);
  for (const { one, recorder } of observed) {
    recorder.unsubscribe();
    await one.closed();
  }
});

it('a slot falls behind, and is then invalidated', async () => {
  await start({ max_slot_wal_keep_size: '64MB' });
  const slot = await bed.slot();
  const status = () => firstValueFrom(slotStatus({ connection: bed.database.url, slot }));
  const MB = 1024n * 1024n;
  const fresh = (await status())!;
  expect(fresh.safeWalSize).toBeGreaterThan(32n * MB);
  expect(fresh.safeWalSize).toBeLessThanOrEqual(80n * MB);
  expect(JSON.stringify(fresh)).toContain(`"safeWalSize":"${fresh.safeWalSize}"`);
  expect(await find(slot)).toEqual([]);

  const writeSegments = async (count: number) => {
    for (let i = 0; i < count; i++)
      await bed.sql('INSERT INTO numbers SELECT max(id) + 1 FROM numbers; SELECT pg_switch_wal()');
  };
  await bed.sql('INSERT INTO numbers VALUES (0)');
  await writeSegments(4);
  const close = (await status())!;
  expect(close.safeWalSize).toBeLessThan(16n * MB + 1n);
  expect(close.safeWalSize).toBeGreaterThan(0n);
  expect(close.lagBytes).toBeGreaterThanOrEqual(48n * MB);
  const found = await find(slot);
  expect(codesOf(found)).toEqual(['warning SLOT_BEHIND']);
  expect(found[0]!.message).toContain(`after ${close.safeWalSize} more bytes of WAL (max_slot_wal_keep_size is 64MB)`);

  await writeSegments(2);
  expect(await status()).toMatchObject({ walStatus: 'unreserved' });
  const late = await find(slot);
  expect(codesOf(late)).toEqual(['warning SLOT_BEHIND']);
  expect(late[0]!.message).toMatch(/the server invalidates it at the next checkpoint/);

  await bed.sql('CHECKPOINT');
  const reason = server.version >= 17 ? 'wal_removed' : undefined;
  expect(await status()).toMatchObject({ walStatus: 'lost', safeWalSize: undefined, invalidationReason: reason });
  expect(codesOf(await find(slot))).toEqual(['error SLOT_INVALIDATED']);
  expect(await waitForFailure(bed.stream(slot))).toMatchObject({ code: 'SLOT_INVALIDATED' });
  const altered = await waitForFailure(alterSlot({ connection: bed.database.url, slot, failover: true }));
  expect(altered.code).toBe(server.version >= 17 ? 'SLOT_INVALIDATED' : 'UNSUPPORTED');
});

it('an inactive slot will soon be invalidated, on 18', async () => {
  await start({});
  const slot = await bed.slot();
  const set = async (timeout: string) => {
    await bed.sql(`ALTER SYSTEM SET idle_replication_slot_timeout = '${timeout}'`);
    await bed.sql('SELECT pg_reload_conf()');
    await waitUntil(
      () => server.query<{ timeout: string }>(`SELECT current_setting('idle_replication_slot_timeout') AS timeout`),
      ([row]) => row?.timeout === timeout,
    );
  };
  expect(await find(slot)).toEqual([]);
  if (server.version < 18) {
    await expect(set('1h')).rejects.toThrow(/unrecognized configuration parameter/);
    return;
  }
  await set('90min');
  const message = 'The server invalidates a slot that is idle for 90min.';
  expect(await find(slot)).toMatchObject([{ code: 'SLOT_IDLE_TIMEOUT', severity: 'warning', message }]);
  expect(await find(uniqueName('made_later'), true)).toMatchObject([{ code: 'SLOT_IDLE_TIMEOUT' }]);
  await set('1d');
  expect(await find(slot)).toEqual([]);
});
