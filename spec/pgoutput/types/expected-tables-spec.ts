import { ConfigError, ReplicationError } from '../../../lib/common/errors';
import { type ExpectedTables, readExpectedTables } from '../../../lib/pgoutput/types/expected-tables';
import type { Relation } from '../../../lib/pgoutput/messages/table';

const MOOD = 16500;
const MOODS = 16501;
const POSITIVE = 16502;
const HAPPY = 16503;
const ODD = 16504;
const BRACKETS = 16505;
const LONG = 16506;
const BASES = new Map([[POSITIVE, 23]]);
const NAMES = new Map([
  [MOOD, 'public.mood'],
  [MOODS, 'public._mood'],
  [POSITIVE, 'pg_catalog.int4'],
  [HAPPY, 'public.mood'], // a domain over it
  [ODD, 'public."a.b"'],
  [BRACKETS, 'public.mood[]'],
  [LONG, `public._${'x'.repeat(62)}`],
]);

function users(columns: Readonly<Record<string, number>>, table = 'users'): Relation {
  return {
    oid: 16400,
    schema: 'public',
    name: table,
    table,
    replicaIdentity: 'default',
    columns: Object.entries(columns).map(([name, typeOid]) => ({ name, key: false, typeOid, typeModifier: -1 })),
  };
}

function look(expected: ExpectedTables, relation: Relation): void {
  readExpectedTables(expected)(
    relation,
    (oid) => BASES.get(oid) ?? oid,
    (oid) => NAMES.get(oid),
  );
}

/** The error for a table whose column c has this type. */
function drift(expected: string | number, typeOid: number): ReplicationError | undefined {
  try {
    look({ users: { c: expected } }, users({ c: typeOid }));
    return undefined;
  } catch (error) {
    if (error instanceof ReplicationError && error.code === 'SCHEMA_DRIFT') return error;
    throw error;
  }
}

describe('expectTables', () => {
  it.each<[expected: string | number, typeOid: number]>([
    ['int8', 20],
    ['bigint', 20],
    ['BIGINT', 20],
    [' Double   Precision ', 701],
    ['pg_catalog.int8', 20],
    [20, 20],
    ['timestamp with time zone', 1184],
    ['timestamptz', 1184],
    ['timestamp', 1114],
    ['char', 1042],
    ['"char"', 18],
    ['text[]', 1009],
    ['text [][3]', 1009],
    ['_text', 1009],
    ['character varying[]', 1015],
    ['"char"[]', 1002],
    ['int4', POSITIVE],
    [23, POSITIVE],
    [POSITIVE, POSITIVE],
    [MOOD, MOOD],
    ['public.mood', MOOD],
    ['public.mood', HAPPY],
    ['public.mood[]', MOODS],
    ['public._mood', MOODS],
    ['public.mood[][3]', MOODS],
    ['"public"."mood"', MOOD],
    ['public."a.b"', ODD],
    ['public."mood[]"', BRACKETS],
    [`public.${'x'.repeat(63)}[]`, LONG],
  ])('accepts %j for the type with OID %i', (expected, typeOid) => {
    expect(drift(expected, typeOid)).toBeUndefined();
  });

  it.each<[expected: string | number, typeOid: number, what: string]>([
    ['int8', 25, 'column c is text, expected int8'],
    ['bigint', 1009, 'column c is text[], expected int8'],
    ['text', 1043, 'column c is varchar, expected text'],
    ['timestamp', 1184, 'column c is timestamptz, expected timestamp'],
    ['char', 18, 'column c is "char", expected bpchar'],
    [25, 20, 'column c is int8, expected text'],
    [MOOD, MOODS, 'column c is public._mood, expected the type with OID 16500'],
    [MOOD, 16600, 'column c is of the type with OID 16600, expected the type with OID 16500'],
    ['int8', POSITIVE, 'column c is a domain over int4, expected int8'],
    ['public.mood', MOODS, 'column c is public._mood, expected public.mood'],
    ['public.mood[]', MOOD, 'column c is public.mood, expected public.mood[]'],
    ['other.mood', MOOD, 'column c is public.mood, expected other.mood'],
    ['public.Mood', MOOD, 'column c is public.mood, expected public.Mood'],
    ['public.mood', 25, 'column c is text, expected public.mood'],
    ['"public.a".b', ODD, 'column c is public."a.b", expected "public.a".b'],
    ['public.mood[]', BRACKETS, 'column c is public.mood[], expected public.mood[]'],
  ])('rejects %j for the type with OID %i', (expected, typeOid, what) => {
    expect(drift(expected, typeOid)?.message).toContain(`Table users is not as expectTables says: ${what}. `);
  });

  it('reports all differences of a table, with an error that is not retryable', () => {
    const expected = { users: { id: 'int8', email: 'text', tags: 'text[]', name: 'text' } };
    const attempt = (): void => look(expected, users({ id: 25, tags: 1009, name: 1043, more: 25 }));
    expect(attempt).toThrow(
      new ReplicationError(
        'SCHEMA_DRIFT',
        'Table users is not as expectTables says: column id is text, expected int8; column email is missing; column name is varchar, expected text',
      ),
    );
    expect(attempt).toThrow(expect.objectContaining({ code: 'SCHEMA_DRIFT', retryable: false }));
  });

  it('ignores columns that it does not name, and the order', () => {
    const columns = users({ more: 25, email: 25, id: 20 });
    expect(() => look({ users: { id: 'int8', email: 'text' } }, columns)).not.toThrow();
    expect(() => look({ users: {} }, columns)).not.toThrow();
  });

  it('checks only the tables that it names', () => {
    const expected = { users: { id: 'int8' }, 'billing.users': { id: 'text' } } as const;
    expect(() => look(expected, users({ id: 20 }))).not.toThrow();
    expect(() => look(expected, users({ id: 25 }, 'billing.users'))).not.toThrow();
    expect(() => look(expected, users({ id: 16 }, 'orders'))).not.toThrow();
    expect(() => look(expected, users({ id: 20 }, 'billing.users'))).toThrow('Table billing.users');
    expect(() => look({}, users({ id: 20 }))).not.toThrow();
  });

  it('finds a table of schema public by either name', () => {
    expect(() => look({ 'public.users': { id: 'int8' } }, users({ id: 25 }))).toThrow('Table users');
    expect(() => readExpectedTables({ users: {}, 'public.users': {} })).toThrow(
      'expectTables.public.users: is users, which is there already',
    );
  });

  it('distinguishes tables with dots in their names', () => {
    const expected = { 'a.b': { id: 'int8' }, '"a.b"': { id: 'text' }, '"a.b".c': { id: 'int2' } } as const;
    const fits = (table: string, id: number) => () => look(expected, users({ id }, table));
    expect(fits('a.b', 20)).not.toThrow();
    expect(fits('"a.b"', 25)).not.toThrow();
    expect(fits('"a.b".c', 21)).not.toThrow();
    expect(fits('a."b.c"', 16)).not.toThrow();
    expect(fits('a.b', 25)).toThrow('Table a.b is not as expectTables says: column id is text, expected int8');
    expect(fits('"a.b"', 20)).toThrow('Table "a.b" is not as expectTables says: column id is int8, expected text');
  });

  it.each(['a.b.c', 'so "it" is', ''])('explains the syntax of table names: %j', (table) => {
    const attempt = (): unknown => readExpectedTables({ [table]: { id: 'int8' } });
    expect(attempt).toThrow(ConfigError);
    expect(attempt).toThrow(`in double quotes, as in '"a.b"'`);
  });

  it('supports tables and columns with unusual names', () => {
    const expected = JSON.parse('{"__proto__": {"__proto__": "int8", "toString": "text"}}') as ExpectedTables;
    const columns = JSON.parse('{"__proto__": 25}') as Record<string, number>;
    expect(() => look(expected, users({ id: 20 }))).not.toThrow();
    expect(() => look(expected, users(columns, '__proto__'))).toThrow(
      'column __proto__ is text, expected int8; column toString is missing',
    );
  });
});

describe('invalid expectTables', () => {
  it.each<[type: unknown, what: string]>([
    ['int9', 'unknown built-in type "int9"; did you mean int8?'],
    ['varchr', 'unknown built-in type "varchr"; did you mean varchar?'],
    [
      'timestamp with timezone',
      'unknown built-in type "timestamp with timezone"; did you mean timestamp with time zone?',
    ],
    ['citext', 'unknown built-in type "citext"; did you mean text? Name others with their schema, as in '],
    ['geometry[]', 'unknown built-in type "geometry[]". Name others with their schema, as in '],
    ['', 'unknown built-in type "". Name others'],
    ['pg_catalog.nothing', 'unknown built-in type "pg_catalog.nothing"'],
    ['constructor', 'unknown built-in type "constructor"'],
    ['public.', 'unknown built-in type "public."'],
    ['varchar(255)', 'lengths and precisions are not compared; write "varchar"'],
    ['numeric(10.2)', 'lengths and precisions are not compared; write "numeric"'],
    ['timestamp (3) with time zone', 'lengths and precisions are not compared; write "timestamp with time zone"'],
    ['public.geometry(Point,4326)[]', 'lengths and precisions are not compared; write "public.geometry[]"'],
    [0, '0 is not an OID'],
    [1.5, '1.5 is not an OID'],
    [2 ** 32, '4294967296 is not an OID'],
    [NaN, 'NaN is not an OID'],
    [undefined, "expected the name of a type, as in 'int8', or its OID, got undefined"],
    [null, "expected the name of a type, as in 'int8', or its OID, got null"],
    [['int8'], "expected the name of a type, as in 'int8', or its OID, got a list"],
  ])('are rejected with an explanation: %j', (type, what) => {
    const attempt = (): unknown => readExpectedTables({ 'billing.users': { id: type } });
    expect(attempt).toThrow(ConfigError);
    expect(attempt).toThrow(expect.objectContaining({ option: 'expectTables.billing.users.id' }));
    expect(attempt).toThrow(`expectTables.billing.users.id: ${what}`);
  });

  it.each<[option: unknown, what: string]>([
    [undefined, "expectTables: expected an object, as in { users: { id: 'int8' } }, got undefined"],
    [['users'], "expectTables: expected an object, as in { users: { id: 'int8' } }, got a list"],
    [{ users: 'int8' }, "expectTables.users: expected an object, as in { id: 'int8' }, got a string"],
    [{ users: ['id'] }, "expectTables.users: expected an object, as in { id: 'int8' }, got a list"],
  ])('are rejected with an explanation: %j', (option, what) => {
    expect(() => readExpectedTables(option)).toThrow(ConfigError);
    expect(() => readExpectedTables(option)).toThrow(what);
  });
});
