import { firstValueFrom, toArray } from 'rxjs';
import {
  alterPublication,
  createPublication,
  dropPublication,
  preflight,
  publications,
  publicationStatus,
  type CreatePublicationConfig,
  type PublicationStatus,
  type ReplicationError,
} from '../../lib/index';
import { uniqueName } from '../support/server';
import { waitForFailure, expectNoSocketLeft, marked, waitForNoBackends } from './support/life';
import { TestBed, ofKind } from './support/bed';

const TABLES = `
  CREATE TABLE users (id int PRIMARY KEY, name text, "No." int);
  CREATE SCHEMA billing;
  CREATE TABLE billing.invoices (id int PRIMARY KEY, total numeric, tax numeric GENERATED ALWAYS AS (total * 0.2) STORED);
  CREATE TABLE billing.items (id int PRIMARY KEY);
  CREATE SCHEMA "My.Own";
  CREATE TABLE "My.Own"."It's ""so""\\" (id int PRIMARY KEY);
  CREATE TABLE "a.b" (id int PRIMARY KEY);
  CREATE TABLE measures (at date PRIMARY KEY) PARTITION BY RANGE (at);
  CREATE TABLE measures_2026 PARTITION OF measures FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
  CREATE VIEW few_users AS SELECT * FROM users;
  CREATE UNLOGGED TABLE scratch (id int PRIMARY KEY);
  CREATE ROLE nobody_PREFIX LOGIN REPLICATION;`;

let bed: TestBed;
let version: number;
let nobody: string;
let owner: string;

beforeAll(async () => {
  const prefix = uniqueName('p');
  nobody = `nobody_${prefix}`;
  bed = await TestBed.make('publications', TABLES.replace('PREFIX', prefix));
  version = bed.server.version;
  owner = (await bed.sql<{ owner: string }>('SELECT current_user AS owner'))[0]!.owner;
});

afterAll(async () => {
  await bed.drop();
  await bed.server.query(`DROP ROLE ${nobody}`);
});

const connection = () => ({ connection: bed.database.url });
const whole = { where: undefined };
const everything = ['insert', 'update', 'delete', 'truncate'];

/** Creates a publication with any name, and reads it. */
async function made(config: Omit<CreatePublicationConfig, 'name' | 'connection'>): Promise<PublicationStatus> {
  const name = uniqueName('pub');
  expect(await firstValueFrom(createPublication({ ...connection(), name, ...config }))).toBe(name);
  return (await firstValueFrom(publicationStatus({ ...connection(), name })))!;
}

/** The name of a table in messages. */
const ODD = `"My.Own"."It's ""so""\\"`;

const getErrorCode = async (config: Partial<CreatePublicationConfig>) => {
  const error = await waitForFailure(createPublication({ ...connection(), name: uniqueName('pub'), ...config }));
  return [error.code, error.message];
};

describe('createPublication', () => {
  it('publishes tables with any names', async () => {
    const name = `It's "the", ${uniqueName('Pub')}\\`;
    const marks = marked(bed.database.url);
    const { connection: named } = marks;
    const tables = ['users', 'billing.invoices', { schema: 'My.Own', name: `It's "so"\\` }, '"a.b"'];
    const emitted = await expectNoSocketLeft(() =>
      firstValueFrom(createPublication({ connection: named, name, tables }).pipe(toArray())),
    );
    expect(emitted).toEqual([name]);
    await waitForNoBackends(bed.server, marks.name);
    expect(await firstValueFrom(publicationStatus({ connection: named, name }))).toEqual({
      name,
      owner,
      allTables: false,
      schemas: [],
      operations: everything,
      viaPartitionRoot: false,
      generatedColumns: 'none',
      tables: [
        { table: ODD, schema: 'My.Own', name: `It's "so"\\`, columns: ['id'], ...whole },
        { table: 'billing.invoices', schema: 'billing', name: 'invoices', columns: ['id', 'total'], ...whole },
        { table: '"a.b"', schema: 'public', name: 'a.b', columns: ['id'], ...whole },
        { table: 'users', schema: 'public', name: 'users', columns: ['id', 'name', 'No.'], ...whole },
      ],
    });
    const messages = await bed.messagesOf(() => bed.sql(`INSERT INTO "My.Own"."It's ""so""\\" VALUES (1)`), {
      publications: [name],
    });
    expect(ofKind(messages, 'insert')).toMatchObject([{ table: ODD, new: { id: 1 } }]);
  });

  it('publishes column lists and row filters, from 15 on', async () => {
    const tables = [{ table: 'users', columns: ['id', 'No.'], where: `"No." > 1 -- the few` }, 'billing.items'];
    if (version < 15) {
      expect(await getErrorCode({ tables })).toEqual([
        'UNSUPPORTED',
        expect.stringMatching(/columns needs PostgreSQL 15/),
      ]);
      return;
    }
    const { name, tables: published } = await made({ tables, operations: ['insert'] });
    expect(published).toMatchObject([
      { table: 'billing.items', columns: ['id'], where: undefined },
      { table: 'users', columns: ['id', 'No.'], where: '("No." > 1)' },
    ]);
    const messages = await bed.messagesOf(() => bed.sql(`INSERT INTO users VALUES (1, 'a', 1), (2, 'b', 2)`), {
      publications: [name],
    });
    expect(ofKind(messages, 'insert').map((insert) => insert.new)).toEqual([{ id: 2, 'No.': 2 }]);
  });

  it('publishes schemas, from 15 on, also together with tables', async () => {
    const config = { schemas: ['billing', 'My.Own'], tables: ['users'] };
    if (version < 15) {
      expect((await getErrorCode(config))[0]).toBe('UNSUPPORTED');
      return;
    }
    const { schemas, allTables, tables } = await made(config);
    expect({ schemas, allTables }).toEqual({ schemas: ['My.Own', 'billing'], allTables: false });
    expect(tables.map(({ table }) => table)).toEqual([ODD, 'billing.invoices', 'billing.items', 'users']);
  });

  it('publishes all tables', async () => {
    const { allTables, tables } = await made({ allTables: true });
    expect(allTables).toBe(true);
    expect(tables.map(({ table }) => table)).toEqual([
      ODD,
      'billing.invoices',
      'billing.items',
      '"a.b"',
      'measures_2026',
      'users',
    ]);
  });

  it('publishes selected operations, and partitions as their root', async () => {
    const { operations, viaPartitionRoot, tables } = await made({
      tables: ['measures'],
      operations: ['truncate', 'delete'],
      viaPartitionRoot: true,
    });
    expect(operations).toEqual(['delete', 'truncate']);
    expect(viaPartitionRoot).toBe(true);
    expect(tables).toMatchObject([{ table: 'measures' }]);
    expect(await made({ tables: ['measures'], viaPartitionRoot: false })).toMatchObject({
      viaPartitionRoot: false,
      tables: [{ table: 'measures_2026' }],
    });
  });

  it('publishes generated columns, from 18 on', async () => {
    const config = { tables: ['billing.invoices'], generatedColumns: 'stored' as const };
    if (version < 18) {
      expect((await getErrorCode(config))[0]).toBe('UNSUPPORTED');
    } else {
      const columns = ['id', 'total', 'tax'];
      expect(await made(config)).toMatchObject({ generatedColumns: 'stored', tables: [{ columns }] });
    }
    const columns = ['id', 'total'];
    expect(await made({ ...config, generatedColumns: 'none' })).toMatchObject({
      generatedColumns: 'none',
      tables: [{ columns }],
    });
  });

  it('fails if the publication exists, and the error is not one of slots', async () => {
    const { name } = await made({ tables: ['users'] });
    const error = await waitForFailure(createPublication({ ...connection(), name, allTables: true }));
    expect(error).toMatchObject({ code: 'PUBLICATION_EXISTS', retryable: false, sqlState: '42710' });
  });

  it.each([
    ['a missing table', { tables: ['Users'] }, '42P01', 14, /case-sensitive/],
    ['a missing schema', { tables: ['Billing.items'] }, '3F000', 14, /case-sensitive/],
    ['a missing schema', { schemas: ['Billing'] }, '3F000', 15, /case-sensitive/],
    ['a missing column', { tables: [{ table: 'users', columns: ['No'] }] }, '42703', 15, /case-sensitive/],
    ['a filter that is not boolean', { tables: [{ table: 'users', where: 'id' }] }, '42804', 15, /row filter/],
    ['a filter with a syntax error', { tables: [{ table: 'users', where: 'id =' }] }, '42601', 15, /row filter/],
    [
      'a filter that is not allowed',
      { tables: [{ table: 'users', where: 'random() > id' }] },
      '0A000',
      15,
      /row filter/,
    ],
    ['a missing function', { tables: [{ table: 'users', where: 'nope(id)' }] }, '42883', 15, /row filter/],
    ['a missing operator', { tables: [{ table: 'users', where: 'name > 1' }] }, '42883', 15, /row filter/],
    ['a missing type', { tables: [{ table: 'users', where: 'id = 1::nope' }] }, '42704', 15, /row filter/],
    [
      'a collation that is not there',
      { tables: [{ table: 'users', where: `name > 'a' COLLATE nope` }] },
      '42704',
      15,
      /row filter/,
    ],
    ['an invalid value', { tables: [{ table: 'users', where: `id > 'x'` }] }, '22P02', 15, /row filter/],
    ['an aggregate', { tables: [{ table: 'users', where: 'sum(id) > 1' }] }, '42803', 15, /row filter/],
    ['another table in a filter', { tables: [{ table: 'users', where: 'items.id > 1' }] }, '42P01', 15, /row filter/],
    ['a column twice', { tables: [{ table: 'users', columns: ['id', 'id'] }] }, '42710', 15, /once/],
    ['a system column', { tables: [{ table: 'users', columns: ['id', 'ctid'] }] }, '42P10', 15, /system columns/],
    [
      'a table twice, in two parts',
      {
        tables: [
          { table: 'users', columns: ['id'] },
          { table: 'users', columns: ['id', 'No.'] },
        ],
      },
      '42710',
      15,
      /once/,
    ],
    [
      'a table twice, with two filters',
      {
        tables: [
          { table: 'users', where: 'id > 1' },
          { table: 'users', where: 'id < 1' },
        ],
      },
      '42710',
      15,
      /once/,
    ],
    [
      'a part of a table beside schemas',
      { schemas: ['billing'], tables: [{ table: 'users', columns: ['id'] }] },
      '22023',
      15,
      /combined with schemas/,
    ],
    [
      'a part of a partitioned table',
      { tables: [{ table: 'measures', where: `at > '2026-01-01'` }] },
      '22023',
      15,
      /viaPartitionRoot/,
    ],
    ['a view', { tables: ['few_users'] }, '22023', 14, /unlogged/],
    ['an unlogged table', { tables: ['scratch'] }, '22023', 14, /unlogged/],
    ['a system table', { tables: ['pg_catalog.pg_class'] }, '22023', 14, /unlogged/],
  ])('fails with %s', async (_, config, sqlState, since, remedy) => {
    const error = await waitForFailure(createPublication({ ...connection(), name: uniqueName('pub'), ...config }));
    if (version < since) {
      expect(error).toMatchObject({ code: 'UNSUPPORTED' });
      return;
    }
    expect(error).toMatchObject({ code: 'SERVER_ERROR', sqlState, remedy: expect.stringMatching(remedy) });
  });

  it('fails if the role does not own the table', async () => {
    const name = uniqueName('pub');
    await bed.sql(`GRANT CREATE ON DATABASE ${bed.database.name} TO ${nobody}`);
    const other = { connectionString: bed.database.url, user: nobody };
    const error = await waitForFailure(createPublication({ connection: other, name, tables: ['users'] }));
    expect(error).toMatchObject({ code: 'PRIVILEGE_MISSING', sqlState: '42501', remedy: expect.stringMatching(/own/) });
    await bed.sql(`REVOKE CREATE ON DATABASE ${bed.database.name} FROM ${nobody}`);
  });
});

describe('alterPublication', () => {
  it('adds, drops and sets tables, and the stream of a slot follows', async () => {
    const { name } = await made({ tables: ['users'] });
    const tablesOf = async () => (await firstValueFrom(publicationStatus({ ...connection(), name })))?.tables;
    const alter = (how: object) => firstValueFrom(alterPublication({ ...connection(), name, ...how }));
    const messages = await bed.messagesOf(
      async () => {
        await bed.sql('INSERT INTO billing.items VALUES (1)');
        expect(await alter({ addTables: ['billing.items', { name: 'a.b' }] })).toBe(name);
        await bed.sql('INSERT INTO billing.items VALUES (2)');
        await alter({ dropTables: ['billing.items', 'users'] });
        await bed.sql('INSERT INTO billing.items VALUES (3)');
        expect(await tablesOf()).toMatchObject([{ table: '"a.b"', schema: 'public' }]);
        await alter({ setTables: ['billing.items'] });
        await bed.sql('INSERT INTO billing.items VALUES (4); INSERT INTO "a.b" VALUES (4)');
      },
      { publications: [name] },
    );
    expect(await tablesOf()).toMatchObject([{ table: 'billing.items' }]);
    expect(ofKind(messages, 'insert').map((insert) => insert.new)).toEqual([{ id: 2 }, { id: 4 }]);
  });

  it('sets column lists and row filters, from 15 on', async () => {
    const { name } = await made({ tables: ['users'] });
    const source = alterPublication({ ...connection(), name, setTables: [{ table: 'users', where: 'id > 7' }] });
    if (version < 15) {
      expect(await waitForFailure(source)).toMatchObject({ code: 'UNSUPPORTED' });
      return;
    }
    await firstValueFrom(source);
    const status = await firstValueFrom(publicationStatus({ ...connection(), name }));
    expect(status?.tables).toMatchObject([{ table: 'users', where: '(id > 7)' }]);
  });

  it('fails for a missing publication, a table that is not in it, and a table that already is', async () => {
    const { name } = await made({ tables: ['users'] });
    const fail = (how: object) => waitForFailure(alterPublication({ ...connection(), name, ...how }));
    expect(await fail({ name: 'not_there', addTables: ['users'] })).toMatchObject({ code: 'PUBLICATION_MISSING' });
    expect(await fail({ dropTables: ['billing.items'] })).toMatchObject({
      code: 'SERVER_ERROR',
      message: expect.stringMatching(/not part of the publication/),
      remedy: expect.stringMatching(/does not contain that table/),
    });
    expect(await fail({ addTables: ['users'] })).toMatchObject({
      code: 'SERVER_ERROR',
      message: expect.stringMatching(/already member/),
      remedy: expect.stringMatching(/already contains that table/),
    });
    if (version >= 15) {
      const filter = { table: { name: 'a.b' }, where: `id = 1::nope` };
      expect(await fail({ setTables: [filter] })).toMatchObject({
        code: 'SERVER_ERROR',
        sqlState: '42704',
        remedy: expect.stringMatching(/row filter/),
      });
    }
    const all = await made({ allTables: true });
    expect(await fail({ name: all.name, addTables: ['users'] })).toMatchObject({
      code: 'SERVER_ERROR',
      sqlState: '55000',
      remedy: expect.stringMatching(/all tables/),
    });
  });
});

it('dropPublication drops it', async () => {
  const { name } = await made({ tables: ['users'] });
  expect(await firstValueFrom(dropPublication({ ...connection(), name }).pipe(toArray()))).toEqual([name]);
  expect(await firstValueFrom(publicationStatus({ ...connection(), name }).pipe(toArray()))).toEqual([undefined]);
  expect(await waitForFailure(dropPublication({ ...connection(), name }))).toMatchObject({
    code: 'PUBLICATION_MISSING',
    sqlState: '42704',
  });
});

it('publications lists all publications, including those with very many tables', async () => {
  const database = await bed.server.createDatabase('many');
  const tables = 1203;
  await database.query(`DO $$ BEGIN
    FOR i IN 1..${tables} LOOP EXECUTE format('CREATE TABLE t%s (id int)', i); END LOOP;
  END $$`);
  await database.query(
    'CREATE PUBLICATION "B"; CREATE PUBLICATION a FOR ALL TABLES; CREATE PUBLICATION c FOR TABLE t1',
  );
  const all = await firstValueFrom(publications({ connection: database.url }));
  expect(all.map(({ name, tables: published }) => [name, published.length])).toEqual([
    ['B', 0],
    ['a', tables],
    ['c', 1],
  ]);
  expect(new Set(all[1]?.tables.map(({ name }) => name)).size).toBe(tables);
  expect(JSON.stringify(all[2])).toBe(
    `{"name":"c","owner":"${owner}","allTables":false,"schemas":[],"operations":["insert","update","delete","truncate"],` +
      '"viaPartitionRoot":false,"generatedColumns":"none",' +
      '"tables":[{"table":"t1","schema":"public","name":"t1","columns":["id"]}]}',
  );
  await database.drop();
});

it('publicationStatus needs no privilege but REPLICATION, whatever the schemas of the tables', async () => {
  const { name } = await made({ tables: ['billing.invoices'] });
  const asNobody = { connectionString: bed.database.url, user: nobody };
  const found = await firstValueFrom(publicationStatus({ connection: asNobody, name }));
  expect(found?.tables).toMatchObject([{ table: 'billing.invoices', columns: ['id', 'total'] }]);
});

describe('without opening the tables', () => {
  const NESTED = `
    CREATE SCHEMA s; CREATE SCHEMA "S two";
    CREATE TABLE s.plain (id int PRIMARY KEY, v int, w int GENERATED ALWAYS AS (v + 1) STORED);
    ALTER TABLE s.plain DROP COLUMN v CASCADE;
    ALTER TABLE s.plain ADD COLUMN v text, ADD COLUMN x int GENERATED ALWAYS AS (id + 1) STORED;
    CREATE TABLE s.parent (id int); CREATE TABLE s.child (extra int) INHERITS (s.parent);
    CREATE UNLOGGED TABLE s.unlogged (id int);
    CREATE TABLE s.root (id int, v int) PARTITION BY RANGE (id);
    CREATE TABLE "S two".branch PARTITION OF s.root FOR VALUES FROM (0) TO (100) PARTITION BY RANGE (id);
    CREATE TABLE s."Leaf one" PARTITION OF "S two".branch FOR VALUES FROM (0) TO (10);
    CREATE TABLE "S two".leaf_two PARTITION OF "S two".branch FOR VALUES FROM (10) TO (20);
    CREATE TABLE public.leaf_three PARTITION OF s.root FOR VALUES FROM (100) TO (200);`;
  const SCOPES: readonly (readonly [since: number, scope: string])[] = [
    [14, ''],
    [14, 'FOR ALL TABLES'],
    [14, 'FOR TABLE s.plain, s.parent'],
    [14, 'FOR TABLE ONLY s.parent'],
    [14, 'FOR TABLE s.root'],
    [14, 'FOR TABLE "S two".branch, s."Leaf one"'],
    [14, 'FOR TABLE s.root, "S two".leaf_two, public.leaf_three'],
    [15, 'FOR TABLE s.plain (v, id)'],
    [15, `FOR TABLE s.plain (id, v) WHERE (v > 'a' AND id < 7), s.parent WHERE (id = 1)`],
    [15, 'FOR TABLES IN SCHEMA s'],
    [15, 'FOR TABLES IN SCHEMA "S two", public'],
    [15, 'FOR TABLES IN SCHEMA s, TABLE public.leaf_three, s.plain WHERE (id > 3)'],
    [15, 'FOR TABLES IN SCHEMA "S two", TABLE s.root'],
    [18, 'FOR TABLE s.plain (id, x)'],
  ];
  const WITH = ['', 'WITH (publish_via_partition_root = true)', 'WITH (publish_generated_columns = stored)'];
  let nested: TestBed;
  let ways: string[];

  beforeAll(async () => {
    nested = await TestBed.make('nested', NESTED);
    ways = WITH.slice(0, version >= 18 ? 3 : 2);
    const kinds = SCOPES.filter(([since]) => version >= since).flatMap(([, scope]) =>
      ways.map((how) => `${scope} ${how}`),
    );
    for (const [i, kind] of kinds.entries()) await nested.sql(`CREATE PUBLICATION "kind ${i}" ${kind}`);
  });

  afterAll(() => nested.drop());

  it('returns the same as pg_publication_tables', async () => {
    const all = await firstValueFrom(publications({ connection: nested.database.url }));
    // Before 16, the view has no columns, or includes some that are not sent.
    const columns = version >= 16 ? 'attnames::text[]' : 'NULL';
    // The view of 14 includes a partition in addition to the root under whose name its changes are sent, and twice if both are
    // published.
    const odd = version >= 15 ? 'false' : "pubname IN ('kind 11', 'kind 13')";
    const rows = await nested.sql(`SELECT ${version >= 15 ? '' : 'DISTINCT'} pubname, schemaname, tablename,
      ${columns} AS columns, ${version >= 15 ? 'rowfilter' : 'NULL AS rowfilter'}
      FROM pg_publication_tables WHERE NOT ${odd} ORDER BY 1, 2, 3`);
    if (version < 15) {
      const sent = (name: string) => all.find((one) => one.name === name)?.tables.map(({ table }) => table);
      expect(sent('kind 11')).toEqual(['S two.branch']);
      expect(sent('kind 13')).toEqual(['s.root']);
    }
    const compared = all.filter(({ name }) => version >= 15 || !['kind 11', 'kind 13'].includes(name));
    const found = compared.flatMap(({ name: pubname, tables }) =>
      tables.map(({ schema: schemaname, name: tablename, columns: sent, where }) => ({
        pubname,
        schemaname,
        tablename,
        columns: version >= 16 ? sent : null,
        rowfilter: where ?? null,
      })),
    );
    expect(found).toEqual(rows);
    expect(found.length).toBeGreaterThan(20);
  });

  it('waits for no lock, except to print a filter', async () => {
    const names = (await nested.sql<{ pubname: string }>('SELECT pubname FROM pg_publication ORDER BY 1')).map(
      ({ pubname }) => pubname,
    );
    const slot = await nested.slot();
    const connectTimeout = 3000;
    const asked = { connection: nested.database.url, connectTimeout };
    const look = () =>
      Promise.all([
        firstValueFrom(preflight(nested.config(slot, { publications: names, connectTimeout, binary: true }))),
        firstValueFrom(publicationStatus({ ...asked, name: `kind ${ways.length}` })),
      ]);
    const unlocked = await look();
    await nested.sql('BEGIN; LOCK TABLE s.plain, s.parent, s.root, "S two".branch, public.leaf_three');
    const locked = await look();
    const filtered = await firstValueFrom(publications(asked)).then(
      () => 'answered',
      (error: unknown) => (error as ReplicationError).code,
    );
    await nested.sql('ROLLBACK');
    expect(locked).toEqual(unlocked);
    expect(locked[1]?.tables.length).toBeGreaterThan(3);
    expect(filtered).toBe(version >= 15 ? 'CONNECT_TIMEOUT' : 'answered');
  });
});
