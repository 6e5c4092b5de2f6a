import type { PgoutputConfig } from '../../lib/index';
import { TestBed, ofKind } from './support/bed';

const SPECIAL = `'NaN'::float4 AS a, 'Infinity'::float4 AS b, '-Infinity'::float8 AS c, '-0'::float4 AS d, '-0'::float8 AS e, 0::float8 AS f,
  'NaN'::numeric AS g, 'Infinity'::numeric AS h, '-Infinity'::numeric AS i,
  'infinity'::date AS j, '-infinity'::date AS k, 'infinity'::timestamp AS l, '-infinity'::timestamptz AS m,
  ARRAY[['NaN', 'Infinity'], ['-0', NULL]]::float8[] AS n, '{NaN,-Infinity}'::numeric[] AS o,
  '{infinity,-infinity}'::timestamptz[] AS p, '{{infinity},{-infinity}}'::date[] AS q, '{infinity}'::timestamp[] AS r,
  'infinity'::at AS s, ARRAY['infinity', '-infinity']::at[] AS t, 'NaN'::measure AS u, ARRAY['-Infinity']::measure[] AS v,
  '[-infinity,infinity)'::tstzrange AS w, '{[Infinity,NaN]}'::nummultirange AS x,
  ROW('Infinity', 'infinity', '{-infinity}', 'infinity')::sample AS y,
  ARRAY[ROW('NaN', '-infinity', '{infinity}', NULL), NULL]::sample[] AS z`;

let bed: TestBed;
let special: string;

beforeAll(async () => {
  bed = await TestBed.make(
    'json',
    `SET timezone = 'UTC'; CREATE DOMAIN at AS timestamptz; CREATE DOMAIN measure AS float8;
     CREATE TYPE sample AS (f float8, d date, ats timestamptz[], at at);
     CREATE PUBLICATION pub FOR ALL TABLES`,
  );
  special = bed.server.version < 17 ? SPECIAL : `${SPECIAL}, '{infinity,-infinity}'::interval[]::text[] AS z1`;
});

afterAll(() => bed.drop());

/** The server's JSON, except for −0, which it prints as 0. */
function shownByServer(json: string): unknown {
  return JSON.parse(json, (_, value: unknown) => (Object.is(value, -0) ? '-0' : value));
}

it.each<[string, Partial<PgoutputConfig>]>([
  ['default types', {}],
  ['default types, in binary', { binary: true }],
  ['exact types', { types: 'exact' }],
  ['exact types, in binary', { types: 'exact', binary: true }],
])('JSON.stringify writes values that are not JSON numbers as to_json does: %s', async (_, more) => {
  const messages = await bed.messagesOf(
    () => bed.sql(`DROP TABLE IF EXISTS samples; CREATE TABLE samples AS SELECT ${special}`),
    { composites: true, ...more },
  );
  const [insert] = ofKind(messages, 'insert');
  const [row] = await bed.sql<{ json: string }>('SELECT to_json(samples)::text AS json FROM samples');
  expect(JSON.parse(JSON.stringify(insert))).toMatchObject({ new: shownByServer(row?.json ?? '') });
});

it('an infinite interval differs from an empty one, from 17 on', async () => {
  if (bed.server.version < 17) {
    await expect(bed.sql(`SELECT 'infinity'::interval`)).rejects.toThrow(/invalid input syntax|out of range/);
    return;
  }
  const messages = await bed.messagesOf(
    () => bed.sql(`CREATE TABLE spans AS SELECT 'infinity'::interval AS v, '{-infinity}'::interval[] AS list`),
    { types: 'exact' },
  );
  const [row] = await bed.sql<{ json: string }>('SELECT to_json(spans)::text AS json FROM spans');
  expect(JSON.parse(JSON.stringify(ofKind(messages, 'insert')[0]))).toMatchObject({ new: JSON.parse(row?.json ?? '') });
});
