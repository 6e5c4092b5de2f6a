import { setTimeout as delay } from 'node:timers/promises';
import { firstValueFrom, Subject, toArray } from 'rxjs';
import {
  ackAfter,
  formatLsn,
  reconnect,
  stopAtLsn,
  stopOn,
  logicalReplication,
  transactions,
} from '../../../lib/index';
import { uniqueName } from '../../support/server';
import { waitForFailure } from '../support/life';
import { Recorder, TestBed, waitUntil } from '../support/bed';
import { createConfig, Store, streamUnits, waitForStream, type Unit } from './support';

let bed: TestBed;

beforeAll(async () => {
  bed = await TestBed.make(
    'copy_life',
    `CREATE TABLE item (id int PRIMARY KEY, name text);
     INSERT INTO item SELECT i, 'n' || i FROM generate_series(1, 3500) i;
     CREATE PUBLICATION pub FOR TABLE item;`,
  );
});

afterAll(() => bed.drop());

const slots = (slot: string) =>
  bed.sql<{ slot_name: string }>(
    'SELECT slot_name FROM pg_replication_slots WHERE slot_name = ANY ($1) ORDER BY slot_name',
    [[slot, `${slot}_copy`]],
  );

const waitForNoCopy = (slot: string) =>
  waitUntil(
    () => slots(slot),
    (rows) => rows.every(({ slot_name }) => slot_name === slot),
  );

/** Runs a consumer up to the unit of this index, which is not acknowledged any more. */
async function interruptAt(index: number, store: Store, slot: string, startLsn?: () => unknown): Promise<Unit[]> {
  const units: Unit[] = [];
  await new Promise<void>((resolve, reject) => {
    const subscription = streamUnits(bed, slot, startLsn ? { startLsn: startLsn as never } : {}).subscribe({
      next: (unit) => {
        units.push(unit);
        if (units.length <= index) {
          store.apply(unit);
          unit.ack();
          return;
        }
        // The consumer may have stored it, and not acknowledged it.
        store.apply(unit);
        subscription.unsubscribe();
        resolve();
      },
      error: reject,
    });
  });
  await bed.released(slot);
  await waitForNoCopy(slot);
  return units;
}

/** Runs a consumer until it has applied everything that is committed. */
async function finish(store: Store, slot: string, startLsn?: () => unknown): Promise<void> {
  const recorder = new Recorder(
    streamUnits(bed, slot, startLsn ? { startLsn: startLsn as never } : {}).pipe(
      ackAfter((unit) => store.apply(unit)),
      reconnect({ initialDelay: 10 }),
    ),
  );
  const end = formatLsn(await bed.position());
  await waitUntil(
    () => bed.sql('SELECT FROM pg_replication_slots WHERE slot_name = $1 AND confirmed_flush_lsn >= $2', [slot, end]),
    (rows) => rows.length === 1,
  );
  recorder.unsubscribe();
  await bed.released(slot);
  const rows = store.rows('item');
  expect(rows).toEqual(await bed.sql('SELECT * FROM item ORDER BY id'));
}

describe('a copy that is interrupted', () => {
  // begin, 4 batches, end
  it.each([0, 1, 3, 4, 5])('at unit %i begins again, where the slot keeps the position', async (index) => {
    const slot = uniqueName('slot');
    const store = new Store();
    await interruptAt(index, store, slot);
    expect(await slots(slot)).toEqual([]);
    await bed.sql(`UPDATE item SET name = name || 'x' WHERE id = 7`);
    await finish(store, slot);
    expect(store.begins).toBe(2);
  });

  it.each([0, 1, 3, 4])('at unit %i begins again, where the consumer keeps the position', async (index) => {
    const slot = uniqueName('slot');
    const store = new Store();
    await interruptAt(index, store, slot, () => store.checkpoint);
    await bed.sql(`UPDATE item SET name = name || 'x' WHERE id = 8`);
    await finish(store, slot, () => store.checkpoint);
    expect(store.begins).toBe(2);
  });

  it('after the consumer has stored its end goes on with the changes', async () => {
    const slot = uniqueName('slot');
    const store = new Store();
    await interruptAt(5, store, slot, () => store.checkpoint);
    expect(store.checkpoint).toBeDefined();
    expect((await slots(slot)).length).toBe(1);
    await bed.sql(`UPDATE item SET name = name || 'x' WHERE id = 9`);
    await finish(store, slot, () => store.checkpoint);
    expect(store.begins).toBe(1);
  });

  it('before its end was stored replaces the slot', async () => {
    const slot = uniqueName('slot');
    const store = new Store();
    await interruptAt(5, store, slot, () => store.checkpoint);
    const [before] = await bed.sql('SELECT restart_lsn::text FROM pg_replication_slots WHERE slot_name = $1', [slot]);
    store.checkpoint = undefined;
    await bed.sql(`UPDATE item SET name = name || 'x' WHERE id = 10`);
    await finish(store, slot, () => store.checkpoint);
    expect(store.begins).toBe(2);
    expect(before).toBeDefined();
  });
});

describe('a copy', () => {
  it('is not made if the slot exists', async () => {
    const slot = await bed.slot();
    const recorder = new Recorder(streamUnits(bed, slot));
    await bed.sql(`UPDATE item SET name = name || 'x' WHERE id = 11`);
    const [first] = await recorder.take(1);
    expect(first?.kind).toBe('transaction');
    recorder.unsubscribe();
  });

  it('does not replace a slot that is not of this stream', async () => {
    const slot = await bed.slot('test_decoding');
    expect(await waitForFailure(streamUnits(bed, slot, { startLsn: () => undefined }))).toMatchObject({
      code: 'SLOT_INCOMPATIBLE',
    });
    expect(await slots(slot)).toEqual([{ slot_name: slot }]);
  });

  it('fails while another process copies for the same slot', async () => {
    const slot = uniqueName('slot');
    const recorder = new Recorder(streamUnits(bed, slot));
    await recorder.take(1);
    expect(await waitForFailure(streamUnits(bed, slot))).toMatchObject({ code: 'SLOT_ACTIVE', retryable: true });
    recorder.unsubscribe();
    await waitForNoCopy(slot);
  });

  it('stops between two batches, with all delivered batches acknowledged', async () => {
    const slot = uniqueName('slot');
    const stop = new Subject<void>();
    const worked: string[] = [];
    const done = firstValueFrom(
      logicalReplication(createConfig(bed, slot)).pipe(
        stopOn(stop),
        transactions(),
        ackAfter(async (unit) => {
          if (unit.kind === 'copyBatch') stop.next();
          await delay(5);
          worked.push(unit.kind);
        }),
        toArray(),
      ),
    );
    await done;
    expect(worked[0]).toBe('copyBegin');
    expect(worked).not.toContain('copyEnd');
    await waitForNoCopy(slot);
    expect(await slots(slot)).toEqual([]);
  });

  it('stops before its rows at a position before its snapshot', async () => {
    const slot = uniqueName('slot');
    const kinds: string[] = [];
    await firstValueFrom(
      logicalReplication(createConfig(bed, slot)).pipe(
        stopAtLsn(0x1000n),
        ackAfter(({ kind }) => void kinds.push(kind)),
        toArray(),
      ),
    );
    expect(kinds).toEqual(['copyBegin']);
    await waitForNoCopy(slot);
    expect(await slots(slot)).toEqual([]);
  });

  it('fails with the error of the work, and begins again with reconnect', async () => {
    const slot = uniqueName('slot');
    const store = new Store();
    let isFirst = true;
    const recorder = new Recorder(
      streamUnits(bed, slot).pipe(
        ackAfter((unit) => {
          store.apply(unit);
          if (unit.kind === 'copyBatch' && isFirst) {
            isFirst = false;
            throw new Error('disk full');
          }
        }),
        reconnect({ initialDelay: 10, retryable: () => true }),
      ),
    );
    await waitForStream(bed, slot);
    expect(store.begins).toBe(2);
    expect(store.rows('item')).toEqual(await bed.sql('SELECT * FROM item ORDER BY id'));
    recorder.unsubscribe();
    await bed.released(slot);
  });

  it.each([
    ['walsender', `pid = (SELECT active_pid FROM pg_replication_slots WHERE slot_name = $1)`],
    ['snapshot holder', `state = 'idle in transaction' AND query !~ '^COPY' AND $1 <> ''`],
    ['copying session', `query ~ '^COPY' AND $1 <> ''`],
  ])('begins again when its %s is terminated', async (_what, which) => {
    const slot = uniqueName('slot');
    const store = new Store();
    let terminated = 0;
    const recorder = new Recorder(
      streamUnits(bed, slot, { maxUnacked: 1 }).pipe(
        ackAfter(async (unit) => {
          store.apply(unit);
          if (unit.kind !== 'copyBatch' || terminated > 0) return;
          const pids = await bed.sql(
            `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND ${which}`,
            [`${slot}_copy`],
          );
          terminated = pids.length;
        }),
        reconnect({ initialDelay: 10 }),
      ),
    );
    await waitForStream(bed, slot);
    expect(terminated).toBe(1);
    expect(store.begins).toBe(2);
    expect(store.rows('item')).toEqual(await bed.sql('SELECT * FROM item ORDER BY id'));
    recorder.unsubscribe();
    await bed.released(slot);
  });
});
