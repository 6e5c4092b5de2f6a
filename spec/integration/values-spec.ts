import { Client, types as pgTypes } from 'pg';
import { logicalReplication, type PgoutputConfig, type Row } from '../../lib/index';
import { uniqueName } from '../support/server';
import { TestBed, ofKind } from './support/bed';

/** Columns with values that are easily decoded incorrectly, as SQL literals. */
const COLUMNS: Record<string, readonly string[]> = {
  boolean: ['true', 'false', 'NULL'],
  smallint: ['-32768', '32767'],
  integer: ['-2147483648', '2147483647'],
  bigint: ["'-9223372036854775808'", '9223372036854775807', '9007199254740993'],
  real: ["'NaN'", "'-Infinity'", '3.4028235e38', '0.1', '1e-45'],
  'double precision': ["'NaN'", "'Infinity'", '0.1::float8 + 0.2::float8', '5e-324', "'-0'", '1.7976931348623157e308'],
  numeric: ["'NaN'", "'Infinity'", "'-Infinity'", '12345678901234567890.123456789012345678901234567890', '-0.00'],
  'numeric(6,2)': ['1.5', '-9999.99'],
  money: ['1234567.89', '-0.05'],
  text: ["''", "'grüße, 世界 🐘'", String.raw`E'line\nbreak\ttab \\ back'`, "'NULL'", "'null'"],
  'varchar(5)': ["'a b'"],
  'char(5)': ["'ab'"],
  '"char"': ["'x'"],
  name: ["'a name'"],
  bytea: [String.raw`'\x'`, String.raw`'\x00ff5c27'`, String.raw`'\\abc'::bytea`],
  date: ["'2024-02-29'", "'infinity'", "'-infinity'", "'0044-03-15 BC'", "'5874897-12-31'"],
  time: ["'24:00:00'", "'00:00:00.000001'"],
  timetz: ["'23:59:59.999999+15:59:59'", "'04:05-08'"],
  timestamp: [
    "'2024-05-06 07:08:09.123456'",
    "'infinity'",
    "'-infinity'",
    "'0001-01-01 00:00:00 BC'",
    "'294276-12-31 23:59:59.999999'",
  ],
  timestamptz: [
    "'2024-05-06 07:08:09.123456+05:30'",
    "'infinity'",
    "'1883-11-18 12:00:00 America/New_York'",
    "'0044-03-15 12:00:00+00 BC'",
  ],
  interval: ["'1 year 2 mons -3 days 04:05:06.789'", "'-00:00:00.000001'", "'0'", "'-178000000 years'"],
  uuid: ["'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'"],
  inet: ["'192.168.0.1/24'", "'::ffff:1.2.3.4'"],
  cidr: ["'10.0.0.0/8'"],
  macaddr: ["'08:00:2b:01:02:03'"],
  json: [`'{"big": 12345678901234567890, "f": 1.0,  "a": [1, null]}'`, "'null'"],
  jsonb: [`'{"big": 12345678901234567890, "__proto__": {"x": 1}, "é": "\\u0041"}'`, '\'"text"\'', "'null'"],
  point: ["'(1.5,-2)'"],
  line: ["'{1,2,3}'"],
  lseg: ["'[(0,0),(1,1)]'"],
  box: ["'(1,1),(0,0)'"],
  path: ["'[(0,0),(1,1)]'"],
  polygon: ["'((0,0),(1,0),(1,1))'"],
  circle: ["'<(1,2),3>'"],
  'bit(3)': ["B'101'"],
  varbit: ["B''", "B'10110'"],
  xml: ['\'<a b="c">d</a>\''],
  tsvector: ["'fat:2A cat:3'"],
  tsquery: ["'fat & !cat'"],
  pg_lsn: ["'16/B374D848'"],
  oid: ['4294967295'],
  regclass: ["'pg_class'"],
  int4range: ["'[1,5)'", "'empty'", "'(,3)'"],
  numrange: ["'[1.5,)'"],
  tsrange: ["'[2024-01-01 00:00, 2024-01-02 03:04)'"],
  tstzrange: ["'[2024-01-01 00:00+02, infinity)'"],
  daterange: ["'[2024-01-01, 2024-02-01)'"],
  int4multirange: ["'{[1,3),[5,7)}'"],
  'integer[]': ["'{}'", "'{1,NULL,3}'", "'{{1,2},{3,4}}'", "'[0:2]={1,2,3}'"],
  'bigint[]': ["'{9223372036854775807}'"],
  'text[]': [String.raw`ARRAY['a,b', 'q"uo\te', '', NULL, 'NULL', '{}']`],
  'numeric[]': ["'{1.10,NaN}'"],
  'float8[]': ["'{0.1,Infinity}'"],
  'boolean[]': ["'{t,f,NULL}'"],
  'timestamptz[]': ["'{2024-05-06 07:08:09.123456+00,infinity}'"],
  'date[]': ["'{2024-02-29}'"],
  'bytea[]': [String.raw`ARRAY['\x00ff'::bytea]`],
  'json[]': [`ARRAY['{"a": 1}'::json]`],
  'interval[]': ["'{1 day,-1 mon}'"],
  'uuid[]': ["'{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}'"],
  mood: ["'so, so'", "'happy'"],
  'mood[]': [`'{"so, so",happy}'`],
  pair: [`ROW(1, 'a "b", (c)')`, 'ROW(NULL, NULL)'],
  'pair[]': [`ARRAY[ROW(1, 'x')::pair]`],
};

const TYPES = Object.keys(COLUMNS);
/** The number of rows in which every value occurs. */
const ROWS = Math.max(...Object.values(COLUMNS).map((values) => values.length));

function rowOf(index: number): string {
  const values = TYPES.map((type) => `(${COLUMNS[type]![index] ?? 'NULL'})::${type}`);
  return `(${index}, ${values.join(', ')})`;
}

/** For jest, invalid Dates are never equal. pg returns them for years outside the range of Date. */
function comparable(value: unknown): unknown {
  return value instanceof Date && Number.isNaN(value.getTime()) ? String(value) : value;
}

describe('values', () => {
  let bed: TestBed;
  let role: string;
  let slot: string;

  beforeAll(async () => {
    bed = await TestBed.make(
      'values',
      `CREATE TYPE mood AS ENUM ('so, so', 'happy');
       CREATE DOMAIN positive AS int CHECK (VALUE > 0);
       CREATE DOMAIN moment AS timestamptz;
       CREATE DOMAIN numbers AS int[];
       CREATE TABLE domains (id positive PRIMARY KEY, at moment, list numbers);
       CREATE TYPE pair AS (a int, b text);
       CREATE TABLE wide (id int PRIMARY KEY, ${TYPES.map((type, i) => `c${i} ${type}`).join(', ')});
       CREATE TABLE odd ("__proto__" int PRIMARY KEY, "constructor" text, kind text, "toString" text, "a""b, c" text, "toJSON" json);
       ALTER TABLE odd REPLICA IDENTITY FULL;
       CREATE PUBLICATION pub FOR TABLE wide, domains;
       CREATE PUBLICATION "My, ""odd"" 'Pub\\'" FOR TABLE odd;`,
    );
    slot = await bed.slot();
    await bed.sql(`INSERT INTO wide VALUES ${Array.from({ length: ROWS }, (_, i) => rowOf(i)).join(', ')}`);

    role = uniqueName('hostile');
    const { name } = bed.database;
    await bed.sql(
      `CREATE ROLE ${role} LOGIN SUPERUSER;
       ALTER ROLE ${role} SET client_encoding = 'LATIN1';
       ALTER ROLE ${role} SET search_path = 'nowhere';
       ALTER ROLE ${role} SET timezone = 'America/St_Johns';
       ALTER ROLE ${role} SET client_min_messages = 'error';
       ALTER DATABASE ${name} SET datestyle = 'German, DMY';
       ALTER DATABASE ${name} SET intervalstyle = 'iso_8601';
       ALTER DATABASE ${name} SET bytea_output = 'escape';
       ALTER DATABASE ${name} SET extra_float_digits = 0;
       ALTER DATABASE ${name} SET timezone = 'Asia/Kolkata';
       ALTER DATABASE ${name} SET xmloption = 'document';
       ALTER DATABASE ${name} SET quote_all_identifiers = on;
       ALTER DATABASE ${name} SET standard_conforming_strings = off;
       ALTER DATABASE ${name} SET statement_timeout = '1s';`,
    );
  });

  afterAll(async () => {
    await bed.drop();
    await bed.server.query(`DROP ROLE ${role}`);
  });

  /** Connects with the unusual settings of the role and of the database. */
  function hostile(more: Partial<PgoutputConfig> = {}): Partial<PgoutputConfig> {
    return { connection: { connectionString: bed.database.url, user: role }, ...more };
  }

  it('equal those of pg, whatever the settings of role and database', async () => {
    const copy = uniqueName('slot');
    await bed.sql('SELECT pg_copy_logical_replication_slot($1, $2)', [slot, copy]);
    // pg does not look up types either.
    const messages = await bed.readTo(copy, await bed.position(), hostile({ lookUpTypes: false }));

    const client = new Client({
      connectionString: bed.database.url,
      options:
        '-c datestyle=ISO -c intervalstyle=postgres -c bytea_output=hex -c extra_float_digits=3 -c timezone=UTC -c search_path=pg_catalog -c quote_all_identifiers=off',
    });
    await client.connect();
    const { rows } = await client.query<Row>('SELECT * FROM public.wide ORDER BY id');
    await client.end();

    expect(rows).toHaveLength(ROWS);
    // By row and with the type's name, to locate a difference.
    const named = (row: Row) => Object.fromEntries(TYPES.map((type, i) => [type, comparable(row[`c${i}`])]));
    expect(ofKind(messages, 'insert').map((insert) => named(insert.new))).toEqual(rows.map(named));
    // Values that would be the same on both sides without the session settings.
    const first = named(ofKind(messages, 'insert')[1]!.new);
    expect(first).toMatchObject({
      bytea: Buffer.from([0, 255, 0x5c, 0x27]),
      text: 'grüße, 世界 🐘',
      date: Infinity,
      bigint: '9223372036854775807',
      tstzrange: null,
      regclass: null,
    });
    const zeroth = named(ofKind(messages, 'insert')[0]!.new);
    expect(zeroth).toMatchObject({
      timestamptz: new Date('2024-05-06T01:38:09.123Z'),
      tstzrange: '["2023-12-31 22:00:00+00",infinity)',
      interval: expect.objectContaining({ years: 1, months: 2, days: -3, hours: 4, milliseconds: 789 }),
      bytea: Buffer.alloc(0),
      numeric: 'NaN',
      mood: 'so, so',
    });
  });

  it('of a domain equal those of its base type, as in pg', async () => {
    const messages = await bed.messagesOf(
      () => bed.sql("INSERT INTO domains VALUES (5, '2024-05-06 07:08:09Z', '{1,2}')"),
      hostile(),
    );
    const rows = await bed.sql('SELECT * FROM domains');
    expect(rows).toEqual([{ id: 5, at: new Date('2024-05-06T07:08:09Z'), list: [1, 2] }]);
    expect(ofKind(messages, 'insert').map((insert) => insert.new)).toEqual(rows);
  });

  it('are decoded by custom parsers if given', async () => {
    const types: PgoutputConfig['types'] = {
      getTypeParser: (oid, format) => (oid === 20 ? BigInt : pgTypes.getTypeParser(oid, format)),
    };
    const messages = await bed.readTo(slot, await bed.position(), hostile({ types }));
    const column = `c${TYPES.indexOf('bigint')}`;
    expect(
      ofKind(messages, 'insert')
        .slice(0, 3)
        .map((insert) => insert.new[column]),
    ).toEqual([-9223372036854775808n, 9223372036854775807n, 9007199254740993n]);
    expect(JSON.stringify(messages)).toContain('"-9223372036854775808"');
  });

  it('support columns and publications with unusual names', async () => {
    const odd = await bed.slot();
    await bed.sql(`INSERT INTO odd VALUES (1, 'c', 'k', 's', 'q', '{"a": 1}')`);
    await bed.sql('UPDATE odd SET "__proto__" = 2');
    await bed.sql('DELETE FROM odd');
    const messages = await bed.readTo(odd, await bed.position(), hostile({ publications: [`My, "odd" 'Pub\\'`] }));

    const rows = [
      ofKind(messages, 'insert')[0]!.new,
      ofKind(messages, 'update')[0]!.old!,
      ofKind(messages, 'update')[0]!.new,
      ofKind(messages, 'delete')[0]!.old!,
    ];
    expect(rows.map((row) => Object.entries(row))).toEqual(
      [1, 1, 2, 2].map((id) => [
        ['__proto__', id],
        ['constructor', 'c'],
        ['kind', 'k'],
        ['toString', 's'],
        ['a"b, c', 'q'],
        ['toJSON', { a: 1 }],
      ]),
    );
    expect(rows.every((row) => Object.getPrototypeOf(row) === Object.prototype)).toBe(true);
    expect(ofKind(messages, 'insert')[0]!.kind).toBe('insert');
    expect(JSON.parse(JSON.stringify(messages.find((message) => message.kind === 'insert')))).toMatchObject({
      new: { constructor: 'c', toJSON: { a: 1 } },
    });
  });

  it('a missing publication is named, whatever its name', async () => {
    const stream = logicalReplication(bed.config(slot, hostile({ publications: ['pub', `It's "n,ot"`] })));
    await expect(
      new Promise((_, reject) => {
        stream.subscribe({ error: reject });
      }),
    ).rejects.toMatchObject({ code: 'PUBLICATION_MISSING', message: expect.stringContaining(`It's \\"n,ot\\"`) });
  });
});
