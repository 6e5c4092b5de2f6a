import { firstValueFrom } from 'rxjs';
import { preflight, ServerError } from '../../lib/index';
import { TestBed, ofKind } from './support/bed';

let bed: TestBed;

beforeAll(async () => {
  bed = await TestBed.make('column_lists', 'SELECT 1');
});

afterAll(() => bed.drop());

const PLAIN = 'CREATE TABLE t (id int, v int, w int)';
const STORED = 'CREATE TABLE t (id int, v int, w int, g int GENERATED ALWAYS AS (v + 1) STORED)';
const VIRTUAL = 'CREATE TABLE t (id int, v int, w int, g int GENERATED ALWAYS AS (v + 1) VIRTUAL)';
const PARTITIONED = `CREATE TABLE t (id int, v int, w int) PARTITION BY LIST (id);
  CREATE TABLE m PARTITION OF t FOR VALUES IN (1) PARTITION BY LIST (v); CREATE TABLE l PARTITION OF m FOR VALUES IN (1)`;
const SENT = 'publish_generated_columns = stored';
const NOT_SENT = 'publish_generated_columns = none';
const ROOT = 'publish_via_partition_root';

/** The definition of a publication, after its name. */
const all = (option: string): string => `FOR ALL TABLES WITH (${option})`;
const of = (table: string, option = ''): string => `FOR TABLE ${table}${option && ` WITH (${option})`}`;

interface Case {
  readonly about: string;
  readonly since?: number;
  readonly table: string;
  readonly publications: readonly string[];
  /** The versions in which the server refuses to send the table. */
  readonly refusedBy: (version: number) => boolean;
}

const always = (): boolean => true;
const never = (): boolean => false;

const CASES: readonly Case[] = [
  { about: 'different lists', table: PLAIN, publications: [of('t (id)'), of('t (id, v)')], refusedBy: always },
  {
    about: 'the same list in another order',
    table: PLAIN,
    publications: [of('t (id, v)'), of('t (v, id)')],
    refusedBy: never,
  },
  {
    about: 'a list of all columns, and none',
    table: PLAIN,
    publications: [of('t (id, v, w)'), of('t')],
    refusedBy: never,
  },
  {
    about: 'a list of some columns, and none',
    table: PLAIN,
    publications: [of('t (id, v)'), of('t')],
    refusedBy: always,
  },
  {
    about: 'a list, and the whole schema',
    table: PLAIN,
    publications: [of('t (id)'), 'FOR TABLES IN SCHEMA public'],
    refusedBy: always,
  },
  {
    about: 'different lists for different operations',
    table: PLAIN,
    publications: [of('t (id)', "publish = 'insert'"), of('t (id, v)', "publish = 'update'")],
    refusedBy: always,
  },
  {
    about: 'a list of all columns but the generated one, and none',
    table: STORED,
    publications: [of('t (id, v, w)'), of('t')],
    refusedBy: (version) => version === 15,
  },
  {
    about: 'different lists of a partition that another publication sends as its root',
    table: PARTITIONED,
    publications: [of('t', ROOT), of('l (id)'), of('l (id, v)')],
    refusedBy: never,
  },
  {
    about: 'different lists of a partitioned partition that another publication sends as its root',
    table: PARTITIONED,
    publications: [of('t', ROOT), of('m (id)', ROOT), of('m (id, v)', ROOT)],
    refusedBy: never,
  },
  {
    about: 'different lists of a root',
    table: PARTITIONED,
    publications: [of('t (id)', ROOT), of('t (id, v)', ROOT), of('l')],
    refusedBy: always,
  },
  {
    about: 'different lists of a partition that others send as a partition, too',
    table: PARTITIONED,
    publications: [of('t'), of('l (id)')],
    refusedBy: always,
  },
  ...[
    {
      about: 'different publish_generated_columns, of a table with a stored one',
      table: STORED,
      publications: [of('t', SENT), of('t', NOT_SENT)],
      refusedBy: always,
    },
    {
      about: 'different publish_generated_columns, of a table with a virtual one',
      table: VIRTUAL,
      publications: [of('t', SENT), of('t', NOT_SENT)],
      refusedBy: always,
    },
    {
      about: 'different publish_generated_columns of all tables, one of which has a virtual one',
      table: VIRTUAL,
      publications: [all(SENT), all(NOT_SENT)],
      refusedBy: always,
    },
    {
      about: 'different publish_generated_columns, of a table without any',
      table: PLAIN,
      publications: [of('t', SENT), of('t', NOT_SENT)],
      refusedBy: never,
    },
    {
      about: 'different publish_generated_columns, and the same list',
      table: STORED,
      publications: [of('t (id, g)', SENT), of('t (id, g)', NOT_SENT)],
      refusedBy: never,
    },
    {
      about: 'different publish_generated_columns, one with a list of all but the virtual one',
      table: VIRTUAL,
      publications: [of('t', SENT), of('t (id, v, w)', NOT_SENT)],
      refusedBy: never,
    },
    {
      about: 'generated columns by a list and by the option',
      table: STORED,
      publications: [of('t (id, v, w, g)'), of('t', SENT)],
      refusedBy: never,
    },
    {
      about: 'generated columns by the option, and a list without them',
      table: STORED,
      publications: [of('t (id, v, w)'), of('t', SENT)],
      refusedBy: always,
    },
    {
      about: 'generated columns by a list, and none',
      table: STORED,
      publications: [of('t (id, v, w, g)'), of('t')],
      refusedBy: always,
    },
  ].map((one) => ({ ...one, since: 18 })),
];

it.each(CASES)('preflight agrees with the server on $about', async ({ since = 15, table, publications, refusedBy }) => {
  const { version } = bed.server;
  const names = publications.map((_, n) => `p${n}`);
  const setup = ['DROP SCHEMA public CASCADE; CREATE SCHEMA public', table];
  await bed.sql(names.map((name) => `DROP PUBLICATION IF EXISTS ${name}`).join('; '));
  setup.push(...publications.map((what, n) => `CREATE PUBLICATION p${n} ${what}`));
  if (version < since) {
    await expect(bed.sql(setup.join('; '))).rejects.toThrow(
      /syntax error|unrecognized publication parameter|cannot use generated column/,
    );
    return;
  }
  await bed.sql(setup.join('; '));
  const slot = await bed.slot();
  await bed.sql('INSERT INTO t VALUES (1, 1, 1)');
  const config = bed.config(slot, { publications: names });
  const end = await bed.position();

  const foretold = (await firstValueFrom(preflight(config))).map(({ code }) => code);
  const outcome = await bed.readTo(slot, end, { publications: names }).catch((error: unknown) => error);
  if (refusedBy(version)) {
    expect(outcome).toBeInstanceOf(ServerError);
    expect(outcome).toMatchObject({ code: 'COLUMN_LISTS_DIFFER', retryable: false });
    expect(foretold).toContain('COLUMN_LISTS_DIFFER');
  } else {
    expect(Array.isArray(outcome) ? ofKind(outcome, 'insert') : outcome).toHaveLength(1);
    expect(foretold).not.toContain('COLUMN_LISTS_DIFFER');
  }
  await bed.released(slot);
  await bed.sql('SELECT pg_drop_replication_slot($1)', [slot]);
});
