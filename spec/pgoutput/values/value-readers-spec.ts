import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import fc from 'fast-check';
import pg from 'pg';
import { guardParser } from '../../../lib/pgoutput/values/guarded-parser';
import * as ValueReaders from '../../../lib/pgoutput/values/value-readers';
import * as Values from '../../../lib/pgoutput/values/values';
import { garbage, nearMiss } from '../support/near-misses';
import { PRINTED } from '../support/printed';
import { findDifference, readType } from '../support/readings';
import { isSameValue } from '../support/same-value';

const { createValueReader: valueReader } = ValueReaders;
const { defaultTypes } = Values;

const RUNS = 1000;

/** A text of each type whose usual form is decoded from its bytes. */
const USUAL: readonly (readonly [oid: number, text: string])[] = [
  [16, 't'],
  [17, '\\x00ff'],
  [20, '7'],
  [21, '-7'],
  [23, '7'],
  [26, '7'],
  [700, '-1.5'],
  [701, '1.5'],
  [1082, '2024-02-29'],
  [1114, '2024-02-29 12:34:56.789123'],
  [1184, '2024-02-29 12:34:56.789123+00'],
  [1000, '{t,f}'],
  [199, '{"{\\"a\\": [1, null]}",NULL,1}'],
  [3807, '{"{\\"a\\": [1, null]}",NULL,1}'],
  [1001, '{"\\\\x00ff",NULL}'],
  [1005, '{1,2}'],
  [1007, '{1,2}'],
  [1028, '{1,2}'],
  [651, '{10.0.0.0/8}'],
  [791, '{$1.50,"$1,000.00"}'],
  [1008, '{now}'],
  [1009, '{a,"b c","d\\"e\\\\"}'],
  [1014, '{a,"b c"}'],
  [1015, '{a,"b c"}'],
  [1040, '{08:00:2b:01:02:03}'],
  [1041, '{10.0.0.1/32}'],
  [1115, '{"2024-02-29 12:34:56.789123",NULL}'],
  [1182, '{2024-02-29,NULL}'],
  [1183, '{12:34:56}'],
  [1185, '{"2024-02-29 12:34:56.789123+00",NULL}'],
  [1270, '{12:34:56+00}'],
  [1016, '{9223372036854775807}'],
  [1021, '{1.5}'],
  [1022, '{1.5}'],
  [1231, '{1.50}'],
  [2951, '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}'],
  [3907, '{"[1,2)",empty}'],
];

function read(oid: number, text: string, types: Values.TypeParsers, makeReader = valueReader): unknown {
  const column = { name: 'c', key: false, typeOid: oid, typeModifier: -1 };
  return makeReader(types, 'public.t', column)(Buffer.from(text), 0, Buffer.byteLength(text));
}

describe('a value decoded from bytes', () => {
  const neighbours = fc.constantFrom('', '-', '{', '}', '"', '\\', '1', '.', 'ß', '{"-1', '-1"}', '\\x', '+00', '\0');

  function expectNoDifference(oid: number, text: fc.Arbitrary<string>): void {
    const type = readType(oid);
    const property = fc.property(text, neighbours, neighbours, (value, before, after) => {
      const difference = findDifference(type, Buffer.from(value), before, after);
      if (difference !== undefined) throw new Error(difference);
    });
    fc.assert(property, { numRuns: RUNS });
  }

  describe.each(PRINTED)('of type %i, %s,', (oid, _, text) => {
    it('equals the result of pg’s parser for any text that PostgreSQL prints', () => {
      expectNoDifference(oid, text);
      const parse = pg.types.getTypeParser(oid, 'text');
      const isAsPgHasIt = (printed: string): boolean => isSameValue(read(oid, printed, defaultTypes), parse(printed));
      fc.assert(fc.property(text, isAsPgHasIt), { numRuns: RUNS });
    });

    it('equals the result of pg’s parser for similar text, or is rejected if pg must not parse it', () => {
      expectNoDifference(oid, nearMiss(text));
    });

    it('equals the result of pg’s parser for random text', () => {
      expectNoDifference(oid, garbage);
    });
  });

  it.each([
    [701, ''],
    [701, '-'],
    [701, '.5'],
    [701, '5.'],
    [701, '1.2.3'],
    [701, '-0'],
    [701, '-0.0'],
    [701, '0.1'],
    [701, '123456789012.34'],
    [701, '1234567890123.45'],
    [701, '0.0000000000001'],
    [701, '0.14285714285714285'],
    [701, '-0.0000000000000000'],
    [701, '9007199254740993'],
    [701, '4503599627370496.5'],
    [701, '4503599627370497.5'],
    [701, '900719925474099.3'],
    [701, '123456789012345678'],
    [701, '1234567890123456789'],
    [701, '0.0000000000000000000001'],
    [701, '0.00000000000000000000001'],
    [701, '1234567890123456.'],
    [701, '.1234567890123456'],
    [701, '1.2345678901234.56'],
    [23, ''],
    [23, '-'],
    [23, '-0'],
    [23, '999999999999999'],
    [23, '9999999999999999'],
    [1082, '0001-01-01'],
    [1082, '0099-12-31'],
    [1082, '2023-02-31'],
    [1082, '2023-13-01'],
    [1114, '2024-02-29 12:34:56.'],
    [1114, '2024-02-29 12:34:56.1234567'],
    [1114, '2024-02-29 24:00:00'],
    [1184, '2024-02-30 12:34:60.999999+00'],
    [1184, '2024-00-10 12:34:56+00'],
    [1184, '2024-13-10 12:34:56+00'],
    [1184, '9999-12-31 23:59:59.999999+00'],
    [1009, '{'],
    [1009, '{}'],
    [1009, '{a,}'],
    [1009, '{,a}'],
    [1009, '{"a"b}'],
    [1009, '{a"b"}'],
    [1009, '{"NULL",NULL}'],
    [1009, '{a}}'],
    [1009, '{"\\"}'],
    [1009, '{"\\\\"}'],
    [1009, '{"\\a\\\n\\🌍","b"}'],
    [1009, '{"\\",b}'],
    [1001, '{}'],
    [1001, '{"\\\\x"}'],
    [1001, '{"\\x00"}'],
    [1001, '{"\\\\x0"}'],
    [1001, '{"x\\\\00"}'],
    [1001, '{\\\\x00}'],
    [3807, '{"{\\"__proto__\\": 1}"}'],
    [3807, '{"{\\"a\\": 1, \\"a\\": 2}"}'],
    [3807, '{1e400,-0,12345678901234567890}'],
    [3807, '{"null",NULL}'],
    [3807, '{1,]}'],
    [3807, '{"{\\"a\\"}"}'],
    [1182, '{2024-02-29,infinity}'],
    [1182, '{"2024-02-29"}'],
    [1185, '{"2024-02-29 12:34:56+00","0044-03-15 12:00:00+00 BC"}'],
    [17, ''],
    [17, '\\'],
    [17, '\\x'],
    [17, '\\x0'],
    [17, '\\xFf'],
    [17, '\\x0\xe9'],
  ])('equals the result of pg’s parser in edge cases: %i %j', (oid, text) => {
    for (const [before, after] of [['', ''] as const, ['{"-1', '-1"}'] as const, ['}', '{'] as const]) {
      expect(findDifference(readType(oid), Buffer.from(text), before, after)).toBeUndefined();
    }
  });

  it('equals the result of pg’s parser, to the millisecond, in every time zone', () => {
    const zones = ['UTC', 'Europe/Berlin', 'America/St_Johns', 'Pacific/Apia', 'Australia/Lord_Howe'];
    const program = join(__dirname, '../support/time-zones-program.ts');
    const said = execFileSync(process.execPath, ['--import', 'tsx', program, ...zones], { encoding: 'utf8' });
    expect(said.trim().split('\n')).toEqual(zones.map((zone) => expect.stringMatching(`^${zone} \\d+$`)));
  }, 60_000);

  it.each([2 ** 19, 2 ** 19 + 1])('equals the result of pg’s parser for an element of %i escapes', (count) => {
    const text = `{a,"${'\\"'.repeat(count)}"}`;
    expect(findDifference(readType(1009), Buffer.from(text), '', '')).toBeUndefined();
  });

  it('uses none of pg’s parsers in its usual form', () => {
    const fail = (): never => {
      throw new Error('It was called');
    };
    jest.isolateModules(() => {
      for (const name of ['postgres-date', 'postgres-bytea']) jest.doMock(name, () => fail);
      jest.doMock('postgres-array', () => ({ parse: fail }));
      const spies = [jest.spyOn(globalThis, 'parseInt'), jest.spyOn(globalThis, 'parseFloat')];
      try {
        for (const spy of spies) spy.mockImplementation(fail);
        const isolated = fresh();
        for (const [oid, text] of USUAL) expect(() => isolated(oid, text)).not.toThrow();
        for (const [oid, text] of USUAL.slice(8))
          expect(() => isolated(oid, `${text} `)).toThrow('that PostgreSQL does not print');
      } finally {
        for (const spy of spies) spy.mockRestore();
        for (const name of ['postgres-date', 'postgres-bytea', 'postgres-array']) jest.dontMock(name);
      }
    });
  });
});

/** The library before its first import; within jest.isolateModules. */
function fresh(): (oid: number, text: string) => unknown {
  const readers = jest.requireActual<typeof ValueReaders>('../../../lib/pgoutput/values/value-readers');
  const values = jest.requireActual<typeof Values>('../../../lib/pgoutput/values/values');
  return (oid, text) => read(oid, text, values.defaultTypes, readers.createValueReader);
}

/** The parser registry that this library will use. */
function freshTypes(): typeof pg.types {
  const { types } = jest.requireActual<typeof pg>('pg');
  expect(types).not.toBe(pg.types);
  return types;
}

describe('a custom parser', () => {
  const custom = (text: string): string => `custom ${text}`;

  it.each(USUAL)('decodes a type once it is set in pg.types: %i', (oid, text) => {
    const before = pg.types.getTypeParser(oid, 'text');
    const value = read(oid, text, defaultTypes);
    pg.types.setTypeParser(oid, custom);
    try {
      expect(read(oid, text, defaultTypes)).toBe(`custom ${text}`);
    } finally {
      pg.types.setTypeParser(oid, before);
    }
    expect(read(oid, text, defaultTypes)).toStrictEqual(value);
  });

  it.each(USUAL)('decodes a type if the option types returns it: %i', (oid, text) => {
    expect(read(oid, text, { getTypeParser: () => custom })).toBe(`custom ${text}`);
    const overrides = new pg.TypeOverrides();
    overrides.setTypeParser(oid, custom);
    const types: pg.CustomTypesConfig = overrides;
    expect(read(oid, text, types)).toBe(`custom ${text}`);
  });

  it.each([[0, '7'] as const, [25, '7'] as const, [16500, '7'] as const, ...USUAL])(
    'decodes a type even if it was set before the library was imported: %i',
    (oid, text) => {
      jest.isolateModules(() => {
        freshTypes().setTypeParser(oid, custom);
        expect(fresh()(oid, text)).toBe(`custom ${text}`);
      });
    },
  );

  it('decodes all types that it is set for, including values without a type', () => {
    jest.isolateModules(() => {
      const types = freshTypes();
      for (const oid of [0, 20, 25]) types.setTypeParser(oid, custom);
      for (const oid of [0, 20, 25]) expect(fresh()(oid, '7')).toBe('custom 7');
    });
  });

  it('may be pg’s parser of another type', () => {
    const of = (oid: number): Values.TypeParsers => ({ getTypeParser: () => pg.types.getTypeParser(oid, 'text') });
    expect(read(25, '7', of(23))).toBe(7);
    expect(read(20, '7', of(23))).toBe(7);
    expect(read(23, '7', of(25))).toBe('7');
    expect(read(1184, '2024-02-29', of(25))).toBe('2024-02-29');
  });

  it('receives only the text, whatever surrounds it', () => {
    const seen: string[] = [];
    const column = { name: 'c', key: false, typeOid: 23, typeModifier: -1 };
    const reader = valueReader({ getTypeParser: () => (text) => seen.push(text) }, 'public.t', column);
    reader(Buffer.from('12ß45'), 1, 4);
    expect(seen).toEqual(['2ß']);
  });
});

describe('a value', () => {
  it.each(PRINTED)('of type %i, %s, does not share memory with the bytes that it was decoded from', (oid, _, text) => {
    const column = { name: 'c', key: false, typeOid: oid, typeModifier: -1 };
    const reader = valueReader(defaultTypes, 'public.t', column);
    const parse = guardParser(defaultTypes.getTypeParser(oid, 'text'), 'public.t', column);
    const property = fc.property(text, (printed) => {
      const bytes = Buffer.from(printed);
      const value = reader(bytes, 0, bytes.length);
      bytes.fill(0);
      return isSameValue(value, parse(printed));
    });
    fc.assert(property, { numRuns: 200 });
  });
});

describe('the comparison of these specs', () => {
  it.each([
    [0, -0],
    [0, false],
    ['1', 1],
    [null, undefined],
    [new Date(0), new Date(1)],
    [new Date(0), 0],
    [new Date(NaN), new Date(0)],
    [Buffer.of(1), Buffer.of(2)],
    [Buffer.of(1), Uint8Array.of(1)],
    [[1], [1, 2]],
    [
      [1, [2]],
      [1, [3]],
    ],
    [{ a: undefined }, { b: undefined }],
    [[], {}],
  ])('distinguishes %p from %p', (a, b) => {
    expect(isSameValue(a, b)).toBe(false);
    expect(isSameValue(b, a)).toBe(false);
  });

  it('accepts equal values', () => {
    const make = (): unknown[] => [NaN, -0, 'a', null, new Date(NaN), new Date(1), Buffer.of(1), [[{ a: [] }]]];
    expect(isSameValue(make(), make())).toBe(true);
  });
});
