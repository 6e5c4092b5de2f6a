import fc from 'fast-check';
import { parse as parseArray } from 'postgres-array';
import { resolveConfig } from '../../../lib/config/resolve-config';
import { ConfigError } from '../../../lib/common/errors';
import { BUILT_IN_TYPES } from '../../../lib/pgoutput/types/built-in-types';
import { JsonNumber } from '../../../lib/pgoutput/values/exact-json';
import { exactTypes } from '../../../lib/pgoutput/values/exact-types';
import { createValueReader } from '../../../lib/pgoutput/values/value-readers';
import { ValueFault } from '../../../lib/pgoutput/values/value-fault';
import { defaultTypes, type TypeParsers } from '../../../lib/pgoutput/values/values';
import { DOCUMENT, type JsonDocument, sameDecimal } from '../support/json-documents';
import { PRINTED } from '../support/printed';
import { isSameValue } from '../support/same-value';

function parse(type: string, text: string): unknown {
  return exactTypes.getTypeParser(BUILT_IN_TYPES.get(type)!, 'text')(text);
}

/** Decoded by the reader of a column, like values of a stream. */
function read(typeOid: number, text: string): unknown {
  const column = { name: 'c', key: false, typeOid, typeModifier: -1 };
  const bytes = Buffer.from(text);
  return createValueReader(exactTypes, 'public.t', column)(bytes, 0, bytes.length);
}

describe('exact types', () => {
  it.each<[type: string, text: string, value: unknown]>([
    ['bool', 't', true],
    ['bool', 'f', false],
    ['int2', '-32768', -32768],
    ['int4', '2147483647', 2147483647],
    ['oid', '4294967295', 4294967295],
    ['xid', '4294967295', 4294967295],
    ['int8', '-9223372036854775808', -9223372036854775808n],
    ['int8', '7', 7n],
    ['xid8', '18446744073709551615', 18446744073709551615n],
    ['float4', '3.4028235e+38', 3.4028235e38],
    ['float8', '-1.7976931348623157e+308', -Number.MAX_VALUE],
    ['float8', '5e-324', Number.MIN_VALUE],
    ['float8', '0.00012345678901234567', 0.00012345678901234567],
    ['float8', '-0', -0],
    ['float8', 'NaN', NaN],
    ['float8', '-Infinity', -Infinity],
    ['numeric', '1.50', '1.50'],
    ['numeric', 'NaN', 'NaN'],
    ['money', '-$1,234,567.89', '-$1,234,567.89'],
    ['bytea', '\\x00Ff', Buffer.of(0, 255)],
    ['bytea', '\\x', Buffer.alloc(0)],
    ['date', '0044-03-15 BC', '0044-03-15 BC'],
    ['date', 'infinity', 'infinity'],
    ['time', '24:00:00', '24:00:00'],
    ['timetz', '23:59:59.999999+15:59:59', '23:59:59.999999+15:59:59'],
    ['timestamp', '2024-02-29 12:34:56.789123', '2024-02-29 12:34:56.789123'],
    ['timestamptz', '2024-02-29 12:34:56.789123+00', '2024-02-29 12:34:56.789123+00'],
    ['interval', '1 year 2 mons -3 days +04:05:06.789123', '1 year 2 mons -3 days +04:05:06.789123'],
    ['point', '(1.5,-2)', '(1.5,-2)'],
    ['int8range', '[1,5)', '[1,5)'],
    ['jsonb', 'null', null],
    ['jsonb', '"1"', '1'],
    ['_int8', '{9223372036854775807,NULL,-1}', [9223372036854775807n, null, -1n]],
    ['_int8', '[0:1][-2:-2]={{1},{2}}', [[1n], [2n]]],
    ['_numeric', '{1.50,NaN,NULL}', ['1.50', 'NaN', null]],
    ['_text', '{a,"b,\\"\\\\",NULL,"NULL",""}', ['a', 'b,"\\', null, 'NULL', '']],
    ['_jsonb', '{"{\\"a\\": 12345678901234567890}",NULL,null}', [{ a: 12345678901234567890n }, null, null]],
    ['_timestamptz', '{"2024-02-29 12:00:00.000001+00"}', ['2024-02-29 12:00:00.000001+00']],
    ['_box', '{(1,1),(0,0);(3,3),(2,2)}', ['(1,1),(0,0)', '(3,3),(2,2)']],
    ['_point', '{"(1,1)","(0,0)"}', ['(1,1)', '(0,0)']],
    ['_bytea', '{"\\\\x00ff"}', [Buffer.of(0, 255)]],
    ['_aclitem', '{=r/postgres,"\\"My role\\"=arw*/postgres",NULL}', ['=r/postgres', '"My role"=arw*/postgres', null]],
    ['_pg_class', '{"(1,,f)"}', ['(1,,f)']],
    ['_bool', '{}', []],
  ])('decode %s %s exactly', (type, text, value) => {
    expect(parse(type, text)).toStrictEqual(value);
    expect(read(BUILT_IN_TYPES.get(type)!, text)).toStrictEqual(value);
  });

  const elements = new Map([...BUILT_IN_TYPES].flatMap(([name, oid]) => [[BUILT_IN_TYPES.get(`_${name}`), oid]]));

  it.each(PRINTED)('lose nothing of type %i, %s: each value prints as the same text', (oid, _, text) => {
    const element = elements.get(oid);
    const arrayOf = element === undefined ? undefined : exactTypes.getTypeParser(element, 'text');
    const property = fc.property(text, (printed) => {
      const value = read(oid, printed);
      if (arrayOf) return isSameValue(value, parseArray(printed, arrayOf));
      return typeof value === 'number' ? sameNumber(value, printed) : print(value) === printed;
    });
    fc.assert(property, { numRuns: 300 });
  });

  it('return an array of elements for every array type', () => {
    const arrays = [...BUILT_IN_TYPES].filter(([name]) => name.startsWith('_'));
    expect(arrays.length).toBeGreaterThan(60);
    for (const [, oid] of arrays) expect(read(oid, '{{NULL}}')).toEqual([[null]]);
  });

  it('return undefined for an unknown type', () => {
    expect(exactTypes.getTypeParser(16500, 'text')).toBe(defaultTypes.getTypeParser(-1, 'text'));
    expect(read(16500, '{a,b}')).toBe('{a,b}');
  });
});

describe('exact JSON', () => {
  it.each<[text: string, value: unknown]>([
    ['9007199254740991', 9007199254740991],
    ['9007199254740992', 9007199254740992n],
    ['-9007199254740993', -9007199254740993n],
    ['12345678901234567890', 12345678901234567890n],
    ['-0', -0],
    ['0.1', 0.1],
    ['1.10', 1.1],
    ['1e2', 100],
    ['1E+2', 100],
    ['1200e-2', 12],
    ['1e20', 1e20],
    ['0.00000e999999', 0],
    ['-0.0000000000000000', -0],
    ['5e-324', 5e-324],
    ['1.7976931348623157e308', Number.MAX_VALUE],
    ['0.30000000000000004', 0.30000000000000004],
    ['0.1234567890123456789', new JsonNumber('0.1234567890123456789')],
    ['9007199254740993.0', new JsonNumber('9007199254740993.0')],
    ['9007199254740992.0', 9007199254740992],
    ['1e400', new JsonNumber('1e400')],
    ['-1e-400', new JsonNumber('-1e-400')],
    ['1e99999999999999999999', new JsonNumber('1e99999999999999999999')],
    [
      '\n[ 1e400 ,\t"1e400",{"1e400":12345678901234567890}]\r',
      [new JsonNumber('1e400'), '1e400', { '1e400': 12345678901234567890n }],
    ],
    ['["\\u0031e5\\"\\\\", 1e400, true, false, null]', ['1e5"\\', new JsonNumber('1e400'), true, false, null]],
    ['{"a":1e400,"b":[],"a":{"":{}}}', { a: { '': {} }, b: [] }],
  ])('decodes %j exactly', (text, value) => {
    expect(parse('jsonb', text)).toStrictEqual(value);
    expect(parse('json', text)).toStrictEqual(value);
  });

  it('decodes every number exactly, whatever surrounds it', () => {
    let rounded = 0;
    const check = (value: unknown, { literal, items, members, other }: JsonDocument): void => {
      if (literal !== undefined) {
        rounded += Number(expectExact(value, literal));
      } else if (items) {
        expect(value).toHaveLength(items.length);
        items.forEach((item, i) => check((value as unknown[])[i], item));
      } else if (members) {
        // JSON.parse determines the order of names, and which of two members with the same name counts.
        const last = new Map(members);
        const names = Object.keys(
          JSON.parse(`{${members.map(([name]) => `${JSON.stringify(name)}:0`).join()}}`) as object,
        );
        expect(Object.keys(value as object)).toEqual(names);
        for (const name of names) check((value as Record<string, unknown>)[name], last.get(name)!);
      } else {
        expect(value).toBe(other);
      }
    };
    fc.assert(
      fc.property(DOCUMENT, (document) => check(parse('json', document.text), document)),
      { numRuns: 500 },
    );
    expect(rounded).toBeGreaterThan(100);
  });

  it('equals the result of JSON.parse, except for large integers', () => {
    const expected = (text: string): unknown =>
      JSON.parse(text, (_, value: unknown) =>
        typeof value === 'number' && /^-?\d{16,}$/.test(String(value)) && !Number.isSafeInteger(value)
          ? BigInt(String(value))
          : value,
      );
    const texts = fc
      .tuple(fc.jsonValue(), fc.constantFrom(0, 1))
      .map(([value, indent]) => JSON.stringify(value, null, indent));
    const property = fc.property(texts, fc.boolean(), (text, isRebuilt) => {
      if (!isRebuilt) return isSameValue(parse('json', text), expected(text));
      const [value, number] = parse('json', `[${text}, 1e400]`) as unknown[];
      return isSameValue(value, expected(text)) && number instanceof JsonNumber;
    });
    fc.assert(property, { numRuns: 500 });
  });

  it('keeps a member called __proto__', () => {
    const value = parse('json', '{"__proto__": {"x": 1e400}, "constructor": 1}') as object;
    expect(Object.entries(value)).toEqual([
      ['__proto__', { x: new JsonNumber('1e400') }],
      ['constructor', 1],
    ]);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });

  it('has numbers that convert to their text', () => {
    const number = new JsonNumber('0.1234567890123456789');
    expect([String(number), JSON.stringify({ number }), Number(number)]).toEqual([
      '0.1234567890123456789',
      '{"number":"0.1234567890123456789"}',
      0.12345678901234568,
    ]);
  });

  it.each(['', '[', '[1e400', '{"a":1e400,}', '01e400', '1e', '.5e400', '"1e400', '1e400 x', "'", 'NaN'])(
    'rejects %j',
    (text) => {
      expect(() => parse('json', text)).toThrow(SyntaxError);
    },
  );
});

describe('hostile text', () => {
  const million = '9'.repeat(1_000_000);

  it.each(['bool', 'int2', 'int4', 'oid', 'int8', 'xid8', 'float4', 'float8', 'bytea', '_int8', '_float8', '_jsonb'])(
    'of a million digits is rejected for %s',
    (type) => {
      expect(() => read(BUILT_IN_TYPES.get(type)!, million)).toThrow(ValueFault);
    },
  );

  it('of a million digits is a numeric, and a JSON number', () => {
    expect(parse('numeric', million)).toBe(million);
    expect(parse('_numeric', `{${million}}`)).toEqual([million]);
    expect(parse('json', million)).toEqual(new JsonNumber(million));
    expect(parse('json', `0.${'0'.repeat(1_000_000)}1`)).toBeInstanceOf(JsonNumber);
    expect(parse('json', `1e${million}`)).toBeInstanceOf(JsonNumber);
    const most = `1${'0'.repeat(131_071)}`;
    expect(parse('json', `[${most},-${most}]`)).toEqual([10n ** 131_071n, -(10n ** 131_071n)]);
    expect(parse('json', `[-${most}0]`)).toEqual([new JsonNumber(`-${most}0`)]);
  });

  it.each(['1', '1e400', '12345678901234567890'])('is JSON, however deeply %s is nested', (number) => {
    const depth = 100_000;
    let value = parse('json', '[{"a":'.repeat(depth) + number + '}]'.repeat(depth));
    for (let i = 0; i < depth; i++) value = (value as { a: unknown }[])[0]!.a;
    expect(value).toStrictEqual(parse('json', number));
  });

  it('is JSON with many escapes, and an array of it', () => {
    const document = `[1e400,"${'\\"'.repeat(1_000_000)}"]`;
    const value = [new JsonNumber('1e400'), '"'.repeat(1_000_000)];
    expect(isSameValue(parse('json', document), value)).toBe(true);
    expect(isSameValue(parse('_json', `{"${document.replace(/["\\]/g, '\\$&')}"}`), [value])).toBe(true);
  });

  it.each(['{', '}', '{{', '"', '\\', ',', '{"', '{,', '[0:1]', '[', '{a}{', '{"a"'])(
    'that repeats is not an array: %j',
    (piece) => {
      for (const type of ['_int8', '_text', '_jsonb', '_box']) {
        expect(() => read(BUILT_IN_TYPES.get(type)!, piece.repeat(100_000))).toThrow(ValueFault);
      }
    },
  );

  it('is a value of its type, or an error that names the column and does not contain the value', () => {
    const likely = fc.string({ unit: fc.constantFrom(...'0123456789.eE+-{},"\\[]:=xtfNULaIny '), maxLength: 30 });
    const oid = fc.constantFrom(...BUILT_IN_TYPES.values());
    const outcomes = { values: 0, errors: 0 };
    const property = fc.property(oid, fc.oneof(likely, fc.string()), (typeOid, text) => {
      try {
        const value = read(typeOid, text);
        outcomes.values++;
        if (typeof value === 'number' && text !== 'NaN') expect(value).not.toBeNaN();
        if (typeof value === 'string') expect([text, expect.anything()]).toContain(value);
      } catch (error) {
        outcomes.errors++;
        expect(error).toBeInstanceOf(ValueFault);
        const { message } = error as Error;
        expect(message).toContain(`Column c of public.t (type OID ${typeOid})`);
        if (text.length > 5) expect(message).not.toContain(text);
      }
    });
    fc.assert(property, { numRuns: 2000 });
    expect(Math.min(outcomes.values, outcomes.errors)).toBeGreaterThan(100);
  });

  it.each([
    ['bool', 'true'],
    ['bool', ''],
    ['int4', ''],
    ['int4', '1.5'],
    ['int4', '0x10'],
    ['int4', ' 1'],
    ['int8', ''],
    ['int8', '1n'],
    ['int8', '0b1'],
    ['float8', ''],
    ['float8', '1e400000'],
    ['float8', 'Inf'],
    ['bytea', '\\000'],
    ['bytea', '\\x0'],
    ['bytea', '\\x0g'],
    ['_int8', '{1,x}'],
  ])('is rejected for %s: %j', (type, text) => {
    expect(() => parse(type, text)).toThrow();
    expect(() => read(BUILT_IN_TYPES.get(type)!, text)).toThrow(ValueFault);
  });
});

describe('the option types', () => {
  const resolve = (types?: TypeParsers | 'exact'): TypeParsers =>
    resolveConfig({ connection: 'postgres://me@localhost', slot: 's', publications: ['p'], types }).values.types;

  it("accepts 'exact', custom parsers, and undefined", () => {
    const own = { getTypeParser: () => String };
    expect([resolve('exact'), resolve(own), resolve()]).toEqual([exactTypes, own, defaultTypes]);
  });

  it.each(['', 'Exact', 'pg'])('rejects other text: %j', (text) => {
    const attempt = (): unknown => resolve(text as 'exact');
    expect(attempt).toThrow(ConfigError);
    expect(attempt).toThrow("types: expected 'exact', or an object with a method getTypeParser()");
  });
});

/** @returns whether a double would be a different number */
function expectExact(value: unknown, literal: string): boolean {
  if (value instanceof JsonNumber) {
    expect(value.text).toBe(literal);
    expect(sameDecimal(literal, String(Number(literal)))).toBe(false);
    return true;
  }
  const isInteger = /^-?\d+$/.test(literal);
  expect(typeof value).toBe(isInteger && !Number.isSafeInteger(Number(literal)) ? 'bigint' : 'number');
  expect(sameDecimal(literal, String(value))).toBe(true);
  return typeof value === 'bigint';
}

function print(value: unknown): string {
  if (typeof value === 'boolean') return value ? 't' : 'f';
  return Buffer.isBuffer(value) ? `\\x${value.toString('hex')}` : String(value);
}

/** PostgreSQL uses exponents from other limits on than JavaScript. */
function sameNumber(value: number, printed: string): boolean {
  if (!Number.isFinite(value)) return String(value) === printed;
  return sameDecimal(printed, String(value)) && Object.is(Math.sign(value), Math.sign(Number(printed)));
}
