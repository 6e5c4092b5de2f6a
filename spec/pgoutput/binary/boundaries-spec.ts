import { i16, i32, i64, numericOf, sized } from './support/bytes';
import { getOid, shapesOf, decodeToText } from './support/text-of';

/*
 * Counts and lengths have the width and the sign that the type's recv function gives them, and each is tried with its sign
 * bit set, with zero, and with the largest that a value can have or that is cheap to send.
 */

const ROW = 20_000;
const definitions = shapesOf({ [ROW]: { kind: 'composite', attributes: [] } });
const INT2 = getOid('int2');
const INT4 = getOid('int4');

const LOWEST = -2_147_483_648;
const HIGHEST = 2_147_483_647;
/** More than a 16-bit integer can count. */
const MANY = 70_000;

const bytes = (...values: number[]): Buffer => Buffer.from(values);
const u16 = (value: number): Buffer => bytes(value >> 8, value & 0xff);
const all = (...parts: Buffer[]): Buffer => Buffer.concat(parts);
const header = (dimensions: number, elementOid: number, ...sizes: number[]): Buffer =>
  all(i32(dimensions), i32(0), i32(elementOid), ...sizes.map(i32));
const repeated = (count: number, value: Buffer): Buffer => Buffer.alloc(count * value.length, value);
const listOf = (count: number, text: string, separator = ','): string =>
  Array<string>(count).fill(text).join(separator);

const int2 = sized(i16(7));
const point = Buffer.alloc(16);
const address = (family: number, bits: number, size: number): Buffer =>
  all(bytes(family, bits, 0, size), Buffer.alloc(size));
const lexeme = (count: number, position: number): Buffer =>
  all(i32(1), Buffer.from('a\0'), u16(count), repeated(count, u16(position)));
const phrase = (distance: number): Buffer =>
  all(i32(3), bytes(2, 4), u16(distance), bytes(1, 0, 0, 0x62, 0), bytes(1, 0, 0, 0x61, 0));
const snapshot = (count: number, running = 0): Buffer => all(i32(count), i64(1n), i64(2n), repeated(running, i64(1n)));

describe('a count or a length is read correctly', () => {
  it.each([
    ['_int2', 'no dimensions', header(0, INT2), '{}'],
    ['_int2', 'a dimension of no elements', header(1, INT2, 0, 1), '{}'],
    [
      '_int2',
      'more elements than 16 bits count',
      all(header(1, INT2, MANY, 1), repeated(MANY, int2)),
      `{${listOf(MANY, '7')}}`,
    ],
    ['_int2', 'the lowest lower bound', all(header(1, INT2, 1, LOWEST), int2), '[-2147483648:-2147483648]={7}'],
    ['_int2', 'the highest upper bound', all(header(1, INT2, 1, HIGHEST), int2), '[2147483647:2147483647]={7}'],
    ['_int2', 'six dimensions', all(header(6, INT2, ...Array<number>(12).fill(1)), int2), '{{{{{{7}}}}}}'],
    ['_text', 'an element of no bytes', all(header(1, getOid('text'), 1, 1), i32(0)), '{""}'],
    ['int2vector', 'no elements', header(1, INT2, 0, 0), ''],
    [
      'int2vector',
      'more elements than 16 bits count',
      all(header(1, INT2, MANY, 0), repeated(MANY, int2)),
      listOf(MANY, '7', ' '),
    ],
    ['oidvector', 'an OID with its highest bit', all(header(1, getOid('oid'), 1, 0), i32(4), i32(-1)), '4294967295'],
    [ROW, 'no columns', i32(0), '()'],
    [
      ROW,
      'more columns than 16 bits count',
      all(i32(MANY), repeated(MANY, all(i32(INT4), i32(-1)))),
      `(${listOf(MANY, '')})`,
    ],
    ['int4multirange', 'no ranges', i32(0), '{}'],
    [
      'int4multirange',
      'more ranges than 16 bits count',
      all(i32(MANY), repeated(MANY, sized(bytes(1)))),
      `{${listOf(MANY, 'empty')}}`,
    ],
    ['path', 'no points', all(bytes(0), i32(0)), '[]'],
    [
      'path',
      'more points than 16 bits count',
      all(bytes(1), i32(MANY), repeated(MANY, point)),
      `(${listOf(MANY, '(0,0)')})`,
    ],
    ['polygon', 'no points', i32(0), '()'],
    ['polygon', 'more points than 16 bits count', all(i32(MANY), repeated(MANY, point)), `(${listOf(MANY, '(0,0)')})`],
    ['bit', 'no bits', i32(0), ''],
    ['varbit', 'a byte and a bit', all(i32(9), bytes(0xff, 0x80)), '111111111'],
    ['varbit', 'more bits than 16 bits count', all(i32(MANY), Buffer.alloc(MANY / 8, 0xff)), '1'.repeat(MANY)],
    ['tsvector', 'no lexemes', i32(0), ''],
    ['tsvector', 'no positions', lexeme(0, 0), "'a'"],
    ['tsvector', 'as many positions as may be', lexeme(255, 0x3fff), `'a':${listOf(255, '16383')}`],
    ['tsvector', 'positions whose count has its highest bit', lexeme(0x8000, 1), `'a':${listOf(0x8000, '1')}`],
    ['tsvector', 'a position with its highest bit', lexeme(1, 0xffff), "'a':16383A"],
    ['tsquery', 'no items', i32(0), ''],
    ['tsquery', 'the distance 0', phrase(0), "'a' <0> 'b'"],
    ['tsquery', 'the farthest distance', phrase(16_384), "'a' <16384> 'b'"],
    ['pg_snapshot', 'no transactions', snapshot(0), '1:2:'],
    ['txid_snapshot', 'more transactions than 16 bits count', snapshot(MANY, MANY), `1:2:${listOf(MANY, '1')}`],
    ['numeric', 'no digits', numericOf(0, 0, 0, []), '0'],
    ['numeric', 'a scale of its own', numericOf(0, 0, 16_383, []), `0.${'0'.repeat(16_383)}`],
    ['inet', 'no bits', address(2, 0, 4), '0.0.0.0/0'],
    ['inet', 'all bits', address(2, 32, 4), '0.0.0.0'],
    ['inet', 'a number of bits that a signed byte does not hold', address(3, 128, 16), '::'],
    ['cidr', 'a number of bits that a signed byte does not hold', address(3, 128, 16), '::/128'],
  ])('of type %s: %s', (type, _, value, text) => {
    // toBe would print megabytes.
    expect(decodeToText(type, value, definitions) === text).toBe(true);
  });

  it.each([
    ['oid', i32(LOWEST), '2147483648'],
    ['xid', i32(-1), '4294967295'],
    ['cid', i32(-1), '4294967295'],
    ['xid8', i64(-(2n ** 63n)), '9223372036854775808'],
    ['tid', all(i32(-1), i16(-1)), '(4294967295,65535)'],
    ['pg_lsn', i64(-1n), 'FFFFFFFF/FFFFFFFF'],
    ['pg_snapshot', all(i32(0), i64(-1n), i64(-1n)), '18446744073709551615:18446744073709551615:'],
    ['regclass', i32(-1), '4294967295'],
    ['int2', i16(-32_768), '-32768'],
    ['int4', i32(LOWEST), '-2147483648'],
    ['money', i64(-(2n ** 63n)), '-$92,233,720,368,547,758.08'],
    ['char', bytes(0x80), String.raw`\200`],
    ['char', bytes(0xff), String.raw`\377`],
    ['timetz', all(i64(0n), i32(57_599)), '00:00:00-15:59:59'],
    ['timetz', all(i64(86_400_000_000n), i32(-57_599)), '24:00:00+15:59:59'],
  ])('a value of type %s has its highest bit set: %#', (type, value, text) => {
    expect(decodeToText(type, value)).toBe(text);
  });
});

type Wrong = readonly [type: string | number, value: Buffer, message: RegExp];

const WRONG: readonly Wrong[] = [
  ...[-1, LOWEST, 7, HIGHEST].map((count): Wrong => [
    '_int2',
    header(count, INT2, 1, 1),
    /the array has -?\d+ dimensions/,
  ]),
  ...[-1, LOWEST, HIGHEST].map((size): Wrong => [
    '_int2',
    header(1, INT2, size, 1),
    /the array declares -?\d+ elements/,
  ]),
  // The two sign bits cancel out.
  ['_int2', all(header(2, INT2, -1, 1, -1, 1), int2), /the array declares -1 elements/],
  ['_int2', all(header(2, INT2, HIGHEST, 1, HIGHEST, 1), int2), /the array declares \d+ elements/],
  ...[-2, LOWEST, HIGHEST].map((length): Wrong => [
    '_int2',
    all(header(1, INT2, 1, 1), i32(length)),
    /expected -?\d+ bytes/,
  ]),
  ...[-1, LOWEST, HIGHEST].map((count): Wrong => [
    'int2vector',
    header(1, INT2, count, 0),
    /the array declares -?\d+ elements/,
  ]),
  ['int2vector', all(header(1, INT2, 1, 0), i32(-1)), /expected -1 bytes/],
  ...[-1, LOWEST, HIGHEST].map((count): Wrong => [ROW, i32(count), /the value declares -?\d+ items/]),
  ...[-2, LOWEST, HIGHEST].map((length): Wrong => [ROW, all(i32(1), i32(INT4), i32(length)), /expected -?\d+ bytes/]),
  ...[-1, LOWEST, HIGHEST].map((length): Wrong => ['int4range', all(bytes(0x12), i32(length)), /expected -?\d+ bytes/]),
  ...[-1, LOWEST, HIGHEST].map((count): Wrong => ['int4multirange', i32(count), /the value declares -?\d+ items/]),
  ...[-1, LOWEST, HIGHEST].map((length): Wrong => ['int4multirange', all(i32(1), i32(length)), /expected -?\d+ bytes/]),
  ...[-1, LOWEST, HIGHEST].map((count): Wrong => ['path', all(bytes(0), i32(count)), /the value declares -?\d+ items/]),
  ...[-1, LOWEST, HIGHEST].map((count): Wrong => ['polygon', i32(count), /the value declares -?\d+ items/]),
  ...[-1, LOWEST].map((count): Wrong => ['bit', i32(count), /the bit string declares -\d+ bits/]),
  ['varbit', i32(HIGHEST), /expected \d+ bytes/],
  ...[-1, LOWEST, HIGHEST].map((count): Wrong => ['tsvector', i32(count), /the value declares -?\d+ items/]),
  ['tsvector', lexeme(0xffff, 1).subarray(0, -1), /expected 2 bytes/],
  ...[-1, LOWEST, HIGHEST].map((count): Wrong => ['tsquery', i32(count), /the value declares -?\d+ items/]),
  ...[-1, LOWEST, HIGHEST].map((count): Wrong => ['pg_snapshot', snapshot(count), /expected -?\d+ bytes/]),
  ['inet', address(2, 33, 4), /mask has 33 bits/],
  ['inet', address(3, 129, 16), /mask has 129 bits/],
  ['inet', address(3, 0, 255), /the address has 255 bytes/],
  ...[0, 2, 0x80, 0xff].map((version): Wrong => ['jsonb', bytes(version, 0x31), /the format version is not 1/]),
  ...[0, 2, 0x80, 0xff].map((version): Wrong => ['jsonpath', bytes(version, 0x24), /the format version is not 1/]),
];

describe('an invalid count or length is an Error', () => {
  it.each(WRONG)('of type %s: %#', (type, value, message) => {
    expect(() => decodeToText(type, value, definitions)).toThrow(message);
  });
});
