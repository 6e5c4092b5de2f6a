import { map, tap } from 'rxjs';
import { ackAfter, transactions, type AnyReplicationMessage } from '../../lib/index';
import { startServer, type TestServer } from '../support/server';
import { TestBed, waitUntil, Gate, Recorder } from './support/bed';
import {
  insert,
  insertMany,
  formatUnit,
  prepare,
  readUnits,
  since15,
  TABLES,
  twoPhaseSlot,
  twoPhaseStream,
  findUnit,
  type Unit,
} from './support/two-phase';

// A separate server, because prepared transactions delay slot creation.
let server: TestServer;
let bed: TestBed;
const recorders = new Set<Recorder<unknown>>();

beforeAll(async () => {
  server = await startServer();
  bed = await TestBed.make('phases', TABLES, server);
});

afterEach(async () => {
  for (const recorder of recorders) recorder.unsubscribe();
  recorders.clear();
  for (const { gid } of await bed.sql<{ gid: string }>('SELECT gid FROM pg_prepared_xacts')) {
    await bed.sql(`ROLLBACK PREPARED '${gid}'`);
  }
  await bed.sql('TRUNCATE rows');
});

afterAll(() => server.dispose());

const there = (): TestBed => bed;

/** The values of a stream, which are not acknowledged yet. */
function record(slot: string): Recorder<Unit> {
  const recorder = new Recorder(twoPhaseStream(bed, slot).pipe(transactions<AnyReplicationMessage>()));
  recorders.add(recorder);
  return recorder;
}

since15(there, 'what is prepared comes before it is committed, and is acknowledged by itself', async () => {
  const slot = await twoPhaseSlot(bed);
  const recorder = record(slot);
  await bed.sql(prepare('one', insert(1, 2), 'UPDATE rows SET id = 3 WHERE id = 2'));
  const prepared = await findUnit(recorder, 'preparedTransaction');
  expect(prepared).toMatchObject({ gid: 'one', size: 3, origin: undefined, xid: expect.any(Number) });
  expect(prepared.changes).toMatchObject([
    { kind: 'insert', new: { id: 1 }, commitLsn: prepared.prepareLsn, ordinal: 0 },
    { kind: 'insert', new: { id: 2 }, ordinal: 1 },
    { kind: 'update', key: { id: 2 }, new: { id: 3 }, ordinal: 2 },
  ]);
  expect(Math.abs(prepared.prepareTime.getTime() - Date.now())).toBeLessThan(60_000);
  expect(prepared.checkpoint.endLsn).not.toBe('');
  const before = await bed.confirmed(slot);
  expect(before).toBeLessThanOrEqual(prepared.prepareLsn);
  prepared.ack();
  await bed.confirmedAtLeast(slot, prepared.endLsn);

  await bed.sql(insert(4));
  const between = await findUnit(recorder, 'transaction');
  await bed.sql(`COMMIT PREPARED 'one'`);
  const committed = await findUnit(recorder, 'commitPrepared');
  expect(committed).toMatchObject({ gid: 'one', xid: prepared.xid });
  expect(committed.commitLsn).toBeGreaterThanOrEqual(between.endLsn);
  expect(committed.commitTime.getTime()).toBeGreaterThanOrEqual(prepared.prepareTime.getTime());
  // In the order of arrival, whatever is acknowledged first.
  committed.ack();
  expect(await bed.confirmed(slot)).toBeLessThanOrEqual(between.commitLsn);
  between.ack();
  await bed.confirmedAtLeast(slot, committed.endLsn);

  await bed.sql(prepare('two', insert(5)));
  const second = await findUnit(recorder, 'preparedTransaction', 'two');
  await bed.sql(`ROLLBACK PREPARED 'two'`);
  const rolledBack = await findUnit(recorder, 'rollbackPrepared');
  expect(rolledBack).toMatchObject({ gid: 'two', xid: second.xid, prepareEndLsn: second.endLsn });
  expect(rolledBack.prepareTime).toEqual(second.prepareTime);
  expect(rolledBack.rollbackTime.getTime()).toBeGreaterThanOrEqual(second.prepareTime.getTime());
  second.ack();
  await bed.confirmedAtLeast(slot, second.endLsn);
  expect(await bed.confirmed(slot)).toBeLessThan(rolledBack.endLsn);
  rolledBack.ack();
  await bed.confirmedAtLeast(slot, rolledBack.endLsn);
});

since15(there, 'one that is not acknowledged comes again as a whole, one that is does not', async () => {
  const slot = await twoPhaseSlot(bed);
  const first = record(slot);
  await bed.sql(prepare('done', insert(1)));
  await bed.sql(prepare('undone', insert(2, 3)));
  const done = await findUnit(first, 'preparedTransaction', 'done');
  await findUnit(first, 'preparedTransaction', 'undone');
  done.ack();
  await bed.confirmedAtLeast(slot, done.endLsn);
  first.unsubscribe();
  await bed.released(slot);
  await bed.sql(`COMMIT PREPARED 'done'`);
  await bed.sql(`COMMIT PREPARED 'undone'`);
  const units = await readUnits(bed, slot, await bed.position());
  expect(units.map(formatUnit)).toEqual(['prepare undone: 2,3', 'commit done', 'commit undone']);
  expect(await readUnits(bed, slot, await bed.position())).toEqual([]);
});

since15(there, 'what was rolled back while nobody listened leaves nothing to be done', async () => {
  const slot = await twoPhaseSlot(bed);
  await bed.sql(prepare('gone', insert(1)));
  await bed.sql(`ROLLBACK PREPARED 'gone'`);
  await bed.sql(insert(2));
  const lines = (await readUnits(bed, slot, await bed.position())).map(formatUnit);
  expect(lines.at(-1)).toBe('2');
  // The server discards the changes when it notices the rollback, which is not guaranteed.
  expect(lines.slice(0, -1)).toEqual([expect.stringMatching(/^prepare gone: 1?$/), 'rollback gone']);
});

since15(there, 'a gid may be used again: the xid tells them apart', async () => {
  const slot = await twoPhaseSlot(bed);
  for (const id of [1, 2, 3]) {
    await bed.sql(prepare('same', insert(id)));
    await bed.sql(id === 2 ? `ROLLBACK PREPARED 'same'` : `COMMIT PREPARED 'same'`);
  }
  const units = await readUnits(bed, slot, await bed.position());
  const lines = [
    'prepare same: 1',
    'commit same',
    'prepare same: 2',
    'rollback same',
    'prepare same: 3',
    'commit same',
  ];
  expect(units.map(formatUnit)).toEqual(lines);
  const [first, , second, , third] = units.map(({ xid }) => xid);
  expect(units.map(({ xid }) => xid)).toEqual([first, first, second, second, third, third]);
  expect(new Set([first, second, third]).size).toBe(3);
});

since15(
  there,
  'a prepared transaction that changes nothing that is published comes, too, so that its end has a beginning',
  async () => {
    const slot = await twoPhaseSlot(bed);
    await bed.sql(prepare('empty', 'INSERT INTO unheard VALUES (1)'));
    await bed.sql(`COMMIT PREPARED 'empty'`);
    const units = await readUnits(bed, slot, await bed.position());
    expect(units.map(formatUnit)).toEqual(['prepare empty: ', 'commit empty']);
  },
);

since15(there, 'one that is held until it is committed does not stop what it is held for', async () => {
  const slot = await twoPhaseSlot(bed);
  const ends = new Map<string, Gate>();
  const gate = (gid: string): Gate => ends.get(gid) ?? ends.set(gid, new Gate()).get(gid)!;
  const done: string[] = [];
  const stream = twoPhaseStream(bed, slot, { maxUnacked: 1 }).pipe(
    transactions<AnyReplicationMessage>(),
    ackAfter(async (unit) => {
      if (unit.kind === 'preparedTransaction') await gate(unit.gid).opened;
      else if ('gid' in unit) gate(unit.gid).open();
      done.push(formatUnit(unit));
    }, 4),
  );
  const recorder = new Recorder(stream);
  recorders.add(recorder);
  for (const gid of ['a', 'b']) await bed.sql(prepare(gid, insert(gid.charCodeAt(0))));
  await bed.sql(insert(1));
  await waitUntil(
    () => Promise.resolve(done),
    (lines) => lines.includes('1'),
  );
  await bed.sql(`ROLLBACK PREPARED 'b'`);
  await bed.sql(`COMMIT PREPARED 'a'`);
  await waitUntil(
    () => Promise.resolve(done),
    (lines) => lines.length === 5,
  );
  expect([...done].sort()).toEqual(['1', 'commit a', 'prepare a: 97', 'prepare b: 98', 'rollback b']);
  await bed.confirmedAtLeast(slot, await bed.position());
});

describe('streamed', () => {
  since15(there, 'a large one comes in blocks, and is the same as one that does not', async () => {
    const modes = (['off', 'on', 'parallel'] as const).slice(0, server.version < 16 ? 2 : 3);
    const kinds = new Set<string>();
    const lives = [];
    for (const mode of modes) {
      const recorder = new Recorder(
        twoPhaseStream(bed, await twoPhaseSlot(bed), { mode }).pipe(
          tap(({ kind }) => kinds.add(`${mode} ${kind}`)),
          transactions<AnyReplicationMessage>({ maxBytes: 10_000 }),
          map((unit) => contentOf(unit)),
        ),
      );
      recorders.add(recorder);
      lives.push(recorder);
    }
    const client = await bed.database.client();
    await client.query('BEGIN');
    await client.query(insertMany(1));
    await client.query('SAVEPOINT s');
    await client.query(insertMany(1001));
    await bed.sql('INSERT INTO unheard VALUES (1)');
    await client.query('ROLLBACK TO s');
    await client.query(insertMany(2001));
    await client.query(`PREPARE TRANSACTION 'large'`);
    await bed.sql(insert(-1));
    await bed.sql(`COMMIT PREPARED 'large'`);
    await bed.sql(prepare('other', insertMany(3001)));
    // Otherwise the server might notice the rollback and omit the changes.
    for (const live of lives) await live.take(4);
    await bed.sql(`ROLLBACK PREPARED 'other'`);
    await bed.sql(insertMany(4001));

    const [whole, ...streamed] = await Promise.all(lives.map((live) => live.take(6)));
    expect(whole?.map(({ kind, size }) => [kind, size])).toEqual([
      ['preparedTransaction', 800],
      ['transaction', 1],
      ['commitPrepared', undefined],
      ['preparedTransaction', 400],
      ['rollbackPrepared', undefined],
      ['transaction', 400],
    ]);
    for (const units of streamed) expect(units).toStrictEqual(whole);
    expect([...kinds].filter((kind) => kind.endsWith('streamPrepare')).sort()).toEqual(
      modes.slice(1).map((mode) => `${mode} streamPrepare`),
    );
  });
});

function contentOf(unit: Unit) {
  const { slot, ...checkpoint } = unit.checkpoint;
  const changes = 'changes' in unit ? [...unit] : [];
  return { size: undefined, ...unit, changes, checkpoint };
}
