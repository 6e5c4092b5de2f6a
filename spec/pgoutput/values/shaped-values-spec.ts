import pg from 'pg';
import {
  createShapedParser,
  UnknownLayoutError,
  resolveDomain,
  type ReadingContext,
} from '../../../lib/pgoutput/values/shaped-values';
import type { TypeDefinition } from '../../../lib/pgoutput/types/type-definitions';
import { ValueFault } from '../../../lib/pgoutput/values/value-fault';
import { AS_TEXT, defaultTypes, type TypeParsers } from '../../../lib/pgoutput/values/values';

const SHAPES: Readonly<Record<number, TypeDefinition>> = {
  20000: { kind: 'enum' },
  20001: { kind: 'array', element: 20000, delimiter: ',' },
  20010: { kind: 'domain', base: 23 },
  20011: { kind: 'domain', base: 20010 },
  20012: { kind: 'array', element: 20011, delimiter: ',' },
  20013: { kind: 'domain', base: 1007 },
  20014: { kind: 'array', element: 20013, delimiter: ',' },
  20015: { kind: 'domain', base: 20001 },
  20016: { kind: 'domain', base: 603 },
  20017: { kind: 'array', element: 20016, delimiter: ';' },
  20018: { kind: 'array', element: 20019, delimiter: ',' },
  20019: { kind: 'domain', base: 17 },
  20020: { kind: 'range', subtype: 20010 },
  20021: { kind: 'multirange', range: 20020 },
  20022: { kind: 'array', element: 20020, delimiter: ',' },
  20030: { kind: 'base' },
  20031: { kind: 'array', element: 20030, delimiter: ',' },
  20040: {
    kind: 'composite',
    attributes: [
      { name: 'street', typeOid: 25 },
      { name: 'numbers', typeOid: 20012 },
      { name: '__proto__', typeOid: 20001 },
      { name: 'constructor', typeOid: 20041 },
    ],
  },
  20041: { kind: 'composite', attributes: [{ name: 'at', typeOid: 1184 }] },
  20042: { kind: 'array', element: 20040, delimiter: ',' },
  20043: { kind: 'domain', base: 20041 },
  20044: { kind: 'composite', attributes: [] },
  20045: { kind: 'composite', attributes: [{ name: 'scan', typeOid: 20018 }] },
  20046: { kind: 'array', element: 20045, delimiter: ',' },
};

const COMPOSITES: ReadingContext = {
  types: defaultTypes,
  definitions: (typeOid) => SHAPES[typeOid],
  layouts: (typeOid, fields) => {
    const definition = SHAPES[typeOid];
    return definition?.kind === 'composite' && definition.attributes.length === fields
      ? definition.attributes
      : undefined;
  },
};
const READING: ReadingContext = { types: defaultTypes, definitions: COMPOSITES.definitions };

function columnOf(typeOid: number) {
  return { name: 'c', key: false, typeOid, typeModifier: -1 };
}

function parserOf(typeOid: number, reading = READING) {
  return createShapedParser(reading, 'public.t', columnOf(typeOid));
}

function failureOf(typeOid: number, text: string, reading = READING): Error & { cause?: unknown } {
  try {
    parserOf(typeOid, reading)(text);
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('It did not throw an Error');
}

describe('a type that is not built in', () => {
  it.each([
    ['an enum', 20000],
    ['a range', 20020],
    ['a multirange', 20021],
    ['a base type of an extension', 20030],
    ['a composite, by default', 20040],
    ['a domain over a composite', 20043],
    ['a type without a definition', 29999],
    ['text', 25],
  ])('is text: %s', (_, typeOid) => {
    expect(parserOf(typeOid)).toBe(AS_TEXT);
    expect(parserOf(typeOid)('(a, "b")')).toBe('(a, "b")');
  });

  it.each([
    ['a domain', 20010, '7', 7],
    ['a domain over a domain', 20011, '7', 7],
    ['a domain over an array', 20013, '{7,NULL}', [7, null]],
    ['a domain over an array of an enum', 20015, '{so,"la la",NULL}', ['so', 'la la', null]],
    ['an array of an enum', 20001, '[0:1][3:3]={{so},{"la \\"la\\""}}', [['so'], ['la "la"']]],
    ['an array of a domain over a domain', 20012, '{{1,2},{3,NULL}}', [[1, 2], [3, null]]], // prettier-ignore
    ['an array of a domain over an array', 20014, '{"{1,2}","{{3},{NULL}}",NULL}', [[1, 2], [[3], [null]], null]],
    ['an array of a type with another delimiter', 20017, '{(1,1),(0,0);NULL}', ['(1,1),(0,0)', null]],
    ['an array of a range', 20022, '{"[1,5)",empty}', ['[1,5)', 'empty']],
    ['an array of an extension’s type', 20031, '{a,"""b\\""}'.replace('"""', '"\\"'), ['a', '"b"']],
    ['an array of composites, by default', 20042, '{"(,,,)",NULL}', ['(,,,)', null]],
    ['an array of bytea under a domain', 20018, '{"\\\\x00ff"}', [Buffer.of(0, 255)]],
  ])('is decoded by its definition: %s', (_, typeOid, text, expected) => {
    expect(parserOf(typeOid)(text)).toEqual(expected);
  });

  it('is text if it is an array whose delimiter would make it ambiguous', () => {
    for (const delimiter of ['', '"', '\\', '{', '}', '\0', 'ß', ',,']) {
      const definitions = (): TypeDefinition => ({ kind: 'array', element: 25, delimiter });
      expect(parserOf(30000, { types: defaultTypes, definitions })).toBe(AS_TEXT);
    }
  });

  it('may contain itself, which a catalog never says', () => {
    const text = '{"{\\"{}\\"}"}';
    const array: ReadingContext = {
      types: defaultTypes,
      definitions: () => ({ kind: 'array', element: 30000, delimiter: ',' }),
    };
    expect(parserOf(30000, array)(text)).toEqual([[[]]]);
    const domain: ReadingContext = {
      types: defaultTypes,
      definitions: (oid) => ({ kind: 'domain', base: 60001 - oid }),
    };
    expect(parserOf(30000, domain)(text)).toBe(text);
    const attributes = [{ name: 'me', typeOid: 30000 }];
    const layouts = () => attributes;
    const composite: ReadingContext = {
      types: defaultTypes,
      definitions: () => ({ kind: 'composite', attributes }),
      layouts,
    };
    expect(parserOf(30000, composite)('("()")')).toEqual({ me: { me: null } });
  });

  it('may be below any number of domains', () => {
    const definitions = (oid: number): TypeDefinition => ({ kind: 'domain', base: oid === 200_000 ? 23 : oid + 1 });
    expect(parserOf(10_000, { types: defaultTypes, definitions })('7')).toBe(7);
  });
});

describe('a composite as an object', () => {
  const text = '("Long Road","{1,2}","{a,""b c""}","(""2024-02-29 12:00:00+00"")")';

  it('has its attributes by name, whatever their names', () => {
    const value = parserOf(20040, COMPOSITES)(text);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(Object.entries(value as object)).toEqual([
      ['street', 'Long Road'],
      ['numbers', [1, 2]],
      ['__proto__', ['a', 'b c']],
      ['constructor', { at: new Date('2024-02-29T12:00:00Z') }],
    ]);
  });

  it('may be in arrays and below domains', () => {
    const inner = String.raw`{"(,,,)",NULL,"(\"\",,\"{x,\"\"y z\"\"}\",\"()\")"}`;
    expect(JSON.stringify(parserOf(20042, COMPOSITES)(inner))).toBe(
      '[{"street":null,"numbers":null,"__proto__":null,"constructor":null},null,' +
        '{"street":"","numbers":null,"__proto__":["x","y z"],"constructor":{"at":null}}]',
    );
    expect(parserOf(20043, COMPOSITES)('()')).toEqual({ at: null });
  });

  it('may have no attributes', () => {
    expect(parserOf(20044, COMPOSITES)('()')).toEqual({});
  });

  it('is a new object each time', () => {
    const parse = parserOf(20041, COMPOSITES);
    expect(parse('()')).not.toBe(parse('()'));
  });

  it.each([
    ['(,)', 2],
    ['(a,b,c)', 3],
  ])("is an error if its number of fields differs from its type's: %s", (value, fields) => {
    const error = failureOf(20043, value, COMPOSITES);
    expect(error).toBeInstanceOf(UnknownLayoutError);
    expect(error).toMatchObject({ typeOid: 20041, fields, code: 'VALUE_DECODE_FAILED' });
    expect(error.message).toContain(`Column c of public.t (type OID 20041) has a value of ${fields} fields`);
    expect(error.message).toContain('read composites as text');
  });

  it('requests its layout for each value', () => {
    const old = [{ name: 'a', typeOid: 23 }];
    const altered = [{ name: 'b', typeOid: 25 }];
    let present = old;
    const parse = parserOf(20041, { ...COMPOSITES, layouts: () => present });
    expect(parse('(1)')).toEqual({ a: 1 });
    present = altered;
    expect(parse('(1)')).toEqual({ b: '1' });
    present = old;
    expect(parse('(1)')).toEqual({ a: 1 });
  });
});

describe('a custom parser', () => {
  const types = (...oids: number[]): pg.CustomTypesConfig => {
    const overrides = new pg.TypeOverrides();
    for (const oid of oids) overrides.setTypeParser(oid, (text: string) => `custom ${text}`);
    return overrides;
  };

  it.each([
    ['an enum', 20000, 'so', 'custom so'],
    ['an array', 20001, '{so}', 'custom {so}'],
    ['a domain', 20010, '7', 'custom 7'],
    ['a range', 20020, '[1,5)', 'custom [1,5)'],
    ['a composite', 20040, '(,,,)', 'custom (,,,)'],
    ['a type without a definition', 29999, 'x', 'custom x'],
  ])('decodes its type, whatever the definition: %s', (_, typeOid, text, expected) => {
    expect(parserOf(typeOid, { ...COMPOSITES, types: types(typeOid) })(text)).toBe(expected);
  });

  it.each([
    ['of an array’s element', 20000, 20001, '{so,NULL}', ['custom so', null]],
    ['of a domain’s base type', 20001, 20015, '{so}', 'custom {so}'],
    ['of a domain between', 20010, 20012, '{7}', ['custom 7']],
    ['of an attribute', 1184, 20041, '(x)', { at: 'custom x' }],
    ['of a composite in an array', 20040, 20042, '{"(,,,)"}', ['custom (,,,)']],
  ])('decodes its type as part of others: %s', (_, set, typeOid, text, expected) => {
    expect(parserOf(typeOid, { ...COMPOSITES, types: types(set) })(text)).toEqual(expected);
  });

  it('decodes built-in types, for which no definition is requested', () => {
    const definitions = (): never => {
      throw new Error('It was asked for');
    };
    expect(parserOf(23, { types: defaultTypes, definitions })('7')).toBe(7);
    expect(parserOf(603, { types: defaultTypes, definitions })).toBe(AS_TEXT);
  });

  it('may throw: the error names the part of the column, not the value', () => {
    const error = failureOf(20046, '{"(\\"{\\"\\"\\\\\\\\\\\\\\\\xzz\\"\\"}\\")"}', COMPOSITES);
    expect(error).toBeInstanceOf(ValueFault);
    expect(error.message).toContain('Column c[].scan[] of public.t (type OID 17)');
    const thrown = new Error('no good');
    const fail = (): never => {
      throw thrown;
    };
    const failing: TypeParsers = { getTypeParser: (oid) => (oid === 20000 ? fail : AS_TEXT) };
    const own = failureOf(20001, '{"hunter2"}', { ...READING, types: failing });
    expect(own.message).toContain('Column c[] of public.t (type OID 20000) has a value that cannot be read');
    expect(own.message).not.toContain('hunter2');
    expect(own.cause).toBe(thrown);
  });

  it('is selected by getTypeParser, which may throw', () => {
    const failing: TypeParsers = {
      getTypeParser: () => {
        throw new Error('no such type');
      },
    };
    expect(() => parserOf(20010, { ...READING, types: failing })).toThrow('Column c of public.t (type OID 20010)');
  });
});

describe('text that is invalid for its type', () => {
  it.each([
    ['an array', 20001, '{hunter2', "'}'"],
    ['an array in an array', 20014, '{"{1,2"}', undefined],
    ['a record', 20041, '(hunter2', "')'"],
    ['an array in a record', 20045, '(hunter2)', 'opening braces'],
  ])('is an error that names the column, and not the value: %s', (_, typeOid, text, expected) => {
    const error = failureOf(typeOid, text, COMPOSITES);
    expect(error).toBeInstanceOf(ValueFault);
    expect(error.message).toMatch(/^Column c\S* of public\.t \(type OID \d+\) has a value that /);
    expect(error.message).not.toContain('hunter2');
    if (expected) expect(error.cause).toHaveProperty('message', expect.stringContaining(expected));
  });

  it('cannot overflow the stack', () => {
    const attributes = [{ name: 'me', typeOid: 30000 }];
    const reading: ReadingContext = {
      types: defaultTypes,
      definitions: () => ({ kind: 'composite', attributes }),
      layouts: () => attributes,
    };
    for (const text of ['('.repeat(1_000_000), '("'.repeat(1_000_000), '{'.repeat(1_000_000)]) {
      const error = failureOf(30000, text, reading);
      expect(error.cause).toHaveProperty('message', expect.stringContaining('expected'));
    }
    // Each level doubles the quotes, so this is about the depth that 2 MB allow.
    let deep = '()';
    while (deep.length < 1_000_000) deep = `("${deep.replace(/["\\]/g, '$&$&')}")`;
    expect(JSON.stringify(parserOf(30000, reading)(deep))).toMatch(/^(\{"me":)+null\}+$/);
  });
});

describe('the base type of a column', () => {
  it.each([
    [20010, 23],
    [20011, 23],
    [20013, 1007],
    [20015, 20001],
    [20043, 20041],
    [20001, 20001],
    [23, 23],
    [29999, 29999],
  ])('is the type below the domains: %i, %i', (typeOid, expected) => {
    expect(resolveDomain(READING, 't', columnOf(typeOid))).toEqual(columnOf(expected));
  });

  it('is a domain itself if that has a custom parser', () => {
    const types: TypeParsers = { getTypeParser: (oid) => (oid === 20010 ? Number : AS_TEXT) };
    expect(resolveDomain({ ...READING, types }, 't', columnOf(20011)).typeOid).toBe(20010);
  });
});
