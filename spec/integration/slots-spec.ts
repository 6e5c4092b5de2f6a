import { setTimeout as delay } from 'node:timers/promises';
import { firstValueFrom, toArray } from 'rxjs';
import { createSlot, dropSlot, identifySystem, parseLsn, slotStatus } from '../../lib/index';
import { uniqueName } from '../support/server';
import {
  fetchBackends,
  waitForCompletion,
  waitForFailure,
  expectNoSocketLeft,
  marked,
  measureConnectTimeout,
  waitForNoBackends,
  NUMBERS,
  Observed,
} from './support/life';
import { TestBed, waitUntil, Recorder } from './support/bed';

let bed: TestBed;

beforeAll(async () => {
  bed = await TestBed.make('oneshots', NUMBERS);
});

afterAll(() => bed.drop());

const existing = (slot: string) =>
  bed.sql<{ plugin: string }>('SELECT plugin FROM pg_replication_slots WHERE slot_name = $1', [slot]);

/** Resolves when the server executes a command for a connection of this name. */
const busyWith = (name: string, command: string) =>
  waitUntil(
    () => fetchBackends(bed.server, name),
    (rows) => rows.some(({ query }) => query.startsWith(command)),
  );

describe('createSlot', () => {
  it('creates a permanent slot in the connection’s database, and leaves no connection', async () => {
    const slot = uniqueName('slot');
    const { name, connection } = marked(bed.database.url);
    const before = await bed.position();
    const created = await expectNoSocketLeft(() => firstValueFrom(createSlot({ connection, slot }).pipe(toArray())));
    const kind = { temporary: false, failover: false, twoPhase: false };
    expect(created).toEqual([{ name: slot, plugin: 'pgoutput', ...kind, consistentPoint: expect.any(BigInt) }]);
    expect(created[0]!.consistentPoint).toBeGreaterThanOrEqual(before);
    expect(await bed.confirmed(slot)).toBe(created[0]!.consistentPoint);
    await waitForNoBackends(bed.server, name);
  });

  it('is cold: each subscription executes it', async () => {
    const slot = uniqueName('slot');
    const source = createSlot({ connection: bed.database.url, slot, plugin: 'test_decoding' });
    expect(await existing(slot)).toEqual([]);
    await firstValueFrom(source);
    expect(await existing(slot)).toEqual([{ plugin: 'test_decoding' }]);
    expect(await waitForFailure(source)).toMatchObject({ code: 'SLOT_EXISTS', retryable: false, sqlState: '42710' });
  });

  it('waits for open write transactions longer than connectTimeout', async () => {
    const connectTimeout = await measureConnectTimeout(bed.database.url);
    const client = await bed.database.client();
    await client.query('BEGIN; INSERT INTO numbers VALUES (1)');
    const slot = uniqueName('slot');
    const { name, connection } = marked(bed.database.url);
    const created = firstValueFrom(createSlot({ connection, slot, connectTimeout }));
    await busyWith(name, 'CREATE_REPLICATION_SLOT');
    await delay(connectTimeout * 1.5);
    await client.query('ROLLBACK');
    expect(await created).toMatchObject({ name: slot });
    await client.end();
  });

  it('is cancelled by unsubscribing', async () => {
    const client = await bed.database.client();
    await client.query('BEGIN; INSERT INTO numbers VALUES (1)');
    const slot = uniqueName('slot');
    const { name, connection } = marked(bed.database.url);
    await expectNoSocketLeft(async () => {
      const subscription = createSlot({ connection, slot }).subscribe();
      await busyWith(name, 'CREATE_REPLICATION_SLOT');
      subscription.unsubscribe();
      await waitForNoBackends(bed.server, name);
    });
    expect(await existing(slot)).toEqual([]);
    await client.query('ROLLBACK');
    await client.end();
    await firstValueFrom(createSlot({ connection, slot }));
  });
});

describe('dropSlot', () => {
  it('drops it', async () => {
    const slot = await bed.slot();
    const { name, connection } = marked(bed.database.url);
    const dropped = await expectNoSocketLeft(() => firstValueFrom(dropSlot({ connection, slot }).pipe(toArray())));
    expect(dropped).toEqual([slot]);
    expect(await existing(slot)).toEqual([]);
    const error = await waitForFailure(dropSlot({ connection, slot }));
    expect(error).toMatchObject({ code: 'SLOT_MISSING', retryable: false, sqlState: '42704' });
    await waitForNoBackends(bed.server, name);
  });

  it('fails if the slot is active, or waits', async () => {
    const slot = await bed.slot();
    const observed = new Observed();
    const recorder = new Recorder(bed.stream(slot, observed.observers));
    await recorder.take(1);
    const { name, connection } = marked(bed.database.url);
    expect(await waitForFailure(dropSlot({ connection, slot }))).toMatchObject({
      code: 'SLOT_ACTIVE',
      retryable: true,
      sqlState: '55006',
    });

    await expectNoSocketLeft(async () => {
      const subscription = dropSlot({ connection, slot, wait: true }).subscribe();
      await busyWith(name, 'DROP_REPLICATION_SLOT');
      subscription.unsubscribe();
      await waitForNoBackends(bed.server, name);
    });

    const connectTimeout = await measureConnectTimeout(bed.database.url);
    const dropped = waitForCompletion(dropSlot({ connection, slot, wait: true, connectTimeout }));
    await busyWith(name, 'DROP_REPLICATION_SLOT');
    expect(await existing(slot)).toHaveLength(1);
    recorder.unsubscribe();
    await dropped;
    expect(await existing(slot)).toEqual([]);
  });
});

describe('slotStatus', () => {
  it('is undefined if the slot does not exist', async () => {
    const { name, connection } = marked(bed.database.url);
    const status = await expectNoSocketLeft(() =>
      firstValueFrom(slotStatus({ connection, slot: 'not_there' }).pipe(toArray())),
    );
    expect(status).toEqual([undefined]);
    await waitForNoBackends(bed.server, name);
  });

  it('returns the PID of the client, and the lag', async () => {
    const slot = await bed.slot();
    const source = slotStatus({ connection: bed.database.url, slot });
    const confirmed = await bed.confirmed(slot);
    expect(await firstValueFrom(source)).toEqual({
      name: slot,
      plugin: 'pgoutput',
      type: 'logical',
      database: bed.database.name,
      temporary: false,
      active: false,
      activePid: undefined,
      restartLsn: expect.any(BigInt),
      confirmedFlushLsn: confirmed,
      walStatus: 'reserved',
      twoPhase: false,
      ...(bed.server.version >= 16 && { conflicting: false }),
      ...(bed.server.version >= 17 && { failover: false, synced: false, inactiveSince: expect.any(Date) }),
      lagBytes: expect.any(BigInt),
    });

    const observed = new Observed();
    const recorder = new Recorder(bed.stream(slot, observed.observers));
    await recorder.take(1);
    const [row] = await bed.sql('SELECT active_pid AS pid FROM pg_replication_slots WHERE slot_name = $1', [slot]);
    expect(await firstValueFrom(source)).toMatchObject({ active: true, activePid: row!['pid'] });
    recorder.unsubscribe();
    await observed.closed();
  });

  it('supports physical slots', async () => {
    const slot = uniqueName('slot');
    await bed.sql('SELECT pg_create_physical_replication_slot($1)', [slot]);
    const status = await firstValueFrom(slotStatus({ connection: bed.database.url, slot }));
    await bed.sql('SELECT pg_drop_replication_slot($1)', [slot]);
    expect(status).toMatchObject({ type: 'physical', plugin: undefined, database: undefined, restartLsn: undefined });
  });
});

describe('identifySystem', () => {
  it('returns the system identifier', async () => {
    const { name, connection } = marked(bed.database.url);
    const before = await bed.position();
    const identity = await expectNoSocketLeft(() => firstValueFrom(identifySystem({ connection })));
    const [row] = await bed.sql<{ id: string; lsn: string }>(
      `SELECT system_identifier::text AS id, pg_current_wal_lsn()::text AS lsn FROM pg_control_system()`,
    );
    expect(identity).toEqual({
      systemId: row!.id,
      timeline: 1,
      walPosition: expect.any(BigInt),
      database: bed.database.name,
    });
    expect(identity.walPosition).toBeLessThanOrEqual(parseLsn(row!.lsn));
    expect(identity.walPosition).toBeGreaterThan(before - 0x1000000n);
    await waitForNoBackends(bed.server, name);
  });

  it('can be unsubscribed from at any time', async () => {
    const { name, connection } = marked(bed.database.url);
    await expectNoSocketLeft(async () => {
      for (let turns = 0; turns < 20; turns++) {
        const subscription = identifySystem({ connection }).subscribe();
        for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
        subscription.unsubscribe();
      }
      await waitForNoBackends(bed.server, name);
    });
  });
});
