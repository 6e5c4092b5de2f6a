import { firstValueFrom } from 'rxjs';
import { preflight, type InsertMessage, type PgoutputConfig } from '../../lib/index';
import { read, STREAMED } from './support/streamed';
import { TestBed, ofKind } from './support/bed';

/** Too long for a page. */
const LONG = `(SELECT string_agg(md5(i::text), '') FROM generate_series(1, 300) AS i)`;
const TABLE =
  'CREATE TABLE t (id int PRIMARY KEY, n int, body text NOT NULL); ALTER TABLE t ALTER body SET STORAGE EXTERNAL';
const FILLED = `INSERT INTO t (id, body) VALUES (1, ${LONG})`;
const PUBLISHED = 'CREATE PUBLICATION p FOR TABLE t';
const FILTERED = `${PUBLISHED} WHERE (id > 10)`;
const FULL = 'ALTER TABLE t REPLICA IDENTITY FULL';
const ROOT = 'WITH (publish_via_partition_root = true)';

let bed: TestBed;
let version: number;
let long: string;

beforeAll(async () => {
  bed = await TestBed.make('row_filters', 'SELECT 1');
  version = bed.server.version;
  [{ long } = { long: '' }] = await bed.sql<{ long: string }>(`SELECT ${LONG} AS long`);
});

afterAll(() => bed.drop());

beforeEach(() =>
  bed.sql(`
    SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database();
    DO $$ DECLARE p name; BEGIN
      FOR p IN SELECT pubname FROM pg_publication LOOP EXECUTE format('DROP PUBLICATION %I', p); END LOOP;
    END $$;
    DROP SCHEMA IF EXISTS other CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public;`),
);

async function publications(): Promise<string[]> {
  const rows = await bed.sql<{ pubname: string }>('SELECT pubname FROM pg_publication ORDER BY 1');
  return rows.map(({ pubname }) => pubname);
}

/** The message of an UPDATE that moves a row into the filter. */
async function moved(more: Partial<PgoutputConfig> = {}): Promise<InsertMessage | undefined> {
  const messages = await bed.messagesOf(() => bed.sql('UPDATE t SET id = 11'), {
    publications: await publications(),
    ...more,
  });
  const [insert] = ofKind(messages, 'insert');
  return insert;
}

// Row filters exist from 15 on.
const from15 = (name: string, work: () => Promise<void>): void => {
  it(name, async () => {
    if (version >= 15) return work();
    await bed.sql(TABLE);
    await expect(bed.sql(FILTERED)).rejects.toThrow(/syntax error/);
  });
};

describe('an INSERT that a row filter makes from an UPDATE', () => {
  for (const binary of [false, true]) {
    from15(`names what it lacks, ${binary ? 'in binary' : 'in text'}`, async () => {
      await bed.sql(`${TABLE}; ${FILLED}; ${FILTERED}`);
      const insert = await moved({ binary });
      expect(insert?.new).toStrictEqual({ id: 11, n: null });
      expect(insert?.unchanged).toStrictEqual(['body']);
      expect(JSON.parse(JSON.stringify(insert))).toMatchObject({ new: { id: 11, n: null }, unchanged: ['body'] });
    });
  }

  from15('names it in a transaction that was streamed, too', async () => {
    await bed.sql(
      `CREATE TABLE t (id int PRIMARY KEY, pad text, body text); ALTER TABLE t ALTER body SET STORAGE EXTERNAL; ${FILTERED};
       INSERT INTO t SELECT -i, repeat('x', 100), ${LONG} FROM generate_series(1, 1000) AS i`,
    );
    const slot = await bed.slot();
    await bed.sql('UPDATE t SET id = 1011 + id');
    const { transactions, counts } = await read(bed, slot, STREAMED, await bed.position(), {
      config: { publications: ['p'] },
    });
    expect(counts).toMatchObject({ streamCommit: 1 });
    const inserts = transactions.flatMap(({ changes }) => changes.map((one) => one.kind === 'insert' && one.unchanged));
    expect(inserts).toStrictEqual(Array.from({ length: 1000 }, () => ['body']));
  });

  from15('is whole under REPLICA IDENTITY FULL', async () => {
    await bed.sql(`${TABLE}; ${FULL}; ${FILLED}; ${FILTERED}`);
    const insert = await moved();
    expect(insert?.new).toStrictEqual({ id: 11, n: null, body: long });
    expect(insert?.unchanged).toStrictEqual([]);
  });

  from15('is no drift of a table of which all columns are expected', async () => {
    await bed.sql(`${TABLE}; ${FILLED}; ${FILTERED}`);
    const insert = await moved({ expectTables: { t: { id: 'int', n: 'int', body: 'text' } } });
    expect(insert?.unchanged).toStrictEqual(['body']);
  });
});

it('a DELETE lacks no column, whatever the identity', async () => {
  const filter = version >= 15 ? 'WHERE (id > 10)' : '';
  await bed.sql(`${TABLE}; CREATE TABLE f (LIKE t INCLUDING ALL); ALTER TABLE f REPLICA IDENTITY FULL;
    CREATE PUBLICATION p FOR TABLE t ${filter}, f ${filter};
    INSERT INTO t VALUES (11, 1, ${LONG}), (12, 1, ${LONG}); INSERT INTO f SELECT * FROM t`);
  const messages = await bed.messagesOf(
    () => bed.sql('UPDATE t SET id = 1 WHERE id = 11; UPDATE f SET id = 1 WHERE id = 11; DELETE FROM t; DELETE FROM f'),
    { publications: ['p'] },
  );
  const deletes = ofKind(messages, 'delete').map(({ table, key, old }) => ({ table, ...(key ?? old) }));
  const old = { table: 'f', n: 1, body: long };
  // Before 15, without a filter, the move is an UPDATE, and a DELETE follows.
  const [first, second] = version >= 15 ? [11, 12] : [12, 1];
  expect(deletes).toHaveLength(4);
  expect(deletes).toEqual(
    expect.arrayContaining([
      { table: 't', id: first },
      { ...old, id: first },
      { table: 't', id: second },
      { ...old, id: second },
    ]),
  );
});

it('an UPDATE includes a key that is stored out of line, even if the key is unchanged', async () => {
  await bed.sql(`CREATE TABLE t (id int, name text, n int, body text, PRIMARY KEY (id, name)); CREATE PUBLICATION p FOR TABLE t;
    ALTER TABLE t ALTER name SET STORAGE EXTERNAL, ALTER body SET STORAGE EXTERNAL`);
  const name = long.slice(0, 2500);
  await bed.sql('INSERT INTO t VALUES (1, $1, 1, $2)', [name, long]);
  for (const binary of [false, true]) {
    const messages = await bed.messagesOf(() => bed.sql('UPDATE t SET n = n + 1'), { publications: ['p'], binary });
    const [update] = ofKind(messages, 'update');
    expect(update).toMatchObject({ new: { id: 1, name }, key: { id: 1, name }, unchanged: ['body'] });
  }
});

describe('preflight', () => {
  const PARTITIONED = `CREATE TABLE t (id int NOT NULL, n int, body text) PARTITION BY LIST (n);
    CREATE TABLE first (body text, x int, n int, id int PRIMARY KEY); ALTER TABLE first DROP COLUMN x;
    ALTER TABLE first ALTER body SET STORAGE EXTERNAL; ALTER TABLE t ATTACH PARTITION first FOR VALUES IN (1);
    INSERT INTO t VALUES (1, 1, ${LONG})`;
  const GENERATED = `CREATE TABLE t (id int PRIMARY KEY, g text GENERATED ALWAYS AS (body) STORED, body text);
    ALTER TABLE t ALTER g SET STORAGE EXTERNAL, ALTER body SET STORAGE PLAIN`;

  it.each<[what: string, since: number, setup: string[], columns: string[]]>([
    ['without a row filter', 14, [TABLE, FILLED, PUBLISHED], []],
    ['with a row filter', 15, [TABLE, FILLED, FILTERED], ['t.body']],
    ['with a row filter, of identity full', 15, [TABLE, FULL, FILLED, FILTERED], []],
    [
      'with one, of which updates alone are published',
      15,
      [TABLE, FILLED, `${FILTERED} WITH (publish = update)`],
      ['t.body'],
    ],
    [
      'with one, of which updates are not published',
      15,
      [TABLE, FILLED, `${FILTERED} WITH (publish = 'insert, delete')`],
      [],
    ],
    ['with a row filter that uses no column', 15, [TABLE, FILLED, `${PUBLISHED} WHERE (1 < 2)`], []],
    ['with a row filter and a column list', 15, [TABLE, FILLED, `${PUBLISHED} (id, body) WHERE (id > 10)`], ['t.body']],
    [
      'with a row filter and a column list without the column',
      15,
      [TABLE, FILLED, `${PUBLISHED} (id, n) WHERE (id > 10)`],
      [],
    ],
    [
      'that another publication sends without one',
      15,
      [TABLE, FILLED, FILTERED, 'CREATE PUBLICATION q FOR ALL TABLES'],
      [],
    ],
    [
      'of which another publication sends inserts without one',
      15,
      [TABLE, FILLED, FILTERED, 'CREATE PUBLICATION q FOR ALL TABLES WITH (publish = insert)'],
      ['t.body'],
    ],
    [
      'with one, in a schema that the same publication sends',
      15,
      [TABLE, FILLED, 'CREATE PUBLICATION p FOR TABLE t WHERE (id > 10), TABLES IN SCHEMA public'],
      [],
    ],
    [
      'whose key may be stored out of line',
      15,
      [
        `CREATE TABLE t (id int, name text, PRIMARY KEY (id, name)); ALTER TABLE t ALTER name SET STORAGE EXTERNAL`,
        `INSERT INTO t VALUES (1, left(${LONG}, 2500))`,
        FILTERED,
      ],
      [],
    ],
    [
      'whose values may be moved out of line as a last resort',
      15,
      [
        'CREATE TABLE t (id int PRIMARY KEY, body text)',
        'ALTER TABLE t ALTER body SET STORAGE MAIN',
        `INSERT INTO t VALUES (1, ${LONG.replace('300', '2000')})`,
        FILTERED,
      ],
      ['t.body'],
    ],
    [
      'whose values stay in line',
      15,
      [
        'CREATE TABLE t (id int PRIMARY KEY, body text); ALTER TABLE t ALTER body SET STORAGE PLAIN',
        "INSERT INTO t VALUES (1, 'x')",
        FILTERED,
      ],
      [],
    ],
    [
      'whose values are short',
      15,
      [
        'CREATE TABLE t (id int PRIMARY KEY, a varchar(5), b char(5), c numeric(29, 2), d inet, e cidr, body text)',
        'ALTER TABLE t ALTER body SET STORAGE PLAIN',
        'INSERT INTO t VALUES (1)',
        FILTERED,
      ],
      [],
    ],
    [
      'whose rows are short',
      15,
      [
        'CREATE TABLE t (id int PRIMARY KEY, name varchar(100), price numeric(10, 2))',
        'INSERT INTO t VALUES (1)',
        FILTERED,
      ],
      [],
    ],
    ['in a partition', 15, [PARTITIONED, FILTERED.replace('TABLE t', 'TABLE first')], ['first.body']],
    ['in partitions, filtered as their root', 15, [PARTITIONED, `${FILTERED} ${ROOT}`], ['first.body']],
    [
      'in partitions, filtered as their root, with a list',
      15,
      [PARTITIONED, `${PUBLISHED} (id, n) WHERE (id > 10) ${ROOT}`],
      [],
    ],
    ['with a generated column that is not published', 15, [GENERATED, 'INSERT INTO t VALUES (1)', FILTERED], []],
    [
      'with a generated column that is published',
      18,
      [
        GENERATED.replace(', ALTER body SET STORAGE PLAIN', ''),
        FILLED,
        `${FILTERED} WITH (publish_generated_columns = stored)`,
      ],
      ['t.body', 't.g'],
    ],
    [
      'with a generated column in the list',
      18,
      [GENERATED.replace(', ALTER body SET STORAGE PLAIN', ''), FILLED, `${PUBLISHED} (id, g) WHERE (id > 10)`],
      ['t.g'],
    ],
  ])('reports what an insert may lack: %s', async (_, since, setup, columns) => {
    if (version < since) {
      await expect(bed.sql(setup.join('; '))).rejects.toThrow(
        /syntax error|unrecognized publication parameter|generated column/,
      );
      return;
    }
    for (const statement of setup) await bed.sql(statement);
    const slot = await bed.slot();
    const config = bed.config(slot, { publications: await publications() });
    const found = await firstValueFrom(preflight(config));
    const names = columns.map((column) => `"${column}"`).join(', ');
    expect(found).toEqual(
      columns.length === 0
        ? []
        : [
            {
              code: 'ROW_FILTER_OMITS_TOAST',
              severity: 'warning',
              message: `An UPDATE that moves a row into a row filter is sent as an INSERT, without values that are stored out of line and that it does not change, of ${names}.`,
              remedy: expect.stringContaining('REPLICA IDENTITY FULL'),
            },
          ],
    );
    const insert = await moved();
    const lacking = [...(insert?.unchanged ?? [])];
    expect(lacking.sort()).toEqual(columns.map((column) => column.replace(/^.*\./, '')));
  });

  from15('has a remedy that helps', async () => {
    await bed.sql(`${TABLE}; ${FILLED}; ${FILTERED}`);
    await bed.sql(FULL);
    const slot = await bed.slot();
    expect(await firstValueFrom(preflight(bed.config(slot, { publications: ['p'] })))).toEqual([]);
    expect((await moved())?.new).toMatchObject({ body: long });
  });
});
