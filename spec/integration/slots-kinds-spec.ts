import { catchError, firstValueFrom, of, Subject, type Observable } from 'rxjs';
import {
  alterSlot,
  createSlot,
  logicalReplication,
  slotStatus,
  type OpenInfo,
  type ReplicationError,
  type SlotStatus,
} from '../../lib/index';
import { uniqueName } from '../support/server';
import { waitForFailure, expectNoSocketLeft, marked, waitForNoBackends, NUMBERS, Observed } from './support/life';
import { TestBed, Recorder } from './support/bed';

let bed: TestBed;
let version: number;

beforeAll(async () => {
  bed = await TestBed.make('kinds', NUMBERS);
  version = bed.server.version;
});

afterAll(() => bed.drop());

/** The slot, or the code of the error, which must be `UNSUPPORTED` on servers before a version. */
async function outcomeOf(source: Observable<unknown>, slot: string): Promise<SlotStatus | string | undefined> {
  try {
    await firstValueFrom(source);
  } catch {
    return (await waitForFailure(source)).code;
  }
  return firstValueFrom(slotStatus({ connection: bed.database.url, slot }));
}

const since = (brought: number, otherwise: unknown): unknown => (version >= brought ? otherwise : 'UNSUPPORTED');

describe('createSlot', () => {
  it('creates slots for two-phase commit, from 15 on', async () => {
    const slot = uniqueName('slot');
    const created = await outcomeOf(createSlot({ connection: bed.database.url, slot, twoPhase: true }), slot);
    expect(created).toEqual(since(15, expect.objectContaining({ name: slot, twoPhase: true })));
    if (version < 18 || typeof created !== 'object') return;
    expect(created.twoPhaseAt).toBe(created.confirmedFlushLsn);
  });

  it('creates failover slots, from 17 on', async () => {
    const slot = uniqueName('slot');
    const created = await outcomeOf(createSlot({ connection: bed.database.url, slot, failover: true }), slot);
    expect(created).toEqual(since(17, expect.objectContaining({ name: slot, failover: true, synced: false })));
  });

  it('emits the new slot', async () => {
    const slot = uniqueName('slot');
    const all = { failover: version >= 17, twoPhase: version >= 15 };
    const created = await firstValueFrom(createSlot({ connection: bed.database.url, slot, ...all }));
    expect(created).toMatchObject({ name: slot, temporary: false, ...all });
  });
});

it('ensureSlot creates the requested kind of slot', async () => {
  const slot = uniqueName('slot');
  const opened = new Subject<OpenInfo>();
  const subscription = logicalReplication({
    ...{ connection: bed.database.url, slot, plugin: 'test_decoding' },
    ensureSlot: { failover: true, twoPhase: true },
    openObserver: opened,
  }).subscribe({ error: (error: unknown) => opened.error(error) });
  const info = await firstValueFrom(opened.pipe(catchError((error: ReplicationError) => of(error.code))));
  subscription.unsubscribe();
  const kind = { temporary: false, failover: true, twoPhase: true };
  expect(info).toEqual(since(17, expect.objectContaining({ slotCreated: true, slot: expect.objectContaining(kind) })));
  await bed.released(slot);
});

describe('alterSlot', () => {
  it('turns failover on and off, from 17 on', async () => {
    const slot = await bed.slot();
    const { name, connection } = marked(bed.database.url);
    for (const failover of [true, false]) {
      const altered = await expectNoSocketLeft(() => outcomeOf(alterSlot({ connection, slot, failover }), slot));
      expect(altered).toEqual(since(17, expect.objectContaining({ name: slot, failover, twoPhase: false })));
    }
    await waitForNoBackends(bed.server, name);
  });

  it('turns two-phase commit on and off, from 18 on', async () => {
    const slot = await bed.slot();
    for (const twoPhase of [true, false]) {
      const altered = await outcomeOf(alterSlot({ connection: bed.database.url, slot, twoPhase }), slot);
      expect(altered).toEqual(since(18, expect.objectContaining({ name: slot, twoPhase, failover: false })));
    }
  });

  it('emits the slot after the change', async () => {
    const slot = await bed.slot();
    const source = alterSlot({ connection: bed.database.url, slot, failover: true });
    if (version < 17) expect(await waitForFailure(source)).toMatchObject({ code: 'UNSUPPORTED' });
    else expect(await firstValueFrom(source)).toMatchObject({ name: slot, failover: true, active: false });
  });

  it('does not change two-phase commit while a transaction is prepared, because it would be sent in part', async () => {
    const slot = await bed.slot();
    const gid = uniqueName('gid');
    await bed.client.query(`BEGIN; INSERT INTO numbers VALUES (2); PREPARE TRANSACTION '${gid}'`);
    const error = await waitForFailure(alterSlot({ connection: bed.database.url, slot, twoPhase: true }));
    expect(error.code).toBe(since(18, 'TRANSACTION_PREPARED'));
    await bed.client.query(`ROLLBACK PREPARED '${gid}'`);
    const altered = await outcomeOf(alterSlot({ connection: bed.database.url, slot, twoPhase: true }), slot);
    expect(altered).toEqual(since(18, expect.objectContaining({ twoPhase: true })));
  });

  it('fails immediately if the slot is active, missing or physical', async () => {
    const slot = await bed.slot();
    const { connection } = marked(bed.database.url);
    const observed = new Observed();
    const recorder = new Recorder(bed.stream(slot, observed.observers));
    await recorder.take(1);
    const active = await waitForFailure(alterSlot({ connection, slot, failover: true }));
    expect(active.code).toBe(since(17, 'SLOT_ACTIVE'));
    recorder.unsubscribe();
    await observed.closed();

    const missing = await waitForFailure(alterSlot({ connection, slot: 'not_there', failover: true }));
    expect(missing.code).toBe(since(17, 'SLOT_MISSING'));
    const physical = uniqueName('slot');
    await bed.sql('SELECT pg_create_physical_replication_slot($1)', [physical]);
    const wrong = await waitForFailure(alterSlot({ connection, slot: physical, failover: true }));
    await bed.sql('SELECT pg_drop_replication_slot($1)', [physical]);
    expect(wrong.code).toBe(since(17, 'SLOT_INCOMPATIBLE'));
  });
});

it('slotStatus returns since when the slot is inactive, from 17 on', async () => {
  const slot = await bed.slot();
  const status = () => firstValueFrom(slotStatus({ connection: bed.database.url, slot }));
  const observed = new Observed();
  const recorder = new Recorder(bed.stream(slot, observed.observers));
  await recorder.take(1);
  expect(await status()).toMatchObject({ active: true, inactiveSince: undefined });
  const [before] = await bed.sql<{ now: Date }>('SELECT clock_timestamp() AS now');
  recorder.unsubscribe();
  await observed.closed();
  await bed.released(slot);
  const [after] = await bed.sql<{ now: Date }>('SELECT clock_timestamp() AS now');
  const { inactiveSince } = (await status()) ?? {};
  if (version < 17) {
    expect(inactiveSince).toBeUndefined();
    return;
  }
  expect(inactiveSince?.getTime()).toBeGreaterThanOrEqual(before!.now.getTime());
  expect(inactiveSince?.getTime()).toBeLessThanOrEqual(after!.now.getTime());
});
