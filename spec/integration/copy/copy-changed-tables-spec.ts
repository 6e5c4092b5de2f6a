import { ackAfter, reconnect, type ReconnectAttempt } from '../../../lib/index';
import { uniqueName } from '../../support/server';
import { waitForFailure } from '../support/life';
import { Recorder, TestBed } from '../support/bed';
import { Store, streamUnits, waitForStream } from './support';

const SETUP = `CREATE TABLE item (id int PRIMARY KEY, a text, b text);
  CREATE TABLE other (id int PRIMARY KEY, a text, b text);
  INSERT INTO item SELECT i, 'a' || i, 'b' || i FROM generate_series(1, 50) i;
  INSERT INTO other VALUES (1, 'oa', 'ob');
  CREATE PUBLICATION pub FOR TABLE item, other;`;

/** What changes between the snapshot and the copy, and makes an older snapshot show other rows. */
const DANGEROUS: readonly (readonly [what: string, sql: string])[] = [
  ['a rewrite by ALTER TYPE', `ALTER TABLE item ALTER a TYPE varchar(20) USING a || '!'`],
  ['TRUNCATE and new rows', `TRUNCATE item; INSERT INTO item VALUES (7, 'new', 'new')`],
  ['a column with a volatile default', 'ALTER TABLE item ADD COLUMN c float8 DEFAULT random()'],
  [
    'columns that exchange their names',
    'ALTER TABLE item RENAME a TO x; ALTER TABLE item RENAME b TO a; ALTER TABLE item RENAME x TO b',
  ],
  [
    'tables that exchange their names',
    'ALTER TABLE item RENAME TO x; ALTER TABLE other RENAME TO item; ALTER TABLE x RENAME TO other',
  ],
  ['a dropped column', 'ALTER TABLE item DROP COLUMN b'],
  ['a renamed table', 'ALTER TABLE item RENAME TO renamed'],
  ['row-level security', 'ALTER TABLE item ENABLE ROW LEVEL SECURITY'],
  ['a dropped table', 'DROP TABLE item'],
];

describe('a copy notices', () => {
  it.each(DANGEROUS)('%s after its snapshot, and begins again', async (_what, sql) => {
    const bed = await TestBed.make('copy_changed', SETUP);
    try {
      const slot = uniqueName('slot');
      const store = new Store();
      const attempts: ReconnectAttempt[] = [];
      const recorder = new Recorder(
        streamUnits(bed, slot).pipe(
          ackAfter(async (unit) => {
            store.apply(unit);
            if (unit.kind === 'copyBegin' && store.begins === 1) await bed.sql(sql);
          }),
          reconnect({ initialDelay: 10, attemptObserver: { next: (attempt) => attempts.push(attempt) } }),
        ),
      );
      await waitForStream(bed, slot);
      expect(attempts.map(({ error }) => (error as { code?: unknown }).code)).toContain('TABLE_CHANGED');
      for (const table of store.tables.keys())
        expect({ table, rows: store.rows(table) }).toEqual({
          table,
          rows: await bed.sql(`SELECT * FROM ${table} ORDER BY id`),
        });
      expect(store.tables.size).toBeGreaterThan(0);
      recorder.unsubscribe();
      await bed.released(slot);
    } finally {
      await bed.drop();
    }
  });

  it('row-level security that hides rows from it', async () => {
    const bed = await TestBed.make('copy_rls', SETUP);
    const role = uniqueName('reader');
    try {
      await bed.sql(
        `CREATE ROLE ${role} LOGIN REPLICATION PASSWORD 'secret'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role};
         ALTER TABLE item ENABLE ROW LEVEL SECURITY; CREATE POLICY few ON item USING (id < 5)`,
      );
      const url = new URL(bed.database.url);
      url.username = role;
      url.password = 'secret';
      const units = streamUnits(bed, uniqueName('slot'), { connection: url.href }).pipe(ackAfter(() => undefined));
      expect(await waitForFailure(units)).toMatchObject({ sqlState: '42501' });
    } finally {
      await bed.sql(`DROP OWNED BY ${role}; DROP ROLE ${role}`).catch(() => undefined);
      await bed.drop();
    }
  });
});
