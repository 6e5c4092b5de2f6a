import { exactTypes } from '../../lib/index';
import { TestBed, ofKind } from './support/bed';

interface ArrayType {
  readonly name: string;
  readonly oid: number;
  readonly is_sent: boolean;
}

let bed: TestBed;
let arrays: readonly ArrayType[];

beforeAll(async () => {
  bed = await TestBed.make('built_in_arrays', 'CREATE PUBLICATION pub FOR ALL TABLES');
  // All types that a column may have: no row type with a pseudo-type. Rows, and types without a send function, have no binary
  // form.
  arrays = await bed.sql<ArrayType>(
    `SELECT a.typname AS name, a.oid, t.typtype <> 'c' AND t.typsend <> 0 AS is_sent
      FROM pg_type t JOIN pg_type a ON a.oid = t.typarray WHERE a.oid < 10000 AND t.typtype <> 'p'
      AND NOT EXISTS (SELECT FROM pg_attribute part JOIN pg_type p ON p.oid = part.atttypid
        WHERE part.attrelid = t.typrelid AND p.typtype = 'p')
      ORDER BY a.oid`,
  );
  const columns = arrays.map(({ name }) => `${name} pg_catalog.${name}`);
  await bed.sql(`CREATE TABLE arrays (${columns.join()})`);
});

afterAll(() => bed.drop());

it.each([
  ['text', false],
  ['binary', true],
])('with exact types, a value of each built-in array type is an Array, in %s', async (_, binary) => {
  expect(arrays.length).toBeGreaterThan(70);
  const read = arrays.filter(({ is_sent }) => is_sent || !binary).map(({ name }) => name);
  const nulls = read.map((name) => `ARRAY[NULL,NULL]::pg_catalog.${name}`);
  const messages = await bed.messagesOf(() => bed.sql(`INSERT INTO arrays (${read.join()}) VALUES (${nulls.join()})`), {
    types: 'exact',
    binary,
  });
  const row: Record<string, unknown> = ofKind(messages, 'insert')[0]?.new ?? {};
  const others = read.filter((name) => JSON.stringify(row[name]) !== '[null,null]');
  expect(others).toEqual([]);
});

it('exactTypes has a parser for each array type with a fixed OID', () => {
  const others = arrays.filter(({ oid }) => !Array.isArray(exactTypes.getTypeParser(oid, 'text')('{NULL}')));
  expect(others).toEqual([]);
});

it('an aclitem[] is an Array of texts', async () => {
  await bed.sql('CREATE ROLE "arrays, their role"; CREATE TABLE acls (id int PRIMARY KEY, acl aclitem[])');
  const text = `ARRAY['=r/postgres', '"arrays, their role"=arw*/postgres']::aclitem[]`;
  const messages = await bed.messagesOf(() => bed.sql(`INSERT INTO acls VALUES (1, ${text})`), { types: 'exact' });
  const [row] = await bed.sql<{ items: string[] }>(`SELECT ${text}::text[] AS items`);
  expect(ofKind(messages, 'insert').map((insert) => insert.new['acl'])).toEqual([row?.items]);
  await bed.sql('DROP TABLE acls; DROP ROLE "arrays, their role"');
});
