import { createShapedParser, UnknownLayoutError } from '../../../lib/pgoutput/values/shaped-values';
import { TypeCatalog } from '../../../lib/pgoutput/types/type-catalog';
import type { Attribute, TypeDefinition } from '../../../lib/pgoutput/types/type-definitions';
import { defaultTypes } from '../../../lib/pgoutput/values/values';

const ENUM: TypeDefinition = { kind: 'enum' };
const MOODS: TypeDefinition = { kind: 'array', element: 20000, delimiter: ',' };

let catalog: TypeCatalog;

beforeEach(() => {
  catalog = new TypeCatalog();
});

function columns(...typeOids: number[]) {
  return typeOids.map((typeOid, i) => ({ name: `c${i}`, key: false, typeOid, typeModifier: -1 }));
}

function learn(found: Readonly<Record<number, TypeDefinition>>, asked: readonly number[] = []): void {
  catalog.learn(asked, new Map(Object.entries(found).map(([typeOid, definition]) => [Number(typeOid), definition])));
}

function composite(...names: string[]): TypeDefinition & { attributes: readonly Attribute[] } {
  return { kind: 'composite', attributes: names.map((name) => ({ name, typeOid: 25 })) };
}

/** The value of a column of the type, decoded by a new reader. */
function read(typeOid: number, text: string): unknown {
  const [column] = columns(typeOid);
  const { definitions, layouts } = catalog;
  return createShapedParser({ types: defaultTypes, definitions, layouts }, 'public.t', column!)(text);
}

describe('the missing types', () => {
  it('are those that are not built in, each once', () => {
    expect(catalog.listMissing(columns(23, 20001, 9_999, 10_000, 20001, 4_294_967_295))).toEqual([
      20001, 10_000, 4_294_967_295,
    ]);
    expect(catalog.listMissing([])).toEqual([]);
  });

  it('do not include found ones, requested directly or as part of another type', () => {
    learn({ 20000: ENUM, 20001: MOODS }, [20001]);
    expect(catalog.listMissing(columns(20000, 20001, 20002))).toEqual([20002]);
  });

  it('do not include those that were not found: dropped types do not come back', () => {
    learn({}, [20001]);
    expect(catalog.listMissing(columns(20001))).toEqual([]);
    expect(read(20001, '{so}')).toBe('{so}');
  });

  it('include those whose lookup failed, until the first value is decoded as text', () => {
    expect(catalog.listMissing(columns(20001))).toEqual([20001]);
    expect(catalog.listMissing(columns(20001))).toEqual([20001]);
    expect(read(20001, '{so}')).toBe('{so}');
    expect(catalog.listMissing(columns(20001))).toEqual([]);
  });
});

describe('a type', () => {
  it('is decoded by its definition once that is known', () => {
    learn({ 20000: ENUM, 20001: MOODS });
    expect(read(20001, '{so}')).toEqual(['so']);
  });

  it('that was decoded as text stays text, even if a later lookup finds it', () => {
    expect(read(20001, '{so}')).toBe('{so}');
    learn({ 20000: ENUM, 20001: MOODS }, [20001]);
    expect(read(20001, '{so}')).toBe('{so}');
    expect(read(20000, 'so')).toBe('so');
  });

  it('that was decoded as text stays text within other types, too', () => {
    expect(read(20001, '{so}')).toBe('{so}');
    learn({
      20000: ENUM,
      20001: MOODS,
      20002: { kind: 'domain', base: 20001 },
      20003: { kind: 'array', element: 20002, delimiter: ',' },
    });
    expect(read(20003, '{"{so}"}')).toEqual(['{so}']);
  });

  it('keeps its kind of value, even if a later lookup finds something else', () => {
    learn({ 20000: ENUM, 20001: MOODS, 20004: composite('a') });
    learn({ 20001: { kind: 'base' }, 20000: MOODS, 20004: ENUM });
    expect(read(20001, '{so}')).toEqual(['so']);
    expect(read(20000, '{so}')).toBe('{so}');
    expect(read(20004, '(x)')).toEqual({ a: 'x' });
    learn({ 20001: { kind: 'array', element: 23, delimiter: ',' } });
    expect(read(20001, '{1}')).toEqual(['1']);
  });

  it('that is built in is not in the catalog', () => {
    learn({ 1007: { kind: 'base' } });
    expect(read(1007, '{1}')).toEqual([1]);
  });
});

describe('a composite', () => {
  it('has the attributes of the last lookup', () => {
    learn({ 20004: composite('a', 'b') });
    learn({ 20004: composite('a', 'renamed') });
    expect(read(20004, '(x,y)')).toEqual({ a: 'x', renamed: 'y' });
  });

  it('that was altered has values of either form', () => {
    learn({ 20004: composite('a', 'b', 'c') });
    const [column] = columns(20004);
    const { definitions, layouts } = catalog;
    const parse = createShapedParser({ types: defaultTypes, definitions, layouts }, 'public.t', column!);
    expect(parse('(x,y,z)')).toEqual({ a: 'x', b: 'y', c: 'z' });
    learn({ 20004: composite('a', 'c') });
    expect(parse('(x,z)')).toEqual({ a: 'x', c: 'z' });
    expect(parse('(x,y,z)')).toEqual({ a: 'x', b: 'y', c: 'z' });
    learn({ 20004: composite('a', 'c', 'd') });
    expect(parse('(x,z)')).toEqual({ a: 'x', c: 'z' });
    expect(parse('(x,z,d)')).toEqual({ a: 'x', c: 'z', d: 'd' });
  });

  it('that was decoded as text stays text', () => {
    expect(read(20004, '(x)')).toBe('(x)');
    learn({ 20004: composite('a') });
    expect(read(20004, '(x)')).toBe('(x)');
    expect(catalog.layouts(20004, 1)).toBeUndefined();
  });

  it('with a new number of fields is not decoded before it has been looked up again', () => {
    learn({ 20004: composite('a', 'b', 'c') });
    expect(() => read(20004, '(x,z)')).toThrow(UnknownLayoutError);
    // DROP ATTRIBUTE b: the names of the first two would have been wrong.
    learn({ 20004: composite('a', 'c') });
    expect(catalog.reconsider(20004, 2)).toBe(true);
    expect(read(20004, '(x,z)')).toEqual({ a: 'x', c: 'z' });
  });

  it('with fewer fields than its current attributes is an older value, without the last attributes', () => {
    learn({ 20004: composite('a', 'b', 'c') });
    expect(() => read(20004, '(x)')).toThrow(UnknownLayoutError);
    learn({ 20004: composite('a', 'b', 'c') });
    expect(catalog.reconsider(20004, 1)).toBe(true);
    expect(read(20004, '(x)')).toStrictEqual({ a: 'x' });
    expect(() => read(20004, '(x,y)')).toThrow(UnknownLayoutError);
    expect(read(20004, '(x,y,z)')).toEqual({ a: 'x', b: 'y', c: 'z' });
  });

  it('with fewer fields is not decoded if looking it up again has failed', () => {
    learn({ 20004: composite('a', 'b', 'c') });
    expect(() => read(20004, '(x,z)')).toThrow(UnknownLayoutError);
    learn({}, [20004]);
    expect(catalog.reconsider(20004, 2)).toBe(false);
    expect(() => read(20004, '(x,z)')).toThrow(UnknownLayoutError);
    expect(read(20004, '(x,y,z)')).toEqual({ a: 'x', b: 'y', c: 'z' });
  });

  it('with more fields than ever known cannot be decoded', () => {
    learn({ 20004: composite('a') });
    expect(catalog.reconsider(20004, 2)).toBe(false);
    expect(() => read(20004, '(x,y)')).toThrow(UnknownLayoutError);
    expect(catalog.reconsider(20005, 1)).toBe(false);
  });
});
