import { exactTypes } from '../../lib/index';
import { Bed, ofKind } from './support';

interface ArrayType {
  readonly name: string;
  readonly oid: number;
  readonly is_sent: boolean;
}

let bed: Bed;
let arrays: readonly ArrayType[];

beforeAll(async () => {
  bed = await Bed.make('built_in_arrays', 'CREATE PUBLICATION pub FOR ALL TABLES');
  // All that a column may have, and whose binary form is known: a catalog's rows, and what has no send function, have none.
  arrays = await bed.sql<ArrayType>(
    `SELECT a.typname AS name, a.oid, t.typtype <> 'c' AND t.typsend <> 0 AS is_sent
      FROM pg_type t JOIN pg_type a ON a.oid = t.typarray WHERE a.oid < 16384 AND t.typtype <> 'p' ORDER BY a.oid`,
  );
  const columns = arrays.map(({ name }) => `${name} pg_catalog.${name}`);
  await bed.sql(`CREATE TABLE arrays (${columns.slice(0, 100).join()})`);
  await bed.sql(`CREATE TABLE more_arrays (${columns.slice(100).join()})`);
});

afterAll(() => bed.drop());

it.each([
  ['text', false],
  ['binary', true],
])('with exact types each array type of the catalog is an Array, in %s', async (_, binary) => {
  expect(arrays.length).toBeGreaterThan(100);
  const read = arrays.filter(({ is_sent }) => is_sent || !binary).map(({ name }) => name);
  const values = (names: readonly string[]) => `(${names.join()}) VALUES (${names.map(() => `'{NULL,NULL}'`).join()})`;
  const early = new Set(arrays.slice(0, 100).map(({ name }) => name));
  const messages = await bed.messagesOf(
    () =>
      bed.sql(
        `INSERT INTO arrays ${values(read.filter((name) => early.has(name)))};
         INSERT INTO more_arrays ${values(read.filter((name) => !early.has(name)))}`,
      ),
    { types: 'exact', binary },
  );
  const rows = Object.assign({}, ...ofKind(messages, 'insert').map((insert) => insert.new)) as Record<string, unknown>;
  const others = read.filter((name) => JSON.stringify(rows[name]) !== '[null,null]');
  // A vector is an array itself, which the server reads NULL into as 0 of.
  expect(others).toEqual([]);
});

it('exactTypes has a parser for each array whose OID is the same on every server', () => {
  const builtIn = arrays.filter(({ oid }) => oid < 10_000);
  const others = builtIn.filter(({ oid }) => !Array.isArray(exactTypes.getTypeParser(oid, 'text')('{NULL}')));
  expect(others).toEqual([]);
});

it('an aclitem[] is an Array of what the server prints', async () => {
  await bed.sql('CREATE ROLE "arrays, their role"; CREATE TABLE acls (id int PRIMARY KEY, acl aclitem[])');
  const text = `ARRAY['=r/postgres', '"arrays, their role"=arw*/postgres']::aclitem[]`;
  const messages = await bed.messagesOf(() => bed.sql(`INSERT INTO acls VALUES (1, ${text})`), { types: 'exact' });
  const [row] = await bed.sql<{ items: string[] }>(`SELECT ${text}::text[] AS items`);
  expect(ofKind(messages, 'insert').map((insert) => insert.new['acl'])).toEqual([row?.items]);
  await bed.sql('DROP TABLE acls; DROP ROLE "arrays, their role"');
});
