import { firstValueFrom, take, tap, toArray } from 'rxjs';
import { ackAfter, logicalReplication, preflight, type CopyBeginMessage, type StreamConfig } from '../../../lib/index';
import { uniqueName } from '../../support/server';
import { Recorder, TestBed, waitUntil } from '../support/bed';
import { createConfig, Store, streamUnits, waitForStream, type Unit } from './support';

let bed: TestBed;

beforeAll(async () => {
  bed = await TestBed.make(
    'copy',
    `CREATE TYPE mood AS ENUM ('sad', 'ok');
     CREATE DOMAIN positive AS int CHECK (VALUE > 0);
     CREATE TABLE item (id int PRIMARY KEY, name text, at timestamptz, tags text[], data jsonb, raw bytea, price numeric,
       feeling mood, feelings mood[], count positive);
     CREATE TABLE "Odd ""Name" (id bigint PRIMARY KEY, "__proto__" text, "a b" text);
     CREATE TABLE empty (id int PRIMARY KEY);
     INSERT INTO item SELECT i,
       CASE i % 5 WHEN 0 THEN NULL WHEN 1 THEN E'tab\\t \\\\ line\\n \\\\N \\r\\b\\f\\x0b' WHEN 2 THEN '' WHEN 3 THEN '\\N' ELSE 'näme ' || i END,
       '2026-01-01'::timestamptz + i * interval '1 s', ARRAY['a' || i, NULL, 'q"\\', E'\\n'],
       jsonb_build_object('i', i, 's', E'\\\\'), decode(lpad(to_hex(i), 8, '0'), 'hex'), i / 3.0, 'ok', '{sad,ok}', i
       FROM generate_series(1, 3000) i;
     INSERT INTO "Odd ""Name" SELECT i, repeat('x', i % 100), i FROM generate_series(1, 700) i;
     CREATE PUBLICATION pub FOR TABLE item, "Odd ""Name", empty;`,
  );
});

afterAll(() => bed.drop());

/** The rows as pg reads them, except arrays of enums, which are text there. */
const selectItems = async () =>
  (await bed.sql<{ feelings: string | null }>('SELECT * FROM item ORDER BY id')).map((row) => ({
    ...row,
    feelings: row.feelings === null ? null : ['sad', 'ok'],
  }));

/** Applies a copy to a store, up to its end. */
async function copyInto(store: Store, units = streamUnits(bed, uniqueName('slot'))): Promise<Unit[]> {
  const seen: Unit[] = [];
  const recorder = new Recorder(
    units.pipe(
      tap((unit) => seen.push(unit)),
      ackAfter((unit) => store.apply(unit)),
    ),
  );
  await waitUntil(
    () => Promise.resolve(store.ends),
    (ends) => ends === 1,
  );
  recorder.unsubscribe();
  return seen;
}

describe('copy', () => {
  it('delivers begin, the rows of all tables, and end, then the changes', async () => {
    const slot = uniqueName('slot');
    const store = new Store();
    const kinds: string[] = [];
    const recorder = new Recorder(
      streamUnits(bed, slot).pipe(
        tap(({ kind }) => {
          if (kinds.at(-1) !== kind) kinds.push(kind);
        }),
        ackAfter((unit) => store.apply(unit)),
      ),
    );
    await waitForStream(bed, slot);
    await bed.sql(`INSERT INTO item (id, name) VALUES (100001, 'after')`);
    await waitUntil(
      () => Promise.resolve(store.rows('item').length),
      (count) => count === 3001,
    );
    expect(kinds).toEqual(['copyBegin', 'copyBatch', 'copyEnd', 'transaction']);
    expect(store.rows('item')).toEqual(await selectItems());
    await bed.sql('DELETE FROM item WHERE id = 100001');
    recorder.unsubscribe();
    await bed.released(slot);
    expect(await bed.sql('SELECT FROM pg_replication_slots WHERE slot_name = $1', [`${slot}_copy`])).toEqual([]);
  });

  it('delivers the values of pg, whatever they contain', async () => {
    const store = new Store();
    await copyInto(store);
    expect(store.rows('item')).toEqual(await selectItems());
    expect(store.rows('"Odd ""Name"')).toHaveLength(700);
    const [odd] = store.rows('"Odd ""Name"');
    expect(Object.getOwnPropertyDescriptor(odd, '__proto__')?.value).toBe('x');
    expect(store.rows('empty')).toEqual([]);
  });

  it('names tables and their sizes, and counts rows and bytes', async () => {
    await bed.sql('ANALYZE item');
    const store = new Store();
    const seen = await copyInto(store);
    const begin = seen[0] as CopyBeginMessage;
    expect(begin.tables.map(({ table }) => table).sort()).toEqual(['"Odd ""Name"', 'empty', 'item']);
    const item = begin.tables.find(({ table }) => table === 'item');
    expect(item).toMatchObject({ schema: 'public', name: 'item', estimatedRows: 3000 });
    expect(item?.estimatedBytes).toBeGreaterThan(100_000);
    const batches = seen.flatMap((unit) => (unit.kind === 'copyBatch' && unit.table === 'item' ? [unit] : []));
    expect(batches.map(({ rows }) => rows).at(-1)).toBe(3000);
    expect(batches.reduce((sum, { size }) => sum + size, 0)).toBe(3000);
    expect(seen.at(-1)).toMatchObject({ kind: 'copyEnd', rows: 3700, consistentPoint: begin.consistentPoint });
    for (const batch of batches) for (const change of batch) expect(change.commitLsn).toBe(begin.consistentPoint - 1n);
  });

  it('copies several tables at once', async () => {
    const store = new Store();
    await copyInto(store, streamUnits(bed, uniqueName('slot'), {}, { concurrency: 3 }));
    expect(store.rows('item')).toHaveLength(3000);
    expect(store.rows('"Odd ""Name"')).toHaveLength(700);
  });

  it('delivers messages one by one without transactions()', async () => {
    const messages = await firstValueFrom(
      logicalReplication(createConfig(bed, uniqueName('slot'), { maxUnacked: 3 })).pipe(
        tap((message) => message.ack()),
        take(3706),
        toArray(),
      ),
    );
    const kinds = new Map<string, number>();
    for (const { kind } of messages) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    expect(kinds.get('insert')).toBe(3700);
    expect(messages[0]?.kind).toBe('copyBegin');
  });

  it('delivers no row before begin is acknowledged, and no end before the rows are', async () => {
    const slot = uniqueName('slot');
    const recorder = new Recorder(streamUnits(bed, slot, { maxUnacked: 100 }));
    const begin = await recorder.find(({ kind }) => kind === 'copyBegin');
    await waitUntil(
      () => bed.sql('SELECT FROM pg_replication_slots WHERE slot_name = $1', [`${slot}_copy`]),
      (rows) => rows.length === 1,
    );
    expect(recorder.values.map(({ kind }) => kind)).toEqual(['copyBegin']);
    begin.ack();
    await waitUntil(
      () =>
        Promise.resolve(
          recorder.values
            .filter(({ kind }) => kind === 'copyBatch')
            .reduce((sum, unit) => sum + ('size' in unit ? unit.size : 0), 0),
        ),
      (rows) => rows === 3700,
    );
    expect(recorder.values.some(({ kind }) => kind === 'copyEnd')).toBe(false);
    for (const unit of recorder.values) unit.ack();
    await recorder.find(({ kind }) => kind === 'copyEnd');
    // The slot is not made before the end is acknowledged.
    expect(await bed.sql('SELECT FROM pg_replication_slots WHERE slot_name = $1', [slot])).toEqual([]);
    recorder.unsubscribe();
  });

  it('needs no slot, for preflight', async () => {
    const slot = uniqueName('slot');
    const codes = async (config: StreamConfig) => (await firstValueFrom(preflight(config))).map(({ code }) => code);
    expect(await codes(bed.config(slot))).toContain('SLOT_MISSING');
    expect(await codes(createConfig(bed, slot))).not.toContain('SLOT_MISSING');
  });
});
