import { buildPublishedRelationsQuery, buildPublishedTablesQuery } from '../../lib/commands/published-tables';
import { lookUpPublishedTypes } from '../../lib/commands/type-lookup';
import { checkPublications } from '../../lib/commands/preflight/publication-checks';
import { runRoutine, rows } from '../commands/support/converse';
import { TestBed } from './support/bed';

/** FOR ALL TABLES EXCEPT exists from 19 on. Its catalog replaces the server's, and the queries are unchanged. */
const VERSION = 190_000;

let bed: TestBed;

beforeAll(async () => {
  bed = await TestBed.make(
    'excepted',
    `CREATE TYPE secret AS ENUM ('a'); CREATE TYPE mood AS ENUM ('b');
     CREATE TABLE kept (id int, mood mood);
     CREATE TABLE plain (id int, secret secret);
     CREATE UNLOGGED TABLE unlogged (id int); CREATE UNLOGGED TABLE quick (id int);
     CREATE TABLE parent (id int); CREATE TABLE child (more int) INHERITS (parent);
     CREATE TABLE root (id int, secret secret) PARTITION BY RANGE (id);
     CREATE TABLE low PARTITION OF root FOR VALUES FROM (0) TO (10);
     CREATE TABLE high PARTITION OF root FOR VALUES FROM (10) TO (20) PARTITION BY RANGE (id);
     CREATE TABLE higher PARTITION OF high FOR VALUES FROM (10) TO (15);
     CREATE TABLE other (id int) PARTITION BY RANGE (id);
     CREATE TABLE other_low PARTITION OF other FOR VALUES FROM (0) TO (10);
     CREATE PUBLICATION everything FOR ALL TABLES;
     CREATE PUBLICATION via_root FOR ALL TABLES WITH (publish_via_partition_root = true);
     CREATE PUBLICATION whole FOR ALL TABLES;
     CREATE PUBLICATION listed FOR TABLE plain`,
  );
});

afterAll(() => bed.drop());

/** The tables that `everything` and `via_root` except, as the server stores them: without rows for partitions. */
const EXCEPTED = ['plain', 'root', 'quick', 'parent'];

/** Rewrites a query of server 19 to use catalogs with the columns of 19. */
function as19(sql: string): string {
  const names = EXCEPTED.map((name) => `'${name}'`).join(', ');
  return sql
    .replaceAll(
      'pg_catalog.pg_publication_rel ',
      `(SELECT prpubid, prrelid, NULL::int2vector AS prattrs, NULL::pg_node_tree AS prqual, false AS prexcept
          FROM pg_catalog.pg_publication_rel
        UNION ALL SELECT p.oid, c.oid, NULL, NULL, true FROM pg_catalog.pg_publication p, pg_catalog.pg_class c
          WHERE pubname IN ('everything', 'via_root') AND c.relnamespace = 'public'::regnamespace
            AND relname IN (${names})) `,
    )
    .replaceAll(
      /pg_catalog\.pg_publication_namespace(?:\s+(?!WHERE\b)(\w+))?/g,
      (_, alias?: string) =>
        `(SELECT 0::oid AS pnpubid, 0::oid AS pnnspid WHERE false) AS ${alias ?? 'pg_publication_namespace'}`,
    );
}

async function namesOf(sql: string): Promise<string[]> {
  const found = await bed.sql<{ name: string }>(as19(sql));
  return found.map(({ name }) => name);
}

const ofName = (publication: string) => `pubname = '${publication}'`;

describe('a publication of all tables except some', () => {
  it.each([
    ['everything', ['child', 'kept', 'other_low']],
    ['via_root', ['child', 'kept', 'other']],
    ['whole', ['child', 'higher', 'kept', 'low', 'other_low', 'parent', 'plain']],
    ['listed', ['plain']],
  ])('%s sends the other tables, and no part of an excepted partitioned table', async (publication, tables) => {
    const sql = `SELECT tablename AS name FROM (${buildPublishedTablesQuery(ofName(publication), VERSION)}) AS t ORDER BY 1`;
    expect(await namesOf(sql)).toEqual(tables);
  });

  it('does not affect what another publication sends', async () => {
    const wanted = "pubname IN ('everything', 'listed')";
    const sql = `SELECT tablename AS name FROM (${buildPublishedTablesQuery(wanted, VERSION)}) AS t ORDER BY 1`;
    expect(await namesOf(sql)).toEqual(['child', 'kept', 'other_low', 'plain']);
    const relations = `SELECT DISTINCT relname AS name FROM (${buildPublishedRelationsQuery(wanted, VERSION)}) AS t
      JOIN pg_catalog.pg_class c ON c.oid = relation ORDER BY 1`;
    expect(await namesOf(relations)).toEqual(['child', 'kept', 'other', 'other_low', 'plain']);
  });

  /** The rows of the first query of a routine whose SQL contains these words. */
  async function answerTo(conversation: Parameters<typeof runRoutine>[0], words: RegExp): Promise<unknown[]> {
    const { sql } = runRoutine(conversation, () => rows());
    return bed.sql(as19(sql.find((text) => words.test(text)) ?? ''));
  }

  it('does not look up the types of excepted tables', async () => {
    const found = await answerTo(lookUpPublishedTypes(['everything'], VERSION), /atttypid/);
    const [oids] = await bed.sql<{ mood: number; secret: number }>(
      `SELECT 'mood'::regtype::oid AS mood, 'secret'::regtype::oid AS secret`,
    );
    const types = found.flatMap((row) => (row as { oids: number[] }).oids);
    expect([types.includes(oids?.mood ?? 0), types.includes(oids?.secret ?? 0)]).toEqual([true, false]);
  });

  it('has no finding for excepted unlogged tables', async () => {
    const found = await answerTo(checkPublications(['everything'], VERSION), /relpersistence = 'u'/);
    expect(found.map((row) => (row as { name: string }).name)).toEqual(['unlogged']);
  });
});
