import fc from 'fast-check';
import { Client } from 'pg';
import { createBinaryReader } from '../../lib/pgoutput/binary/binary-text';
import { BUILT_IN_TYPES } from '../../lib/pgoutput/types/built-in-types';
import type { TypeDefinition, TypeDefinitions } from '../../lib/pgoutput/types/type-definitions';
import { float4s, float8s } from '../pgoutput/binary/support/float-samples';
import { VALUES } from '../pgoutput/binary/support/literals';
import { printedTsquery, quotedText } from '../pgoutput/binary/support/text-samples';
import { TestBed } from './support/bed';

const RANDOM_ROWS = 300;
/** The session settings of the library (session-settings.ts). */
const SETTINGS = {
  datestyle: 'ISO,MDY',
  intervalstyle: 'postgres',
  bytea_output: 'hex',
  extra_float_digits: '3',
  timezone: 'UTC',
  lc_monetary: 'C',
  search_path: 'public',
};

/** Built-in types whose text form is a name, and whose binary form is an OID. */
const NAMED = Object.fromEntries(
  [
    ...['regproc', 'regprocedure', 'regoper', 'regoperator', 'regclass', 'regtype', 'regcollation', 'regrole'],
    ...['regnamespace', 'regconfig', 'regdictionary'],
  ].map((name) => [name, true]),
);

/** Statistics of the system catalogs, whose binary form is internal. */
const INTERNAL = [
  ...['pg_node_tree', 'pg_ndistinct', 'pg_dependencies', 'pg_mcv_list'],
  ...['pg_brin_bloom_summary', 'pg_brin_minmax_multi_summary'],
];

/** The type of a row built by ROW(…). Its value contains the types of its fields. */
const ANY_RECORD = 1_000_000_000;

describe('values in binary form', () => {
  let bed: TestBed;
  let client: Client;
  let definitions: TypeDefinitions;

  beforeAll(async () => {
    bed = await TestBed.make(
      'binary',
      `CREATE TYPE mood AS ENUM ('so, so', 'happy');
       CREATE DOMAIN positive AS int CHECK (VALUE > 0);
       CREATE DOMAIN more_positive AS positive;
       CREATE DOMAIN places AS box;
       CREATE DOMAIN numbers AS int[];
       CREATE DOMAIN moods AS mood[];
       CREATE TYPE pair AS (a int, b text);
       CREATE TYPE nest AS (p pair, ps pair[], m mood, d positive, n numbers, r int4range);
       CREATE TYPE nothing AS ();
       CREATE TYPE altered AS (a int, b text, c date);
       CREATE TYPE words AS RANGE (subtype = text, collation = "C", multirange_type_name = manywords);
       CREATE TYPE ofpairs AS RANGE (subtype = pair, multirange_type_name = manyofpairs);
       CREATE DOMAIN anypair AS pair;`,
    );
    client = new Client({
      connectionString: bed.database.url,
      options: Object.entries(SETTINGS)
        .map(([name, value]) => `-c ${name}=${value}`)
        .join(' '),
    });
    await client.connect();
    definitions = await readShapes();
  });

  afterAll(async () => {
    await client.end();
    await bed.drop();
  });

  /** The rows of pg_type for types that are not built in. */
  async function readShapes(): Promise<TypeDefinitions> {
    const { rows } = await client.query<{ oid: number; definition: TypeDefinition }>(
      `SELECT t.oid, CASE
          WHEN typtype = 'e' THEN jsonb_build_object('kind', 'enum')
          WHEN typtype = 'd' THEN jsonb_build_object('kind', 'domain', 'base', typbasetype::int8)
          WHEN typtype = 'r' THEN jsonb_build_object('kind', 'range', 'subtype', r.rngsubtype::int8)
          WHEN typtype = 'm' THEN jsonb_build_object('kind', 'multirange', 'range', m.rngtypid::int8)
          WHEN typtype = 'c' THEN jsonb_build_object('kind', 'composite', 'attributes', (
            SELECT coalesce(jsonb_agg(jsonb_build_object('name', attname, 'typeOid', atttypid::int8) ORDER BY attnum), '[]')
              FROM pg_attribute WHERE attrelid = typrelid AND attnum > 0 AND NOT attisdropped))
          WHEN typcategory = 'A' THEN jsonb_build_object('kind', 'array', 'element', typelem::int8,
            'delimiter', (SELECT typdelim FROM pg_type AS e WHERE e.oid = t.typelem))
          ELSE jsonb_build_object('kind', 'base') END AS definition
        FROM pg_type AS t LEFT JOIN pg_range AS r ON r.rngtypid = t.oid LEFT JOIN pg_range AS m ON m.rngmultitypid = t.oid
        WHERE t.oid >= 16384`,
    );
    const known = new Map(rows.map(({ oid, definition }) => [oid, definition]));
    known.set(ANY_RECORD, { kind: 'composite', attributes: [] });
    return (oid) => known.get(oid);
  }

  async function oidOf(type: string): Promise<number> {
    const { rows } = await client.query<{ oid: number }>('SELECT $1::regtype::oid AS oid', [type]);
    return rows[0]!.oid;
  }

  async function sendFunctionOf(oid: number): Promise<string> {
    const { rows } = await client.query<{ send: string }>('SELECT typsend::text AS send FROM pg_type WHERE oid = $1', [
      oid,
    ]);
    return rows[0]?.send ?? 'record_send';
  }

  /** Compares the decoded text with the server's, for each row of a query with one column of this type. */
  async function expectSameTexts(oid: number, query: string, parameters: unknown[] = []): Promise<void> {
    const write = createBinaryReader(oid, definitions);
    if (write === undefined) throw new Error(`The form of type ${oid} is not known`);
    const { rows } = await client.query<{ text: string; hex: string }>(
      `SELECT format('%s', v) AS text, encode(${await sendFunctionOf(oid)}(v${oid === BUILT_IN_TYPES.get('refcursor') ? '::text' : ''}), 'hex') AS hex FROM (${query}) AS q (v)`,
      parameters,
    );
    expect(rows.length).toBeGreaterThan(0);
    const differences = rows.flatMap(({ text, hex }) => {
      // Within other bytes, as in a message.
      const bytes = Buffer.from(`ffff${hex}ffff`, 'hex');
      const ours = write(bytes, 2, bytes.length - 2);
      return ours === text ? [] : [{ ours, text, hex }];
    });
    expect(differences.slice(0, 3)).toEqual([]);
  }

  /** A query for all values of a type. `$1` is an array of their texts. */
  function valuesOf(type: string, random?: string): string {
    const texts = `SELECT unnest($1::text[])::${type}`;
    return random === undefined
      ? texts
      : `${texts} UNION ALL SELECT (${random})::${type} FROM generate_series(1, ${RANDOM_ROWS}) AS i`;
  }

  function textsOf(type: string): string[] {
    const texts = [...VALUES[type]!.texts];
    if (type === 'char' && bed.server.version >= 15) texts.push('\\200', '\\377');
    if (type === 'interval' && bed.server.version >= 15)
      texts.push('2562047788:00:54.775807', '-2562047788:00:54.775807', '1 day -2562047788:00:54.775807');
    if (type === 'interval' && bed.server.version >= 17) texts.push('infinity', '-infinity');
    return texts;
  }

  it('are supported for every built-in type with a binary form', async () => {
    const { rows } = await client.query<{ oid: number; name: string }>(
      `SELECT oid, typname AS name FROM pg_type WHERE typsend <> 0 AND typtype IN ('b', 'r', 'm') AND oid < 16384
        AND NOT EXISTS (SELECT FROM pg_type AS e WHERE e.oid = pg_type.typelem AND pg_type.typcategory = 'A'
          AND (e.typsend = 0 OR e.typtype NOT IN ('b', 'r', 'm')))`,
    );
    const unknown = rows
      .filter(({ oid }) => createBinaryReader(oid, definitions) === undefined)
      .map(({ name }) => name);
    expect(unknown.sort()).toEqual(INTERNAL.sort());
    const bare = rows.map(({ name }) => name).filter((name) => !name.startsWith('_') && !INTERNAL.includes(name));
    expect(bare.filter((name) => !(name in VALUES) && !(name in NAMED))).toEqual([]);
    expect(rows.filter(({ oid, name }) => !INTERNAL.includes(name) && BUILT_IN_TYPES.get(name) !== oid)).toEqual([]);
  });

  describe.each(Object.entries(VALUES).map(([name, { random }]) => ({ name, random })))(
    'of type $name',
    ({ name, random }) => {
      const type = `pg_catalog.${JSON.stringify(name)}`;
      const oid = BUILT_IN_TYPES.get(name)!;

      it("equal the server's text", async () => {
        expect(await oidOf(type)).toBe(oid);
        await expectSameTexts(oid, valuesOf(type, random), [textsOf(name)]);
      });

      it("equal the server's text in arrays of any shape", async () => {
        // SQL would concatenate these arrays to one with more dimensions.
        const isVector = name === 'int2vector' || name === 'oidvector';
        const all = isVector
          ? `SELECT $1::text[]::text::${type}[] AS a`
          : `SELECT array_agg(v) AS a FROM (${valuesOf(type, random)}) AS q (v)`;
        const forms = isVector
          ? ['a']
          : [
              'a',
              'array_append(a, NULL)',
              'a[1:0]',
              'ARRAY[a, a]',
              'array_fill(a[1], ARRAY[2, 1, 2], ARRAY[0, -3, 1])',
              'array_fill(a[1], ARRAY[1, 1], ARRAY[-2147483648, 2147483646])',
            ];
        await expectSameTexts(
          BUILT_IN_TYPES.get(`_${name}`)!,
          forms.map((form) => `SELECT ${form} FROM (${all}) AS q`).join(' UNION ALL '),
          [textsOf(name)],
        );
      });

      it("equal the server's text in rows", async () => {
        await expectSameTexts(ANY_RECORD, `SELECT ROW(v, NULL, ARRAY[v]) FROM (${valuesOf(type, random)}) AS q (v)`, [
          textsOf(name),
        ]);
      });
    },
  );

  it.each(Object.keys(NAMED))('of type %s are OIDs', async (name) => {
    const oid = BUILT_IN_TYPES.get(name)!;
    const write = createBinaryReader(oid, definitions)!;
    const { rows } = await client.query<{ oid: string; hex: string }>(
      `SELECT v::text AS oid, encode(${name}send(v::oid::${name}), 'hex') AS hex FROM unnest('{0,11,4294967295}'::oid[]) AS v`,
    );
    expect(rows.map(({ hex }) => write(Buffer.from(hex, 'hex'), 0, 4))).toEqual(rows.map((row) => row.oid));
  });

  it.each([
    ['float4', float4s(5000)],
    ['float8', float8s(5000)],
  ])("of type %s have the server's digits, for random values", async (name, numbers) => {
    const texts = numbers.map((number) => (Object.is(number, -0) ? '-0' : String(number)));
    await expectSameTexts(BUILT_IN_TYPES.get(name)!, `SELECT unnest($1::text[])::${name}`, [texts]);
  });

  it('are quoted in arrays, rows and ranges as on the server, whatever their text', async () => {
    const texts = fc.sample(quotedText, 2000);
    await expectSameTexts(await oidOf('text[]'), 'SELECT ARRAY[v, NULL, v] FROM unnest($1::text[]) AS v', [texts]);
    await expectSameTexts(await oidOf('pair'), 'SELECT ROW(NULL, v)::pair FROM unnest($1::text[]) AS v', [texts]);
    await expectSameTexts(await oidOf('words'), `SELECT words(v, v, '[]') FROM unnest($1::text[]) AS v`, [texts]);
    await expectSameTexts(
      await oidOf('manywords'),
      `SELECT manywords(words(v, NULL), words(NULL, v)) FROM unnest($1::text[]) AS v`,
      [texts],
    );
    await expectSameTexts(
      await oidOf('words[]'),
      `SELECT ARRAY[words(v, v || 'x'), 'empty'] FROM unnest($1::text[]) AS v`,
      [texts],
    );
    await expectSameTexts(
      await oidOf('ofpairs'),
      `SELECT ofpairs(ROW(1, v)::pair, NULL) FROM unnest($1::text[]) AS v`,
      [texts],
    );
    await expectSameTexts(
      await oidOf('nest'),
      `SELECT ROW(ROW(1, v), ARRAY[ROW(2, v), NULL]::pair[], NULL, 7, '[0:1]={1,2}', '[1,5)')::nest FROM unnest($1::text[]) AS v`,
      [texts],
    );
    await expectSameTexts(
      await oidOf('tsvector'),
      `SELECT array_to_tsvector(ARRAY[v || 'x', v || 'y']) FROM unnest($1::text[]) AS v`,
      [texts],
    );
  });

  it("of type tsquery have the server's parentheses, for random values", async () => {
    await expectSameTexts(await oidOf('tsquery'), 'SELECT unnest($1::text[])::tsquery', [
      fc.sample(printedTsquery, 2000),
    ]);
  });

  it.each([
    // The header of such an array contains the element type from which it was cast.
    ['varchar[]', [`ARRAY['a', NULL]::text[]::varchar[]`]],
    ['mood', [`'so, so'`, `'happy'`]],
    ['mood[]', [`'{"so, so",happy,NULL}'`]],
    ['moods', [`'{"so, so",happy,NULL}'`]],
    ['moods[]', [`ARRAY['{"so, so",happy}'::moods, NULL]`]],
    ['positive', ['7']],
    ['more_positive', ['7']],
    ['more_positive[]', [`'{7,NULL}'`]],
    ['places', [`'(1,1),(0,0)'`]],
    ['places[]', [`'{(1,1),(0,0);(2,2),(1,1)}'`]],
    ['numbers', [`'{1,2}'`, `'[0:1]={1,NULL}'`, `'{}'`]],
    ['numbers[]', [`ARRAY['{1,2}'::numbers, NULL, '{}']`]],
    ['pair', ['ROW(1, NULL)', `ROW(NULL, 'a "b", (c)')`, 'ROW(NULL, NULL)', `ROW(1, '')`]],
    ['anypair', [`ROW(1, 'x y')`]],
    ['anypair[]', [`ARRAY[ROW(1, 'x y')]::anypair[]`]],
    ['pair[]', [`ARRAY[ROW(1, 'x\\y'), NULL, ROW(2, 'NULL')]::pair[]`]],
    ['nothing', ['ROW()']],
    ['nothing[]', ['ARRAY[ROW()::nothing, NULL]']],
    ['manyofpairs', [`manyofpairs(ofpairs(ROW(1, 'a"')::pair, NULL))`, `'{}'`]],
  ])("of a type like %s equal the server's text", async (type, values) => {
    await expectSameTexts(await oidOf(type), values.map((value) => `SELECT ${value}::${type}`).join(' UNION ALL '));
  });

  it('of a composite type that was altered after the lookup have the current attributes', async () => {
    const oid = await oidOf('altered');
    await client.query('ALTER TYPE altered DROP ATTRIBUTE b');
    await client.query('ALTER TYPE altered ADD ATTRIBUTE d numeric');
    await expectSameTexts(oid, `SELECT ROW(1, '2024-02-29', 1.50)::altered`);
  });
});
