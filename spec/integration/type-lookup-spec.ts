import fc from 'fast-check';
import type { Client } from 'pg';
import { firstValueFrom } from 'rxjs';
import { resolveConnection, type ConnectionSettings } from '../../lib/config/resolve-connection';
import { createShapedParser, UnknownLayoutError } from '../../lib/pgoutput/values/shaped-values';
import { TypeCatalog } from '../../lib/pgoutput/types/type-catalog';
import type { TypeDefinition } from '../../lib/pgoutput/types/type-definitions';
import { defaultTypes } from '../../lib/pgoutput/values/values';
import type { ProtocolRoutine } from '../../lib/commands/protocol-routine';
import { lookUpPublishedTypes, lookUpTypes } from '../../lib/commands/type-lookup';
import { runManagementCommand, readCommandOptions } from '../../lib/connection/management-command';
import { isSameValue } from '../pgoutput/support/same-value';
import { make, parts, tree, createValue } from './support/random-types';
import { TestBed, ofKind } from './support/bed';

let bed: TestBed;
let client: Client;

beforeAll(async () => {
  bed = await TestBed.make(
    'types',
    `CREATE EXTENSION citext;
     CREATE EXTENSION hstore;
     CREATE SCHEMA "other one";
     CREATE TYPE "other one".mood AS ENUM ('so', 'la la');
     CREATE DOMAIN moods AS "other one".mood[];
     CREATE DOMAIN moods2 AS moods;
     CREATE DOMAIN area AS box;
     CREATE TYPE spell AS RANGE (subtype = timestamptz);
     CREATE DOMAIN digit AS int;
     CREATE TYPE spans AS RANGE (subtype = digit);
     CREATE TYPE part AS ("a ""b, c" int, gone text, places area[], kind citext);
     ALTER TYPE part DROP ATTRIBUTE gone;
     CREATE TYPE whole AS (list part[], moods moods2, rest hstore);
     CREATE DOMAIN wholes AS whole[];
     CREATE TYPE nothing AS ();
     CREATE TABLE row_type (id int PRIMARY KEY, dropped text, mood "other one".mood);
     ALTER TABLE row_type DROP COLUMN dropped;
     CREATE TABLE one (id int PRIMARY KEY, w wholes, x int[]);
     CREATE TABLE two (id int PRIMARY KEY, s spell, old area);
     ALTER TABLE two DROP COLUMN old;
     CREATE TABLE not_published (id int PRIMARY KEY, s spell[]);
     CREATE TABLE halves (id int PRIMARY KEY, n nothing) PARTITION BY RANGE (id);
     CREATE TABLE half PARTITION OF halves FOR VALUES FROM (0) TO (9);
     CREATE PUBLICATION pub FOR TABLE one;
     CREATE PUBLICATION "it's" FOR TABLE two, halves;`,
  );
  client = bed.client;
});

afterAll(() => bed.drop());

function settingsFor(connection: string): ConnectionSettings {
  return resolveConnection(readCommandOptions({ connection }, []));
}

/** Over a separate connection, as a stream does. */
function lookUp(script: ProtocolRoutine<Map<number, TypeDefinition>>): Promise<Map<number, TypeDefinition>> {
  return firstValueFrom(runManagementCommand(settingsFor(bed.database.url), () => script));
}

async function oidOf(type: string): Promise<number> {
  const [row] = await bed.sql<{ oid: number }>('SELECT $1::regtype::oid AS oid', [type]);
  return row!.oid;
}

/** The result of a lookup, with names in place of OIDs. */
async function named(found: ReadonlyMap<number, TypeDefinition>): Promise<Record<string, unknown>> {
  const rows = await bed.sql<{ oid: number; name: string }>('SELECT oid, oid::regtype::text AS name FROM pg_type');
  const names = new Map(rows.map(({ oid, name }) => [oid, name]));
  const nameOf = (key: string, value: unknown): unknown =>
    ['base', 'element', 'subtype', 'range', 'typeOid'].includes(key) ? names.get(Number(value)) : value;
  return Object.fromEntries(
    [...found].map(([oid, definition]) => [names.get(oid), JSON.parse(JSON.stringify(definition, nameOf)) as unknown]),
  );
}

async function lookUpNames(...types: string[]): Promise<Record<string, unknown>> {
  const typeOids: number[] = [];
  for (const type of types) typeOids.push(await oidOf(type));
  return named(await lookUp(lookUpTypes(typeOids)));
}

const MOOD = { '"other one".mood': { kind: 'enum' } };
const MOODS = {
  ...MOOD,
  '"other one".mood[]': { kind: 'array', element: '"other one".mood', delimiter: ',' },
  moods: { kind: 'domain', base: '"other one".mood[]' },
  moods2: { kind: 'domain', base: 'moods' },
};
const AREA = { area: { kind: 'domain', base: 'box' } };
const PART = {
  ...AREA,
  'area[]': { kind: 'array', element: 'area', delimiter: ';' },
  citext: { kind: 'base' },
  part: {
    kind: 'composite',
    attributes: [
      { name: 'a "b, c', typeOid: 'integer' },
      { name: 'places', typeOid: 'area[]' },
      { name: 'kind', typeOid: 'citext' },
    ],
  },
};
const WHOLES = {
  ...MOODS,
  ...PART,
  hstore: { kind: 'base' },
  'part[]': { kind: 'array', element: 'part', delimiter: ',' },
  whole: {
    kind: 'composite',
    attributes: [
      { name: 'list', typeOid: 'part[]' },
      { name: 'moods', typeOid: 'moods2' },
      { name: 'rest', typeOid: 'hstore' },
    ],
  },
  'whole[]': { kind: 'array', element: 'whole', delimiter: ',' },
  wholes: { kind: 'domain', base: 'whole[]' },
};
const SPELL = { spell: { kind: 'range', subtype: 'timestamp with time zone' } };

describe('a type lookup', () => {
  it.each([
    ['"other one".mood', MOOD],
    ['moods2', MOODS],
    ['area', AREA],
    ['part', PART],
    ['wholes', WHOLES],
    ['nothing', { nothing: { kind: 'composite', attributes: [] } }],
    ['spell', SPELL],
    ['spans', { spans: { kind: 'range', subtype: 'digit' }, digit: { kind: 'domain', base: 'integer' } }],
    [
      'spell_multirange[]',
      {
        ...SPELL,
        'spell_multirange[]': { kind: 'array', element: 'spell_multirange', delimiter: ',' },
        spell_multirange: { kind: 'multirange', range: 'spell' },
      },
    ],
    [
      'row_type',
      {
        ...MOOD,
        row_type: {
          kind: 'composite',
          attributes: [
            { name: 'id', typeOid: 'integer' },
            { name: 'mood', typeOid: '"other one".mood' },
          ],
        },
      },
    ],
    ['citext[]', { citext: { kind: 'base' }, 'citext[]': { kind: 'array', element: 'citext', delimiter: ',' } }],
    [
      'information_schema.cardinal_number',
      { 'information_schema.cardinal_number': { kind: 'domain', base: 'integer' } },
    ],
  ])('finds a type and all types that it contains, except built-in ones: %s', async (type, expected) => {
    expect(await lookUpNames(type)).toEqual(expected);
  });

  it('finds several types, and omits those that do not exist', async () => {
    expect(await lookUpNames('moods', 'spell', 'int4[]')).toEqual({
      ...MOOD,
      ...SPELL,
      '"other one".mood[]': MOODS['"other one".mood[]'],
      moods: MOODS.moods,
    });
    expect(await lookUp(lookUpTypes([4_294_967_295]))).toEqual(new Map());
  });

  it('of publications finds the types of all columns of their tables', async () => {
    const of = async (...names: string[]) =>
      named(await lookUp(lookUpPublishedTypes(names, bed.server.version * 10_000)));
    expect(await of('pub')).toEqual(WHOLES);
    expect(await of("it's")).toEqual({ ...SPELL, nothing: { kind: 'composite', attributes: [] } });
    expect(await of('pub', "it's", 'no such')).toEqual({
      ...WHOLES,
      ...SPELL,
      nothing: { kind: 'composite', attributes: [] },
    });
    expect(await of('no such')).toEqual({});
  });

  it('finds more types than one result of the server may contain', async () => {
    await bed.sql(`CREATE SCHEMA many; DO $$ BEGIN
      FOR i IN 1..1010 LOOP EXECUTE format('CREATE TYPE many.%I AS ENUM ()', 'e' || i); END LOOP; END $$`);
    const oids = await bed.sql<{ oid: number }>(`SELECT oid FROM pg_type WHERE typnamespace = 'many'::regnamespace`);
    const found = await lookUp(lookUpTypes(oids.map(({ oid }) => oid)));
    expect(found.size).toBe(2_020);
    expect([...found.keys()].sort()).toEqual(oids.map(({ oid }) => oid).sort());
    await bed.sql('DROP SCHEMA many CASCADE');
  });

  it('needs no privileges', async () => {
    const [role] = await bed.sql<{ name: string }>(`SELECT 'reader_' || oid AS name FROM pg_database WHERE datname = current_database()`); // prettier-ignore
    await bed.sql(`CREATE ROLE ${role!.name} LOGIN REPLICATION; REVOKE ALL ON SCHEMA "other one" FROM PUBLIC`);
    try {
      const url = new URL(bed.database.url);
      url.username = role!.name;
      const typeOid = await oidOf('moods2');
      const script = () => lookUpTypes([typeOid]);
      const found = await firstValueFrom(runManagementCommand(settingsFor(url.href), script));
      expect(await named(found)).toEqual(MOODS);
    } finally {
      await bed.sql(`DROP ROLE ${role!.name}`);
    }
  });
});

describe('a composite that is altered during the stream', () => {
  it('is sent with the fields that it had, and no message announces the change', async () => {
    await bed.sql(`CREATE TYPE altered AS (a int, b text);
      CREATE TABLE changing (id int PRIMARY KEY, v altered); CREATE PUBLICATION changes FOR TABLE changing`);
    const typeOid = await oidOf('altered');
    const catalog = new TypeCatalog();
    const learn = async () => catalog.learn([typeOid], await lookUp(lookUpTypes([typeOid])));
    await learn();
    const { definitions, layouts } = catalog;
    const column = { name: 'v', key: false, typeOid, typeModifier: -1 };
    const parse = createShapedParser({ types: defaultTypes, definitions, layouts }, 'changing', column);

    const messages = await bed.messagesOf(
      async () => {
        await bed.sql(`INSERT INTO changing VALUES (1, '(1,x)')`);
        await bed.sql('ALTER TYPE altered ADD ATTRIBUTE c int');
        await bed.sql(`INSERT INTO changing VALUES (2, '(1,x,2)')`);
        await bed.sql('ALTER TYPE altered DROP ATTRIBUTE a');
        await bed.sql(`INSERT INTO changing VALUES (3, '(y,3)')`);
        await bed.sql('ALTER TYPE altered DROP ATTRIBUTE b');
        await bed.sql(`INSERT INTO changing VALUES (4, '(4)')`);
      },
      { publications: ['changes'] },
    );
    const texts = ofKind(messages, 'insert').map((message) => message.new['v'] as string);
    expect(texts).toEqual(['(1,x)', '(1,x,2)', '(y,3)', '(4)']);
    expect(ofKind(messages, 'relation')).toHaveLength(1);

    const [first, second, , last] = texts as [string, string, string, string];
    expect(parse(first)).toEqual({ a: 1, b: 'x' });
    expect(() => parse(second)).toThrow(UnknownLayoutError);
    expect(() => parse(last)).toThrow(UnknownLayoutError);
    await learn();
    expect(catalog.reconsider(typeOid, 1)).toBe(true);
    expect(parse(last)).toEqual({ c: 4 });
    expect(catalog.reconsider(typeOid, 3)).toBe(false);
    expect(parse(first)).toEqual({ a: 1, b: 'x' });
  });
});

describe('a value of a random type', () => {
  /** The text in the stream: the result of the type's output function. */
  async function printed(type: string, value: string | null): Promise<string | null> {
    const types = { getTypeParser: () => (text: string) => text };
    const query = { text: `SELECT $1::${type} AS found`, values: [value], types };
    const { rows } = await client.query<{ found: string | null }>(query);
    return rows[0]!.found;
  }

  it('equals what the server prints from its parts', async () => {
    const property = fc.asyncProperty(
      tree.chain((type) => fc.tuple(fc.constant(type), fc.array(createValue(type), { minLength: 1, maxLength: 4 }))),
      async ([type, values]) => {
        await client.query('BEGIN');
        try {
          const made = await make(client, type);
          await client.query('COMMIT');
          const column = { name: 'c', key: false, typeOid: await oidOf(made.sql), typeModifier: -1 };
          const catalog = new TypeCatalog();
          const missing = catalog.listMissing([column]);
          catalog.learn(missing, await lookUp(lookUpTypes(missing)));
          const { definitions, layouts } = catalog;
          const parse = createShapedParser({ types: defaultTypes, definitions, layouts }, 't', column);
          for (const value of values) {
            const text = await printed(made.sql, value);
            const found = text === null ? null : parse(text);
            const expected = await parts(client, made, value);
            if (!isSameValue(found, expected)) {
              throw new Error(`${text} is ${JSON.stringify(found)}, not ${JSON.stringify(expected)}`);
            }
          }
        } finally {
          await client.query('ROLLBACK');
        }
      },
    );
    await fc.assert(property, { numRuns: 60 });
  }, 60_000);
});
