import fc from 'fast-check';
import { i32, i64 } from './support/bytes';
import { decodeToText } from './support/text-of';

const DAY = 86_400_000;
const EPOCH = Date.UTC(2000, 0, 1);

const interval = (microseconds: bigint, days: number, months: number): Buffer =>
  Buffer.concat([i64(microseconds), i32(days), i32(months)]);

/** The ISO text of a Date of the years 0 to 9999, in PostgreSQL's form. */
function isoDate(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

describe('the text of dates and times', () => {
  // Years of four digits.
  const day = fc.integer({ min: Date.parse('0001-01-01') / DAY, max: Date.parse('9999-12-31') / DAY });

  it('equals the day that Date computes', () => {
    fc.assert(
      fc.property(day, (days) => {
        expect(decodeToText('date', i32(days - EPOCH / DAY))).toBe(isoDate(days * DAY));
      }),
      { numRuns: 2000 },
    );
  });

  it('is correct for every day of 800 years', () => {
    const wrong: number[] = [];
    for (let days = -146_097; days < 146_097; days++) {
      if (decodeToText('date', i32(days)) !== isoDate(EPOCH + days * DAY)) wrong.push(days);
    }
    expect(wrong).toEqual([]);
  });

  it('has the time of day to the microsecond', () => {
    fc.assert(
      fc.property(day, fc.integer({ min: 0, max: 86_399_999_999 }), (days, time) => {
        const microseconds = BigInt(days - EPOCH / DAY) * 86_400_000_000n + BigInt(time);
        const ms = days * DAY + Math.floor(time / 1000);
        const fraction = String(time % 1_000_000)
          .padStart(6, '0')
          .replace(/0+$/, '');
        const text = `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')}${fraction === '' ? '' : `.${fraction}`}`;
        expect(decodeToText('timestamp', i64(microseconds))).toBe(text);
        expect(decodeToText('timestamptz', i64(microseconds))).toBe(`${text}+00`);
        expect(decodeToText('time', i64(BigInt(time)))).toBe(text.slice(11));
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['-2451545', '4714-11-24 BC'],
    ['2145031948', '5874897-12-31'],
    ['-730119', '0001-01-01'],
    ['-730120', '0001-12-31 BC'],
    ['-730485', '0001-01-01 BC'],
    ['2921940', '10000-01-01'],
  ])('of the date %s is %s', (days, text) => {
    expect(decodeToText('date', i32(Number(days)))).toBe(text);
  });

  it.each([
    ['date', i32(-2_451_546)],
    ['date', i32(2_145_031_949)],
    ['timestamp', i64(-211_813_488_000_000_001n)],
    ['timestamptz', i64(9_223_371_331_200_000_000n)],
  ])('of a %s that is out of range is an Error', (type, bytes) => {
    expect(() => decodeToText(type, bytes)).toThrow('the date is out of range');
  });

  it.each([
    ['time', i64(-1n), 'time of day is out of range'],
    ['time', i64(86_400_000_001n), 'time of day is out of range'],
    ['timetz', Buffer.concat([i64(0n), i32(57_600)]), 'time zone is out of range'],
    ['timetz', Buffer.concat([i64(0n), i32(-2_147_483_648)]), 'time zone is out of range'],
  ])('of an invalid %s is an Error', (type, bytes, message) => {
    expect(() => decodeToText(type, bytes)).toThrow(message);
  });
});

describe('the text of an interval', () => {
  it.each([
    [interval(0n, 0, 0), '00:00:00'],
    [interval(1n, 0, 0), '00:00:00.000001'],
    [interval(-1n, 0, 0), '-00:00:00.000001'],
    [interval(-1_000_000n, 0, 0), '-00:00:01'],
    [interval(-1_500_000n, 0, 0), '-00:00:01.5'],
    [interval(0n, 1, 0), '1 day'],
    [interval(0n, -1, 0), '-1 days'],
    [interval(0n, 0, 13), '1 year 1 mon'],
    [interval(0n, 0, -13), '-1 years -1 mons'],
    [interval(1_000_000n, -3, 14), '1 year 2 mons -3 days +00:00:01'],
    [interval(0n, 3, -1), '-1 mons +3 days'],
    [interval(360_000_000_000n, 0, 0), '100:00:00'],
    [interval(2n ** 63n - 1n, 0, 0), '2562047788:00:54.775807'],
    [interval(-(2n ** 63n), 0, 0), '-2562047788:00:54.775808'],
    [interval(2n ** 63n - 1n, 2_147_483_647, 2_147_483_647), 'infinity'],
    [interval(-(2n ** 63n), -2_147_483_648, -2_147_483_648), '-infinity'],
  ])('is that of IntervalStyle postgres: %#', (bytes, text) => {
    expect(decodeToText('interval', bytes)).toBe(text);
  });

  it('has the microseconds of its value', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (microseconds) => {
        const text = decodeToText('interval', interval(microseconds, 0, 0));
        const [, sign, hours, minutes, seconds, fraction] =
          /^(-?)(\d\d+):([0-5]\d):([0-5]\d)(?:\.(\d*[1-9]))?$/.exec(text) ?? [];
        const size =
          (BigInt(hours!) * 3600n + BigInt(minutes!) * 60n + BigInt(seconds!)) * 1_000_000n +
          BigInt((fraction ?? '').padEnd(6, '0'));
        expect(sign === '-' ? -size : size).toBe(microseconds);
      }),
      { numRuns: 1000 },
    );
  });
});
