import fc, { type Arbitrary } from 'fast-check';
import type { TypeDefinition } from '../../../lib/pgoutput/types/type-definitions';
import { arrayOf, i32, numericOf, recordOf, sized } from './support/bytes';
import { getOid, shapesOf, decodeToText } from './support/text-of';
import { quotedText } from './support/text-samples';

const TEXT = getOid('text');
const INT4 = getOid('int4');
const ROW = 50;
const ROWS = 51;
const SHAPES: Record<number, TypeDefinition> = {
  [ROW]: { kind: 'composite', attributes: [] },
  [ROWS]: { kind: 'array', element: ROW, delimiter: ',' },
};
const definitions = shapesOf(SHAPES);

const item: Arbitrary<string | null> = fc.option(quotedText, { nil: null, freq: 8 });
const sentText = (value: string | null): Buffer | null => (value === null ? null : Buffer.from(value));

/** Parses an array of one dimension, as array_in does. */
function parseArray(text: string): (string | null)[] {
  const items = text.slice(1, -1).match(/"(?:[^"\\]|\\.)*"|[^,"]+/gs) ?? [];
  return items.map((part) => {
    if (part.startsWith('"')) return part.slice(1, -1).replace(/\\(.)/gs, '$1');
    return part === 'NULL' ? null : part;
  });
}

/** Parses a row, as record_in does. */
function parseRecord(text: string): (string | null)[] {
  return [...text.slice(0, -1).matchAll(/[(,](?:"((?:[^"\\]|""|\\\\)*)"|([^,"]*))/gs)].map(([, within, bare]) => {
    if (within !== undefined) return within.replace(/""|\\\\/g, (pair) => pair.slice(1));
    return bare === '' ? null : (bare ?? null);
  });
}

describe('the text of an array', () => {
  it('can be parsed again, whatever it contains', () => {
    fc.assert(
      fc.property(fc.array(item, { minLength: 1, maxLength: 8 }), (items) => {
        const text = decodeToText('_text', arrayOf(TEXT, [[items.length, 1]], items.map(sentText)));
        expect(parseArray(text)).toEqual(items);
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    [
      '6 dimensions',
      [
        [1, 1],
        [1, 1],
        [1, 1],
        [1, 1],
        [2, 1],
        [1, 1],
      ],
      '{{{{{{0},{1}}}}}}',
    ],
    [
      'lower bounds',
      [
        [2, -1],
        [1, 5],
      ],
      '[-1:0][5:5]={{0},{1}}',
    ],
    ['no elements', [[0, 1]], '{}'],
    [
      'no elements in one dimension',
      [
        [0, 1],
        [7, 3],
      ],
      '{}',
    ],
  ] satisfies [string, [number, number][], string][])('has braces for %s', (_, dimensions, text) => {
    const count = dimensions.reduce((product, [size]) => product * size, 1);
    const elements = Array.from({ length: count }, (_, i) => i32(i));
    expect(decodeToText('_int4', arrayOf(INT4, dimensions, elements))).toBe(text);
  });

  it.each<[string, Buffer, string]>([
    [
      'more dimensions than there can be',
      arrayOf(
        INT4,
        Array.from({ length: 7 }, () => [1, 1] as const),
        [i32(1)],
      ),
      '7 dimensions',
    ],
    ['a negative number of dimensions', Buffer.concat([i32(-1), i32(0), i32(INT4)]), '-1 dimensions'],
    [
      'more elements than bytes',
      arrayOf(INT4, [[2_147_483_647, 1]], [i32(1)]),
      '2147483647 elements, but only 8 bytes',
    ],
    [
      'dimensions whose product is huge',
      arrayOf(
        INT4,
        Array.from({ length: 6 }, () => [2_147_483_647, 1] as const),
        [],
      ),
      'elements, but only 0 bytes',
    ],
    ['a negative size', arrayOf(INT4, [[-1, 1]], []), 'the array declares -1 elements'],
    [
      'two negative sizes',
      arrayOf(
        INT4,
        [
          [-1, 1],
          [-1, 1],
        ],
        [i32(1)],
      ),
      'the array declares -1 elements',
    ],
    [
      'a size behind none',
      arrayOf(
        INT4,
        [
          [0, 1],
          [-5, 1],
        ],
        [],
      ),
      'elements, but only 0 bytes',
    ],
    [
      'an element that is too long',
      arrayOf(INT4, [[1, 1]], [i32(1)]).subarray(0, -1),
      'expected 4 bytes at byte 24, but only 3 remain',
    ],
    ['an element of a negative length', Buffer.concat([arrayOf(INT4, [[1, 1]], []), i32(-2)]), 'expected -2 bytes'],
    ['an element of the wrong length', arrayOf(INT4, [[1, 1]], [Buffer.alloc(3)]), 'the value has 3 bytes; expected 4'],
    ['more bytes than elements', arrayOf(INT4, [[1, 1]], [i32(1), i32(2)]), '8 bytes follow the value'],
    ['bytes after no elements', arrayOf(INT4, [], [i32(1)]), '8 bytes follow the value'],
    ['elements of an unknown type', arrayOf(99, [[1, 1]], [i32(1)]), 'OID 99 is not known'],
  ])('is an Error for %s', (_, bytes, message) => {
    expect(() => decodeToText('_int4', bytes)).toThrow(message);
  });
});

describe('the text of a record', () => {
  it('can be parsed again, whatever it contains', () => {
    fc.assert(
      fc.property(fc.array(item, { minLength: 1, maxLength: 8 }), (items) => {
        const text = decodeToText(ROW, recordOf(items.map((value) => [TEXT, sentText(value)])), definitions);
        expect(parseRecord(text)).toEqual(items);
      }),
      { numRuns: 1000 },
    );
  });

  it('quotes its contents once more at each level', () => {
    let value = recordOf([[TEXT, Buffer.from('a "b\\"')]]);
    value = recordOf([[ROWS, arrayOf(ROW, [[2, 1]], [value, null])]]);
    expect(decodeToText(ROW, value, definitions)).toBe(
      String.raw`("{""(\\""a \\""\\""b\\\\\\\\\\""\\""\\"")"",NULL}")`,
    );
  });

  it.each<[string, Buffer, string]>([
    ['more columns than bytes', i32(2_147_483_647), 'the value declares 2147483647 items, but only 0 bytes'],
    ['a negative number of columns', i32(-1), 'the value declares -1 items'],
    ['a column of an unknown type', recordOf([[99, i32(1)]]), 'OID 99 is not known'],
    ['a column that is too long', recordOf([[INT4, i32(1)]]).subarray(0, -1), 'but only 3 remain'],
    ['a column of the wrong length', recordOf([[INT4, Buffer.alloc(5)]]), 'the value has 5 bytes; expected 4'],
    ['bytes after the record', Buffer.concat([recordOf([]), Buffer.alloc(1)]), '1 bytes follow the value'],
  ])('is an Error for %s', (_, bytes, message) => {
    expect(() => decodeToText(ROW, bytes, definitions)).toThrow(message);
  });

  it('is an Error if it has more levels than can be printed', () => {
    let value: Buffer = Buffer.alloc(4);
    for (let level = 1; level <= 2000; level++) {
      value = recordOf([[ROW, value]]);
      // Ten pairs of quotes, each twice as long as the one within, and eleven pairs of parentheses.
      if (level === 10) expect(decodeToText(ROW, value, definitions)).toHaveLength(2 ** 11 - 2 + 22);
    }
    expect(() => decodeToText(ROW, value, definitions)).toThrow('more than 64 levels');
  });

  it('is an Error if its text is out of proportion to its bytes', () => {
    let value = recordOf([[TEXT, Buffer.from('"')]]);
    for (let level = 0; level < 60; level++) value = recordOf([[ROW, value]]);
    expect(value.length).toBeLessThan(1000);
    expect(() => decodeToText(ROW, value, definitions)).toThrow(
      /the text would have at least \d+ characters, too many/,
    );

    const long = Buffer.from('00017fff000000000001', 'hex');
    const numerics = arrayOf(getOid('numeric'), [[1000, 1]], new Array<Buffer>(1000).fill(long));
    expect(() => decodeToText('_numeric', numerics)).toThrow(/the text would have at least \d+ characters, too many/);
    expect(
      decodeToText('_numeric', arrayOf(getOid('numeric'), [[100, 1]], new Array<Buffer>(100).fill(long))),
    ).toHaveLength(100 * (4 * 32_767 + 2) + 1);
  });

  it('is an Error if a row of many such texts would be too long', () => {
    // Each text is within the limit of a value, and some hundred bytes long.
    let value = recordOf([[TEXT, Buffer.from('"')]]);
    for (let level = 0; level < 20; level++) value = recordOf([[ROW, value]]);
    expect(value.length).toBeLessThan(300);
    expect(() => decodeToText(ROW, value, definitions)).toThrow(
      /the text would have at least \d{5} characters, too many/,
    );
    // Valid bytes may have quotes within quotes, too.
    let honest: Buffer = Buffer.alloc(100_000, '"');
    for (let level = 0; level < 3; level++) honest = recordOf([[level === 0 ? TEXT : ROW, honest]]);
    expect(decodeToText(ROW, honest, definitions).length).toBeGreaterThan(800_000);
  });

  it('can be quoted whatever its length', () => {
    const value = recordOf([[TEXT, Buffer.alloc(1_000_000, 'ab"\\')]]);
    expect(decodeToText(ROW, value, definitions)).toBe(`("${'ab""\\\\'.repeat(250_000)}")`);
    const array = arrayOf(TEXT, [[1, 1]], [Buffer.alloc(1_000_000, 'ab"\\')]);
    expect(decodeToText('_text', array)).toBe(`{"${String.raw`ab\"\\`.repeat(250_000)}"}`);
  });
});

describe('the text of a range', () => {
  const range = (flags: number, ...bounds: string[]): Buffer =>
    Buffer.concat([Buffer.from([flags]), ...bounds.map((bound) => sized(Buffer.from(bound)))]);
  const TEXT_RANGE = 60;
  const ofText = shapesOf({ [TEXT_RANGE]: { kind: 'range', subtype: TEXT } });

  it.each([
    ['empty', range(0x01), 'empty'],
    ['unbounded', range(0x18), '(,)'],
    ['with both bounds', range(0x06, 'a', 'b'), '[a,b]'],
    ['with its lower bound', range(0x12, 'a'), '[a,)'],
    ['with its upper bound', range(0x0c, 'b'), '(,b]'],
    ['of quoted bounds', range(0x02, '', 'a"\\[b'), String.raw`["","a""\\[b")`],
  ])('that is %s has the right brackets', (_, bytes, text) => {
    expect(decodeToText(TEXT_RANGE, bytes, ofText)).toBe(text);
  });

  it.each([
    ['no bytes', Buffer.alloc(0), 'expected 1 bytes'],
    ['a bound missing', range(0x06, 'a'), 'expected 4 bytes'],
    ['bytes after an empty range', range(0x01, 'a'), '5 bytes follow the value'],
    ['a bound of a negative length', Buffer.concat([range(0x10), i32(-1)]), 'expected -1 bytes'],
  ])('is an Error for %s', (_, bytes, message) => {
    expect(() => decodeToText(TEXT_RANGE, bytes, ofText)).toThrow(message);
  });

  it('may be in an array with the longest numerics', () => {
    const bound = sized(numericOf(32_767, 0x4000, 16_383, [1]));
    const text = decodeToText(
      '_numrange',
      arrayOf(getOid('numrange'), [[1, 1]], [Buffer.concat([Buffer.of(2), bound, bound])]),
    );
    const number = `-1${'0'.repeat(4 * 32_767)}.${'0'.repeat(16_383)}`;
    expect(text === `{"[${number},${number})"}`).toBe(true);
  });

  it('is an Error for more ranges than bytes', () => {
    expect(() => decodeToText('int4multirange', i32(2))).toThrow('the value declares 2 items, but only 0 bytes');
    expect(() => decodeToText('int4multirange', i32(-1))).toThrow('the value declares -1 items');
  });
});
