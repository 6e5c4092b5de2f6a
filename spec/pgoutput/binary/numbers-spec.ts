import fc from 'fast-check';
import { findShortestDecimal } from '../../../lib/pgoutput/binary/shortest';
import { i64, numericOf } from './support/bytes';
import { float4s, float8s } from './support/float-samples';
import { decodeToText } from './support/text-of';

const int64 = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc
    .tuple(fc.nat(63), fc.integer({ min: -3, max: 3 }))
    .map(([power, by]) => BigInt.asIntN(64, 2n ** BigInt(power) + BigInt(by))),
);

describe('the text of an integer', () => {
  it('has all its digits', () => {
    fc.assert(
      fc.property(int64, (value) => {
        expect(decodeToText('int8', i64(value))).toBe(String(value));
        expect(decodeToText('xid8', i64(value))).toBe(String(BigInt.asUintN(64, value)));
      }),
      { numRuns: 500 },
    );
  });

  it('of type money has all its digits, too', () => {
    fc.assert(
      fc.property(int64, (value) => {
        const text = decodeToText('money', i64(value));
        expect(text).toMatch(/^-?\$\d{1,3}(,\d{3})*\.\d\d$/);
        expect(BigInt(text.replace(/[$,.]/g, ''))).toBe(value);
      }),
    );
  });
});

describe('the text of a floating-point number', () => {
  const float4 = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeFloatBE(value);
    return bytes;
  };
  const float8 = (value: number): Buffer => {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleBE(value);
    return bytes;
  };

  const finite4s = (count: number): number[] => float4s(count).filter((value) => Number.isFinite(value) && value !== 0);

  it('parses as the same number', () => {
    const read8 = (value: number): number => Number(decodeToText('float8', float8(value)));
    const read4 = (value: number): number => Math.fround(Number(decodeToText('float4', float4(value))));
    expect(float8s(20_000).filter((value) => !Object.is(read8(value), value))).toEqual([]);
    expect(float4s(20_000).filter((value) => !Object.is(read4(value), value))).toEqual([]);
  });

  it('of type float4 has the minimum number of digits', () => {
    const hasTooMany = (value: number): boolean => {
      const [mantissa = ''] = Number(decodeToText('float4', float4(value)))
        .toExponential()
        .split('e');
      const digits = mantissa.replace(/\D/g, '').length;
      const fewer = digits > 1 ? Number(value.toPrecision(digits - 1)) : 0;
      // The midpoint of two floats parses as the even one, but may not be printed.
      const isMiddle = Math.fround(fewer * (1 + 1e-15)) !== Math.fround(fewer * (1 - 1e-15));
      return !isMiddle && Math.fround(fewer) === value;
    };
    expect(finite4s(20_000).filter(hasTooMany)).toEqual([]);
  });

  // Doubles are precise enough for most floats. Exact arithmetic is for the others; here it is used for all.
  it('of type float4 is the same in exact arithmetic', () => {
    const isDifferent = (value: number): boolean => {
      const bits = float4(Math.abs(value)).readUInt32BE();
      const fraction = BigInt(bits & 0x7f_ffff);
      const exponent = bits >>> 23;
      const { digits, exponent: power } =
        exponent === 0
          ? findShortestDecimal(fraction, -149, false)
          : findShortestDecimal(fraction + 0x80_0000n, exponent - 150, fraction === 0n && exponent > 1);
      return Number(decodeToText('float4', float4(Math.abs(value)))) !== Number(`${digits}e${power}`);
    };
    expect(finite4s(20_000).filter(isDifferent)).toEqual([]);
  });

  it.each([
    ['123456', '123456'],
    ['1000000', '1e+06'],
    ['0.0001', '0.0001'],
    ['0.00001', '1e-05'],
    ['-100000', '-100000'],
    ['3.4028235e38', '3.4028235e+38'],
    // The digits 8 and 9 are equally near, so the even one is printed.
    ['2097152.25', '2.0971522e+06'],
    // A power of two, whose lower neighbor is nearer.
    ['16777216', '1.6777216e+07'],
  ])('of type float4 for %s is %s', (value, text) => {
    expect(decodeToText('float4', float4(Number(value)))).toBe(text);
  });

  it.each([
    ['999999999999999', '999999999999999'],
    ['1000000000000000', '1e+15'],
    ['-0.0001', '-0.0001'],
    ['-0.00001', '-1e-05'],
    ['1e100', '1e+100'],
    ['1.5e-100', '1.5e-100'],
    ['9007199254740993', '9.007199254740992e+15'],
    // JavaScript prints the midpoint of two numbers: 1.24597504e+23.
    ['1.24597504e23', '1.2459750399999999e+23'],
  ])('of type float8 for %s is %s', (value, text) => {
    expect(decodeToText('float8', float8(Number(value)))).toBe(text);
  });
});

describe('the text of a numeric', () => {
  /** A numeric with this number of units of 10^-scale, as the server sends it: without zeros at either end. */
  function sent(units: bigint, scale: number): Buffer {
    const size = units < 0n ? -units : units;
    const whole = size.toString().padStart(scale + 1, '0');
    const point = whole.length - scale;
    const before = whole.slice(0, point);
    const all =
      before.padStart(Math.ceil(before.length / 4) * 4, '0') + whole.slice(point).padEnd(Math.ceil(scale / 4) * 4, '0');
    const digits = (all.match(/\d{4}/g) ?? []).map(Number);
    let weight = Math.ceil(before.length / 4) - 1;
    while (digits[0] === 0) {
      digits.shift();
      weight--;
    }
    while (digits.at(-1) === 0) digits.pop();
    return numericOf(digits.length === 0 ? 0 : weight, units < 0n ? 0x4000 : 0, scale, digits);
  }

  it('has all its digits and its scale', () => {
    const units = fc.oneof(
      fc.bigInt(-(10n ** 40n), 10n ** 40n),
      fc.tuple(fc.integer(), fc.nat(30)).map(([value, zeros]) => BigInt(value) * 10n ** BigInt(zeros)),
    );
    fc.assert(
      fc.property(units, fc.nat(50), (value, scale) => {
        const digits = String(value < 0n ? -value : value).padStart(scale + 1, '0');
        const point = digits.length - scale;
        const fraction = scale === 0 ? '' : `.${digits.slice(point)}`;
        expect(decodeToText('numeric', sent(value, scale))).toBe(
          `${value < 0n ? '-' : ''}${digits.slice(0, point)}${fraction}`,
        );
      }),
      { numRuns: 500 },
    );
  });

  // 131,068 nines have 32,767 digits of base 10000. A numeric has at most 36,864 of them (numeric_recv).
  it.each([32_767, 32_768, 36_864, 65_535])('may have %i digits: the count is unsigned', (count) => {
    const digits = Array.from({ length: count }, () => 9999);
    const whole = Math.min(count, 32_768);
    const text = decodeToText('numeric', numericOf(whole - 1, 0, count > whole ? 16_383 : 0, digits));
    const fraction = '9'.repeat((count - whole) * 4).slice(0, 16_383);
    expect(text === '9'.repeat(whole * 4) + (count > whole ? `.${fraction.padEnd(16_383, '0')}` : '')).toBe(true);
  });

  it('can be as long as its weight and scale allow', () => {
    const text = decodeToText('numeric', numericOf(32767, 0x4000, 16383, [1]));
    expect(text).toBe(`-1${'0'.repeat(4 * 32767)}.${'0'.repeat(16383)}`);
    expect(decodeToText('numeric', numericOf(-32768, 0, 16383, [1]))).toBe(`0.${'0'.repeat(16383)}`);
  });

  it.each([
    ['a digit above 9999', numericOf(0, 0, 0, [10_000]), 'digit above 9999'],
    ['a digit above 9999 after the decimal point', numericOf(-1, 0, 4, [65_535]), 'digit above 9999'],
    ['a digit above 9999 beyond the scale', numericOf(0, 0, 0, [1, 10_000]), 'digit above 9999'],
    ['an unknown sign', numericOf(0, 0x8000, 0, [1]), 'unknown sign 32768'],
    ['an invalid scale', numericOf(0, 0, 0x4000, [1]), 'the scale 16384'],
    [
      'fewer digits than counted',
      numericOf(0, 0, 0, [1, 2]).subarray(0, 10),
      'expected 4 bytes at byte 8, but only 2 remain',
    ],
    ['more digits than counted', Buffer.concat([numericOf(0, 0, 0, [1]), Buffer.alloc(2)]), '2 bytes follow the value'],
    ['more digits than there are bytes', Buffer.from('ffff000000000000', 'hex'), 'expected 131070 bytes'],
  ])('is an Error for %s', (_, bytes, message) => {
    expect(() => decodeToText('numeric', bytes)).toThrow(message);
  });
});
