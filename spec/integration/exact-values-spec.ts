import fc, { type Arbitrary } from 'fast-check';
import { JsonNumber } from '../../lib/pgoutput/values/exact-json';
import { DOCUMENT } from '../pgoutput/support/json-documents';
import { PRINTED } from '../pgoutput/support/printed';
import { TestBed, ofKind } from './support/bed';

/** The number of random values of each type. */
const VALUES = 150;

const time = fc.nat(86_400_000_000 - 1).map((micros) => {
  const second = new Date(Math.floor(micros / 1_000_000) * 1000).toISOString().slice(11, 19);
  return `${second}.${String(micros % 1_000_000).padStart(6, '0')}`;
});
const hours = fc.integer({ min: -15, max: 15 }).map((count) => `${count < 0 ? '-' : '+'}${Math.abs(count)}`);
const bigInt = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
/** jsonb cannot contain `\u0000`. */
const document = DOCUMENT.map(({ text }) => text).filter((text) => !text.includes('\\u0000'));
/** Days up to 28, which every month has, and years within the range of timestamp. */
const isInCalendar = (text: string): boolean => !/-(?:29|30|31)|^4714|^294276/.test(text);

/** The JavaScript type for each PostgreSQL type, and random values as server input. */
const TYPES: Readonly<Record<string, readonly [kind: string, text: Arbitrary<string>]>> = {
  boolean: ['boolean', printed('bool')],
  smallint: ['number', printed('int2')],
  integer: ['number', printed('int4')],
  oid: ['number', printed('oid')],
  bigint: ['bigint', printed('int8')],
  big: ['bigint', printed('int8')],
  xid8: ['bigint', fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String)],
  real: ['number', printed('float4')],
  'double precision': ['number', printed('float8')],
  numeric: ['string', printed('numeric')],
  'numeric(40,7)': ['string', fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }).map(String)],
  money: ['string', fc.bigInt({ min: -(2n ** 56n), max: 2n ** 56n }).map((units) => `${units}.05`)],
  text: ['string', printed('text').filter((text) => !text.includes('\0'))],
  bytea: ['Buffer', printed('bytea')],
  date: ['string', printed('date').filter(isInCalendar)],
  time: ['string', fc.oneof(time, fc.constant('24:00:00'))],
  timetz: ['string', fc.tuple(time, hours).map((parts) => parts.join(''))],
  timestamp: ['string', printed('timestamp').filter(isInCalendar)],
  timestamptz: ['string', printed('timestamptz').filter(isInCalendar)],
  interval: ['string', fc.tuple(fc.integer(), fc.integer(), time).map(([m, d, t]) => `${m} mons ${d} days -${t}`)],
  uuid: ['string', printed('uuid')],
  int8range: ['string', fc.tuple(bigInt, bigInt).map(([a, b]) => (a < b ? `[${a},${b})` : `[${b},${a})`))],
  json: ['JSON', document],
  jsonb: ['JSON', document],
};

describe('exact values', () => {
  let bed: TestBed;
  const types = Object.entries(TYPES).flatMap(([type, [kind, text]], i) => {
    const one = { type, kind, text, table: `one_${i}` };
    const texts = kind === 'JSON' ? listOf(text) : arrayOf(text);
    // An array of a domain is not a built-in type.
    return type === 'big' ? [one] : [one, { type: `${type}[]`, kind, text: texts, table: `many_${i}` }];
  });
  /** By table: the server's text of each value, and the decoded value. */
  const rows = new Map<string, { id: number; text: string; value: unknown }[]>();

  beforeAll(async () => {
    bed = await TestBed.make('exact', 'CREATE DOMAIN big AS bigint; CREATE PUBLICATION pub FOR ALL TABLES;');
    await bed.sql(
      `SET timezone = 'UTC'; SET datestyle = 'ISO'; SET intervalstyle = 'postgres'; SET extra_float_digits = 3;`,
    );
    for (const { table, type } of types) await bed.sql(`CREATE TABLE ${table} (id int PRIMARY KEY, v ${type})`);
    const messages = await bed.messagesOf(
      async () => {
        for (const { table, type, text } of types) {
          const inserted = await bed.sql<{ id: number; text: string }>(
            `INSERT INTO ${table} SELECT id, text::${type} FROM unnest($1::text[]) WITH ORDINALITY AS given(text, id)
             RETURNING id, v::text AS text`,
            [fc.sample(text, VALUES)],
          );
          rows.set(
            table,
            inserted.map((row) => ({ ...row, value: undefined })),
          );
        }
      },
      { types: 'exact' },
    );
    const inserts = ofKind(messages, 'insert');
    for (const { table } of types) {
      const values = new Map(inserts.filter((one) => one.table === table).map((one) => [one.new['id'], one.new['v']]));
      for (const row of rows.get(table)!) row.value = values.get(row.id);
    }
  }, 120_000);

  afterAll(() => bed.drop());

  it.each(types)("of $type equal the server's", async ({ type, kind, table }) => {
    const read = rows.get(table)!;
    expect(read).toHaveLength(VALUES);
    const leaves = read.flatMap(({ value }) => (Array.isArray(value) && type.endsWith('[]') ? value.flat(2) : [value]));
    if (kind === 'JSON') expect(leaves).not.toContain(undefined);
    else expect(new Set(leaves.filter((leaf) => leaf !== null).map(kindOf))).toEqual(new Set([kind]));
    if (kind === 'string' && !type.endsWith('[]')) {
      expect(read.map(({ value }) => value)).toEqual(read.map(({ text }) => text));
    }

    // A JSON number is equal with more trailing zeros after its point; in other types every character counts.
    const compared = kind === 'JSON' ? type.replace(/^jsonb?/, 'jsonb') : 'text';
    const different = await bed.sql(
      `SELECT back.text AS value, t.v::text AS text FROM unnest($1::int[], $2::text[]) AS back(id, text)
       JOIN ${table} t USING (id) WHERE back.text::${type}::${compared} IS DISTINCT FROM t.v::${compared}`,
      [read.map(({ id }) => id), read.map(({ value }) => print(value, type))],
    );
    expect(different).toEqual([]);
  });

  it('include JSON numbers of every kind', () => {
    const found = new Set<string>();
    const look = (value: unknown): void => {
      found.add(kindOf(value));
      if (typeof value === 'object' && value !== null) Object.values(value).forEach(look);
    };
    const table = types.find(({ type }) => type === 'jsonb')!.table;
    for (const { value } of rows.get(table)!) look(value);
    expect([...found]).toEqual(expect.arrayContaining(['number', 'bigint', 'JsonNumber', 'string', 'boolean']));
  });
});

/** Texts of a type from the unit specs. */
function printed(type: string): Arbitrary<string> {
  const found = PRINTED.find(([, name]) => name === type);
  if (!found) throw new Error(`There are no texts of ${type}`);
  return found[2];
}

/** One or two dimensions, with some NULLs. */
function arrayOf(element: Arbitrary<string>): Arbitrary<string> {
  const item = fc.option(element.map(quoted), { nil: 'NULL', freq: 10 });
  const list = (length: number): Arbitrary<string> =>
    fc.array(item, { minLength: length, maxLength: length }).map((items) => `{${items.join()}}`);
  const nested = fc
    .tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 }))
    .chain(([rows, columns]) => fc.array(list(columns), { minLength: rows, maxLength: rows }))
    .map((lists) => `{${lists.join()}}`);
  return fc.oneof(fc.nat(4).chain(list), nested);
}

/** An array of JSON does not distinguish NULL from a JSON null, nor a dimension from a JSON array. */
function listOf(element: Arbitrary<string>): Arbitrary<string> {
  return fc.array(element.map(quoted), { maxLength: 4 }).map((items) => `{${items.join()}}`);
}

/** Converts a value to a query parameter. */
function print(value: unknown, type: string): string {
  if (type === 'json' || type === 'jsonb') return printJson(value);
  if (Array.isArray(value)) return `{${value.map((item) => printItem(item, type)).join()}}`;
  if (Object.is(value, -0)) return '-0';
  return Buffer.isBuffer(value) ? `\\x${value.toString('hex')}` : String(value);
}

function printItem(item: unknown, type: string): string {
  if (type.startsWith('json')) return quoted(printJson(item));
  if (item === null) return 'NULL';
  return Array.isArray(item) ? print(item, type) : quoted(print(item, type));
}

function printJson(value: unknown): string {
  if (value instanceof JsonNumber || typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return `[${value.map(printJson).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([name, member]) => `${JSON.stringify(name)}:${printJson(member)}`)
    .join()}}`;
}

function quoted(element: string): string {
  return `"${element.replace(/["\\]/g, '\\$&')}"`;
}

function kindOf(value: unknown): string {
  if (value instanceof JsonNumber) return 'JsonNumber';
  return Buffer.isBuffer(value) ? 'Buffer' : typeof value;
}
