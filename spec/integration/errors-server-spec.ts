import { firstValueFrom } from 'rxjs';
import { createSlot, logicalReplication } from '../../lib/index';
import { startServer, uniqueName, type TestDatabase, type TestServer } from '../support/server';
import { fetchBackends, waitForFailure, marked, waitForNoBackends, NUMBERS, Observed } from './support/life';
import { waitUntil, Recorder } from './support/bed';

let server: TestServer;
let database: TestDatabase;

afterEach(() => server.dispose());

async function start(settings: Record<string, string>): Promise<void> {
  server = await startServer({ settings });
  database = await server.createDatabase('limits');
  await database.query(NUMBERS);
}

const existing = (slot: string) => server.query(`SELECT active FROM pg_replication_slots WHERE slot_name = '${slot}'`);

it('wal_level = replica', async () => {
  await start({ wal_level: 'replica' });
  const slot = uniqueName('slot');
  const { name, connection } = marked(database.url);
  const plan = { connection, slot, publications: ['pub'] };
  for (const [source, sqlState] of [
    [logicalReplication(plan), undefined],
    [logicalReplication({ ...plan, ensureSlot: true }), '55000'],
    [createSlot({ connection, slot }), '55000'],
  ] as const) {
    const error = await waitForFailure(source);
    expect(error).toMatchObject({ code: 'WAL_LEVEL', retryable: false, ...(sqlState && { sqlState }) });
    expect(error.message).toContain('wal_level = logical');
  }
  await waitForNoBackends(server, name);
});

it('all walsenders and all slots are in use', async () => {
  await start({ max_wal_senders: '2', max_replication_slots: '2' });
  const { name, connection } = marked(database.url);
  const observed = [new Observed(), new Observed()];
  const [first, second] = await Promise.all(
    observed.map(async ({ observers }) => {
      const slot = uniqueName('slot');
      const stream = logicalReplication({ connection, slot, publications: ['pub'], ensureSlot: true, ...observers });
      const recorder = new Recorder(stream);
      await recorder.take(1);
      return recorder;
    }),
  );

  const third = logicalReplication({ connection, slot: uniqueName('slot'), publications: ['pub'], ensureSlot: true });
  const refused = await waitForFailure(third);
  expect(refused).toMatchObject({ code: 'TOO_MANY_CONNECTIONS', retryable: true, sqlState: '53300' });
  expect(refused.message).toContain('max_wal_senders');

  second!.unsubscribe();
  await observed[1]!.closed();
  // The slot is free by now, but its process may still be exiting.
  await waitUntil(
    () => fetchBackends(server, name),
    (rows) => rows.length === 1,
  );
  const exhausted = await waitForFailure(third);
  expect(exhausted).toMatchObject({ code: 'TOO_MANY_SLOTS', retryable: false, sqlState: '53400' });
  expect(exhausted.message).toContain('max_replication_slots');
  first!.unsubscribe();
  await observed[0]!.closed();
  await waitForNoBackends(server, name);
});

it('max_replication_slots = 0', async () => {
  await start({ max_replication_slots: '0' });
  const error = await waitForFailure(createSlot({ connection: database.url, slot: uniqueName('slot') }));
  expect(error).toMatchObject({ code: 'TOO_MANY_SLOTS', retryable: false, sqlState: '55000' });
});

it('a slot that the server invalidates, during the stream and afterwards', async () => {
  await start({ max_slot_wal_keep_size: '1MB', max_wal_size: '32MB', wal_sender_timeout: '60s' });
  const { name, connection } = marked(database.url);
  const slot = uniqueName('slot');
  await firstValueFrom(createSlot({ connection, slot }));
  const stream = logicalReplication({ connection, slot, publications: ['pub'] });
  const recorder = new Recorder(stream);
  await recorder.take(1);
  for (let segment = 0; segment < 4; segment++) {
    await database.query('INSERT INTO numbers SELECT coalesce(max(id), 0) + 1 FROM numbers');
    await database.query('SELECT pg_switch_wal()');
    await database.query('CHECKPOINT');
  }
  await expect(recorder.completed()).rejects.toMatchObject({
    code: 'SERVER_SHUTDOWN',
    retryable: true,
    sqlState: '57P01',
  });

  for (const source of [stream, logicalReplication({ connection, slot, publications: ['pub'], ensureSlot: true })]) {
    const error = await waitForFailure(source);
    expect(error).toMatchObject({ code: 'SLOT_INVALIDATED', retryable: false });
    expect(error.message).toContain('copy the data again');
  }
  expect(await existing(slot)).toEqual([{ active: false }]);
  await waitForNoBackends(server, name);
});
