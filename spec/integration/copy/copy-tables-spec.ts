import { ackAfter } from '../../../lib/index';
import { runServer, uniqueName } from '../../support/server';
import { Recorder, TestBed } from '../support/bed';
import { Store, streamUnits, waitForStream } from './support';

/** Copies a database of its own, then commits, and compares with what the server has. */
async function copyOf(
  since: number,
  setup: string,
  check: (store: Store, bed: TestBed) => Promise<void> | void,
  changes?: string,
): Promise<void> {
  const server = await runServer();
  if (server.version < since) {
    const bed = await TestBed.make('copy_tables', 'SELECT 1');
    await expect(bed.sql(setup)).rejects.toThrow(/syntax error|unrecognized publication parameter/);
    await bed.drop();
    return;
  }
  const bed = await TestBed.make('copy_tables', setup);
  try {
    const slot = uniqueName('slot');
    const store = new Store();
    const recorder = new Recorder(streamUnits(bed, slot).pipe(ackAfter((unit) => store.apply(unit))));
    await waitForStream(bed, slot);
    expect(store.ends).toBe(1);
    if (changes !== undefined) {
      await bed.sql(changes);
      await bed.confirmedAtLeast(slot, await bed.position());
    }
    await check(store, bed);
    recorder.unsubscribe();
    await bed.released(slot);
  } finally {
    await bed.drop();
  }
}

const ids = (store: Store, table: string) => store.rows(table).map((row) => row['id']);

describe('copy of', () => {
  it('partitions delivers rows under their own names', () =>
    copyOf(
      14,
      `CREATE TABLE part (id int, note text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
       CREATE TABLE part_low PARTITION OF part FOR VALUES FROM (0) TO (10);
       CREATE TABLE part_high PARTITION OF part FOR VALUES FROM (10) TO (20);
       INSERT INTO part SELECT i, 'n' FROM generate_series(8, 12) i;
       CREATE PUBLICATION pub FOR TABLE part;`,
      (store) => {
        expect(ids(store, 'part_low')).toEqual([8, 9]);
        expect(ids(store, 'part_high')).toEqual([10, 11, 12, 13]);
      },
      `INSERT INTO part VALUES (13, 'after')`,
    ));

  it('partitions delivers rows under the name of the root, on several levels', () =>
    copyOf(
      14,
      `CREATE TABLE part (id int, note text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
       CREATE TABLE part_low (note text, id int NOT NULL);
       ALTER TABLE part ATTACH PARTITION part_low FOR VALUES FROM (0) TO (10);
       CREATE TABLE part_high PARTITION OF part FOR VALUES FROM (10) TO (30) PARTITION BY RANGE (id);
       CREATE TABLE part_high_1 PARTITION OF part_high FOR VALUES FROM (10) TO (20);
       CREATE TABLE part_high_2 PARTITION OF part_high FOR VALUES FROM (20) TO (30);
       INSERT INTO part SELECT i, 'n' || i FROM generate_series(8, 22) i;
       CREATE PUBLICATION pub FOR TABLE part WITH (publish_via_partition_root = true);`,
      async (store, bed) => {
        expect([...store.tables.keys()]).toEqual(['part']);
        expect(store.rows('part')).toEqual(await bed.sql('SELECT * FROM part ORDER BY id'));
      },
      `INSERT INTO part VALUES (25, 'after'); DELETE FROM part WHERE id = 9`,
    ));

  it('a table with inheritance delivers each row once', () =>
    copyOf(
      14,
      `CREATE TABLE parent (id int PRIMARY KEY);
       CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent);
       INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2);
       CREATE PUBLICATION pub FOR TABLE parent, child;`,
      (store) => {
        expect(ids(store, 'parent')).toEqual([1]);
        expect(ids(store, 'child')).toEqual([2]);
      },
    ));

  it('all tables delivers names with capitals, quotes and other schemas', () =>
    copyOf(
      14,
      `CREATE SCHEMA "My.Schema";
       CREATE TABLE "My.Schema"."T""x" (id int PRIMARY KEY, "select" text);
       CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY);
       CREATE TABLE dropped (id int PRIMARY KEY, gone int, kept text);
       ALTER TABLE dropped DROP COLUMN gone;
       INSERT INTO "My.Schema"."T""x" VALUES (1, 'a'); INSERT INTO unlogged VALUES (1); INSERT INTO dropped VALUES (1, 'b');
       CREATE PUBLICATION pub FOR ALL TABLES;`,
      (store) => {
        expect(store.rows('"My.Schema"."T""x"')).toEqual([{ id: 1, select: 'a' }]);
        expect(store.rows('dropped')).toEqual([{ id: 1, kept: 'b' }]);
        expect(store.tables.has('unlogged')).toBe(false);
      },
    ));

  it('rows that a row filter publishes, those of several filters together', () =>
    copyOf(
      15,
      `CREATE TABLE item (id int PRIMARY KEY, name text);
       INSERT INTO item SELECT i, chr(96 + i) FROM generate_series(1, 9) i;
       CREATE PUBLICATION pub FOR TABLE item WHERE (id < 3 OR name = 'e')`,
      (store) => {
        expect(ids(store, 'item')).toEqual([1, 2, 5]);
      },
    ));

  it('columns that a column list publishes', () =>
    copyOf(
      15,
      `CREATE TABLE item (id int PRIMARY KEY, secret text, name text);
       INSERT INTO item VALUES (1, 's', 'n');
       CREATE PUBLICATION pub FOR TABLE item (name, id)`,
      (store) => {
        expect(store.rows('item')).toEqual([
          { id: 1, name: 'n' },
          { id: 2, name: 'after' },
        ]);
      },
      `INSERT INTO item VALUES (2, 's', 'after')`,
    ));

  it('generated columns that the publication publishes, and no others', () =>
    copyOf(
      18,
      `CREATE TABLE item (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED);
       CREATE TABLE plain (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) VIRTUAL);
       INSERT INTO item VALUES (1); INSERT INTO plain VALUES (1);
       CREATE PUBLICATION pub FOR TABLE item, plain WITH (publish_generated_columns = stored)`,
      (store) => {
        expect(store.rows('item')).toEqual([
          { id: 1, twice: 2 },
          { id: 3, twice: 6 },
        ]);
        expect(store.rows('plain')).toEqual([{ id: 1 }]);
      },
      'INSERT INTO item VALUES (3)',
    ));

  it('a table that is published alone and through a schema delivers all its rows', () =>
    copyOf(
      15,
      `CREATE TABLE item (id int PRIMARY KEY, name text);
       INSERT INTO item SELECT i, 'n' FROM generate_series(1, 4) i;
       CREATE PUBLICATION pub FOR TABLES IN SCHEMA public, TABLE item WHERE (id < 3)`,
      (store) => {
        expect(ids(store, 'item')).toEqual([1, 2, 3, 4]);
      },
    ));
});
