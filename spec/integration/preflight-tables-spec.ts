import { firstValueFrom } from 'rxjs';
import { logicalReplication, preflight } from '../../lib/index';
import { waitForFailure } from './support/life';
import { TestBed, ofKind } from './support/bed';

let bed: TestBed;
let slot: string;
let version: number;

beforeAll(async () => {
  bed = await TestBed.make('preflight_tables', 'SELECT 1');
  slot = await bed.slot();
  version = bed.server.version;
});

afterAll(() => bed.drop());

beforeEach(() =>
  bed.sql(`
    DO $$ DECLARE p name; BEGIN
      FOR p IN SELECT pubname FROM pg_publication LOOP EXECUTE format('DROP PUBLICATION %I', p); END LOOP;
    END $$;
    DROP SCHEMA IF EXISTS other CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public;`),
);

/** The findings of preflight, with the existing publications. */
async function findings(): Promise<{ code: string; severity: string; message: string }[]> {
  const rows = await bed.sql<{ pubname: string }>('SELECT pubname FROM pg_publication ORDER BY 1');
  const publications = rows.map(({ pubname }) => pubname);
  // Changes made before the publications were created are a separate finding.
  await bed.sql('SELECT pg_replication_slot_advance($1, pg_current_wal_lsn())', [slot]);
  return [...(await firstValueFrom(preflight(bed.config(slot, { publications }))))];
}

/** Whether the server allows changes to rows of t. */
async function works(sql: string): Promise<boolean> {
  try {
    await bed.transaction(sql);
    return true;
  } catch (error) {
    await bed.client.query('ROLLBACK');
    // ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, ERRCODE_INVALID_COLUMN_REFERENCE: "cannot update table".
    expect(['55000', '42P10']).toContain((error as { code: string }).code);
    return false;
  }
}

const PLAIN = 'CREATE TABLE t (id int PRIMARY KEY, v int, w int)';
const BARE = 'CREATE TABLE t (id int NOT NULL, v int NOT NULL, w int)';
const PARTITIONED = `CREATE TABLE t (id int NOT NULL, v int, w int) PARTITION BY LIST (id);
  CREATE TABLE first (w int, v int, x int, id int PRIMARY KEY); ALTER TABLE first DROP COLUMN x;
  ALTER TABLE t ATTACH PARTITION first FOR VALUES IN (1);`;
const AND_BARE = 'CREATE TABLE second PARTITION OF t FOR VALUES IN (2);';
const PUBLISHED = 'CREATE PUBLICATION p FOR TABLE t';
const INSERTS = "WITH (publish = 'insert')";
const ROOT = 'WITH (publish_via_partition_root = true)';
const FULL = 'ALTER TABLE t REPLICA IDENTITY FULL';
const GENERATED = `CREATE TABLE t (id int, v int, w int GENERATED ALWAYS AS (v + 1) STORED NOT NULL);
  CREATE UNIQUE INDEX i ON t (w); ALTER TABLE t REPLICA IDENTITY USING INDEX i`;

describe('a published table', () => {
  it.each<[what: string, since: number, setup: string[], code: string | undefined]>([
    ['with a primary key', 14, [PLAIN, PUBLISHED], undefined],
    ['without', 14, [BARE, PUBLISHED], 'REPLICA_IDENTITY_MISSING'],
    ['without, among all', 14, [BARE, 'CREATE PUBLICATION p FOR ALL TABLES'], 'REPLICA_IDENTITY_MISSING'],
    [
      'without, among those of a schema',
      15,
      [BARE, 'CREATE PUBLICATION p FOR TABLES IN SCHEMA public'],
      'REPLICA_IDENTITY_MISSING',
    ],
    ['without, of which inserts are published', 14, [BARE, `${PUBLISHED} ${INSERTS}`], undefined],
    ['of identity full', 14, [BARE, FULL, PUBLISHED], undefined],
    [
      'of identity nothing',
      14,
      [PLAIN, 'ALTER TABLE t REPLICA IDENTITY NOTHING', PUBLISHED],
      'REPLICA_IDENTITY_MISSING',
    ],
    [
      'with a deferrable primary key',
      14,
      [PLAIN.replace('KEY', 'KEY DEFERRABLE'), PUBLISHED],
      'REPLICA_IDENTITY_MISSING',
    ],
    [
      'identified by an index',
      14,
      [BARE, 'CREATE UNIQUE INDEX i ON t (v)', 'ALTER TABLE t REPLICA IDENTITY USING INDEX i', PUBLISHED],
      undefined,
    ],
    [
      'identified by an index that is gone',
      14,
      [
        PLAIN,
        'CREATE UNIQUE INDEX i ON t (id)',
        'ALTER TABLE t REPLICA IDENTITY USING INDEX i',
        'DROP INDEX i',
        PUBLISHED,
      ],
      'REPLICA_IDENTITY_MISSING',
    ],
    ['in partitions that have keys', 14, [PARTITIONED, PUBLISHED], undefined],
    ['in partitions of which one has none', 14, [PARTITIONED, AND_BARE, PUBLISHED], 'REPLICA_IDENTITY_MISSING'],
    [
      'in partitions of which one has none, as their root',
      14,
      [PARTITIONED, AND_BARE, `${PUBLISHED} ${ROOT}`],
      'REPLICA_IDENTITY_MISSING',
    ],
    ['with the key in the list', 15, [PLAIN, `${PUBLISHED} (id, v)`], undefined],
    ['without the key in the list', 15, [PLAIN, `${PUBLISHED} (v)`], 'REPLICA_IDENTITY_NOT_PUBLISHED'],
    [
      'without the key in the list, of which inserts are published',
      15,
      [PLAIN, `${PUBLISHED} (v) ${INSERTS}`],
      undefined,
    ],
    ['with a list and identity full', 15, [PLAIN, FULL, `${PUBLISHED} (id, v, w)`], 'REPLICA_IDENTITY_NOT_PUBLISHED'],
    [
      'with a list that leaves out what an index includes',
      15,
      [
        BARE,
        'CREATE UNIQUE INDEX i ON t (id) INCLUDE (v)',
        'ALTER TABLE t REPLICA IDENTITY USING INDEX i',
        `${PUBLISHED} (id)`,
      ],
      undefined,
    ],
    [
      'in partitions, with the key in the list of their root',
      15,
      [PARTITIONED, `${PUBLISHED} (id) ${ROOT}`],
      undefined,
    ],
    [
      'in partitions, without the key in the list of their root',
      15,
      [PARTITIONED, `${PUBLISHED} (w) ${ROOT}`],
      'REPLICA_IDENTITY_NOT_PUBLISHED',
    ],
    ['filtered by its key', 15, [PLAIN, `${PUBLISHED} WHERE (id > 1)`], undefined],
    [
      'filtered by another column',
      15,
      [PLAIN, `${PUBLISHED} WHERE (id > 1 AND v > 1)`],
      'ROW_FILTER_NOT_IN_REPLICA_IDENTITY',
    ],
    [
      'filtered by another column, of which inserts are published',
      15,
      [PLAIN, `${PUBLISHED} WHERE (v > 1) ${INSERTS}`],
      undefined,
    ],
    ['filtered by another column, of identity full', 15, [PLAIN, FULL, `${PUBLISHED} WHERE (v > 1)`], undefined],
    ['filtered by its key, with a list', 15, [PLAIN, `${PUBLISHED} (id, v) WHERE (id > 1)`], undefined],
    [
      'filtered by what its list has, but not its key',
      15,
      [PLAIN, `${PUBLISHED} (id, v) WHERE (v > 1)`],
      'ROW_FILTER_NOT_IN_REPLICA_IDENTITY',
    ],
    [
      'in partitions, filtered by the key as of their root',
      15,
      [PARTITIONED, `${PUBLISHED} WHERE (id > 1) ${ROOT}`],
      undefined,
    ],
    [
      'in partitions, filtered by another column of their root',
      15,
      [PARTITIONED, `${PUBLISHED} WHERE (w > 1) ${ROOT}`],
      'ROW_FILTER_NOT_IN_REPLICA_IDENTITY',
    ],
    [
      'with a generated column in its identity',
      14,
      [GENERATED, PUBLISHED],
      'REPLICA_IDENTITY_NOT_PUBLISHED from 18 on',
    ],
    [
      'with a generated column in its identity, that is published',
      18,
      [GENERATED, `${PUBLISHED} WITH (publish_generated_columns = stored)`],
      undefined,
    ],
    [
      'with a generated column, of identity full',
      14,
      [GENERATED, FULL, PUBLISHED],
      'REPLICA_IDENTITY_NOT_PUBLISHED from 18 on',
    ],
    [
      'with a generated column, of identity full, that is published',
      18,
      [GENERATED, FULL, `${PUBLISHED} WITH (publish_generated_columns = stored)`],
      undefined,
    ],
    [
      'with a generated column, not of its identity',
      14,
      [GENERATED, 'ALTER TABLE t ADD PRIMARY KEY (id)', 'ALTER TABLE t REPLICA IDENTITY DEFAULT', PUBLISHED],
      undefined,
    ],
    [
      'with a virtual column, of identity full',
      18,
      [
        'CREATE TABLE t (id int, v int, w int GENERATED ALWAYS AS (v + 1) VIRTUAL)',
        FULL,
        `${PUBLISHED} WITH (publish_generated_columns = stored)`,
      ],
      'REPLICA_IDENTITY_NOT_PUBLISHED',
    ],
  ])('%s', async (_, since, setup, code) => {
    if (version < since) {
      await expect(bed.sql(setup.join('; '))).rejects.toThrow(/syntax error|unrecognized publication parameter/);
      return;
    }
    await bed.sql(setup.join('; '));
    await bed.sql('INSERT INTO t (id, v) VALUES (1, 1)');
    const [name, from] = code?.split(' from ') ?? [];
    const expected = from !== undefined && version < 18 ? undefined : name;
    const found = await findings();
    expect(found.map((one) => one.code)).toEqual(expected === undefined ? [] : [expected]);
    expect(await works('UPDATE t SET v = 2')).toBe(expected === undefined);
    expect(await works('DELETE FROM t')).toBe(expected === undefined);
    if (expected === undefined) return;
    expect(found[0]).toMatchObject({ severity: 'error', message: expect.stringMatching(/"(t|first|second)"\.$/) });
  });
});

describe('publications', () => {
  it('with different column lists of a table end the stream', async () => {
    await bed.sql(
      'CREATE SCHEMA other; CREATE TABLE other.t (id int PRIMARY KEY, v int); CREATE PUBLICATION p FOR TABLE other.t',
    );
    if (version < 15) {
      await bed.sql('CREATE PUBLICATION q FOR ALL TABLES');
      expect(await findings()).toEqual([]);
      return;
    }
    await bed.sql('CREATE PUBLICATION q FOR TABLE other.t (id)');
    expect(await findings()).toEqual([
      {
        code: 'COLUMN_LISTS_DIFFER',
        severity: 'error',
        message: 'The publications send different columns of "other.t".',
        remedy: expect.any(String),
      },
    ]);
    const own = await bed.slot();
    const failure = waitForFailure(logicalReplication(bed.config(own, { publications: ['p', 'q'] })));
    await bed.sql('INSERT INTO other.t VALUES (1, 1)');
    expect(await failure).toMatchObject({
      sqlState: '0A000',
      message: expect.stringMatching(/different column lists/),
    });
  });

  it.each([
    ['that list the same columns do not', PLAIN, false],
    [
      'that list all columns but generated ones do so on 15 only',
      PLAIN.replace('w int', 'w int, g int GENERATED ALWAYS AS (v + 1) STORED'),
      true,
    ],
  ])('%s', async (_, table, isDifferent) => {
    await bed.sql(`${table}; CREATE PUBLICATION p FOR ALL TABLES; CREATE PUBLICATION q FOR TABLE t`);
    const publications = ['p', 'q'];
    if (version >= 15) {
      await bed.sql('CREATE PUBLICATION r FOR TABLE t (w, v, id)');
      publications.push('r');
    }
    const codes = (await findings()).map(({ code }) => code);
    const own = await bed.slot();
    await bed.sql('INSERT INTO t VALUES (1, 1)');
    const reading = bed
      .readTo(own, await bed.position(), { publications })
      .then((messages) => ofKind(messages, 'insert').length);
    if (version === 15 && isDifferent) {
      expect(codes).toEqual(['COLUMN_LISTS_DIFFER']);
      await expect(reading).rejects.toThrow(/different column lists/);
    } else {
      expect(codes).toEqual([]);
      expect(await reading).toBe(1);
    }
  });

  it('without tables are a finding', async () => {
    await bed.sql(`${PLAIN}; CREATE PUBLICATION "Empty"; CREATE PUBLICATION p FOR TABLE t`);
    expect(await findings()).toEqual([
      {
        code: 'PUBLICATION_EMPTY',
        severity: 'warning',
        message: 'Publication "Empty" has no tables.',
        remedy: expect.any(String),
      },
    ]);
  });

  it('that do not exist are the error of a stream', async () => {
    const config = bed.config(slot, { publications: ['not_there', 'nor_that'] });
    const error = await waitForFailure(logicalReplication(config));
    const [found, ...others] = await firstValueFrom(preflight(config));
    expect(others).toEqual([]);
    expect(found).toEqual({
      code: 'PUBLICATION_MISSING',
      severity: 'error',
      message: 'Publication "not_there", "nor_that" does not exist in this database.',
      remedy: expect.stringContaining('; it may be in another database of this server, as "') as string,
    });
    expect(withoutDatabases(found!.remedy)).toBe(withoutDatabases(error.remedy));
    expect(error.message).toBe(`Publication "not_there", "nor_that" does not exist in this database. ${error.remedy}`);
  });
});

/** Other specs create and drop databases on the same server meanwhile. */
function withoutDatabases(remedy: string): string {
  return remedy.replace(/(of this server, as )"[^"]*"(, "[^"]*")*/, '$1…');
}

describe('columns in binary', () => {
  it('whose type has no binary form are a finding', async () => {
    await bed.sql(`CREATE EXTENSION citext; CREATE SCHEMA other;
      CREATE TYPE other.mood AS ENUM ('ok'); CREATE TYPE other.word AS (c citext);
      CREATE TABLE t (id int PRIMARY KEY, m other.mood[], a aclitem, g citext GENERATED ALWAYS AS ('x'::citext) STORED);
      CREATE TABLE other.t (id int PRIMARY KEY, c citext, w other.word[]); CREATE PUBLICATION p FOR ALL TABLES`);
    const find = (more: object) => firstValueFrom(preflight({ ...bed.config(slot, { publications: ['p'] }), ...more }));
    expect(await find({})).toEqual([]);
    const [found, ...others] = await find({ binary: true });
    expect(others).toEqual([]);
    const message = 'Binary values of "other.t.c", "other.t.w" cannot be read.';
    expect(found).toMatchObject({ code: 'VALUE_DECODE_FAILED', severity: 'error', message });
    const [unasked] = await find({ binary: true, lookUpTypes: false });
    expect(unasked).toMatchObject({
      message: message.replace('.w"', '.w", "t.m"'),
      remedy: expect.stringMatching(/lookUpTypes/),
    });

    const own = await bed.slot();
    await bed.sql(`INSERT INTO t VALUES (1, '{ok}', 'postgres=r/postgres')`);
    const well = await bed.readTo(own, await bed.position(), { publications: ['p'], binary: true });
    expect(ofKind(well, 'insert').map((insert) => insert.new)).toMatchObject([{ m: ['ok'], a: 'postgres=r/postgres' }]);
    await bed.sql(`INSERT INTO other.t VALUES (1, 'x')`);
    const reading = bed.readTo(own, await bed.position(), { publications: ['p'], binary: true });
    await expect(reading).rejects.toMatchObject({
      code: found!.code,
      message: expect.stringMatching(/without binary/),
    });
  });

  it('that contain a type without a binary form are a finding, too', async () => {
    await bed.sql(`CREATE TABLE t (id int PRIMARY KEY, a aclitem[]); CREATE PUBLICATION p FOR TABLE t`);
    const found = await firstValueFrom(preflight(bed.config(slot, { publications: ['p'], binary: true })));
    expect(found).toMatchObject([{ severity: 'error', message: 'Binary values of "t.a" cannot be read.' }]);
    const own = await bed.slot();
    await bed.sql(`INSERT INTO t VALUES (1, '{postgres=r/postgres}')`);
    const reading = bed.readTo(own, await bed.position(), { publications: ['p'], binary: true });
    await expect(reading).rejects.toMatchObject({ sqlState: '42883', remedy: expect.stringMatching(/without binary/) });
  });
});

describe('unlogged tables', () => {
  const SETUP = `${PLAIN}; CREATE UNLOGGED TABLE quick (id int PRIMARY KEY); CREATE SCHEMA other;
    CREATE UNLOGGED TABLE other.quick (id int PRIMARY KEY); CREATE TEMP TABLE IF NOT EXISTS passing (id int);`;

  it('are a finding if all tables are published', async () => {
    await bed.sql(`${SETUP} CREATE PUBLICATION p FOR ALL TABLES`);
    const message = 'Unlogged tables are not replicated: "other.quick", "quick".';
    expect(await findings()).toMatchObject([{ code: 'TABLE_UNLOGGED', severity: 'warning', message }]);
    const messages = await bed.messagesOf(() => bed.sql('INSERT INTO quick VALUES (1)'), { publications: ['p'] });
    expect(messages.filter(({ kind }) => kind === 'insert')).toEqual([]);
  });

  it('are a finding if the tables of a schema are published, from 15 on', async () => {
    if (version < 15) {
      await expect(bed.sql(`${SETUP} CREATE PUBLICATION p FOR TABLES IN SCHEMA other`)).rejects.toThrow(/syntax error/);
      return;
    }
    await bed.sql(`${SETUP} CREATE PUBLICATION p FOR TABLES IN SCHEMA public`);
    const message = 'Unlogged tables are not replicated: "quick".';
    expect(await findings()).toMatchObject([{ code: 'TABLE_UNLOGGED', message }]);
  });

  it('are no finding if tables are published by name', async () => {
    await bed.sql(`${SETUP} ${PUBLISHED}`);
    expect(await findings()).toEqual([]);
  });
});

it('a long list of names is truncated, with their number', async () => {
  const tables = Array.from({ length: 8 }, (_, i) => `CREATE TABLE t${i} (id int)`);
  await bed.sql(`${tables.join('; ')}; CREATE PUBLICATION p FOR ALL TABLES`);
  const message = `UPDATE and DELETE fail without a replica identity: "t0", "t1", "t2", "t3", "t4" and 3 others.`;
  expect(await findings()).toMatchObject([{ code: 'REPLICA_IDENTITY_MISSING', message }]);
});
