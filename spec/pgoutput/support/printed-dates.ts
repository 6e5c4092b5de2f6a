/** Texts of dates and times, as PostgreSQL prints them with DateStyle ISO. */
import fc, { type Arbitrary } from 'fast-check';

/** From 4714 BC on; years of four digits are the most frequent. */
const year = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 100, max: 9999 }) },
  { weight: 2, arbitrary: fc.integer({ min: 1970, max: 2037 }) },
  { weight: 2, arbitrary: fc.integer({ min: -4713, max: 294_276 }) },
  { weight: 1, arbitrary: fc.integer({ min: -1, max: 101 }) },
);
/** Includes a 31st of every month, which a parser must accept anyway. */
const day = fc.tuple(year, twoDigits(1, 12), twoDigits(1, 31)).map(([y, m, d]) => {
  return { text: `${String(y > 0 ? y : 1 - y).padStart(4, '0')}-${m}-${d}`, era: y > 0 ? '' : ' BC' };
});
const fraction = fc.oneof(
  fc.constant(''),
  fc.tuple(fc.nat(999_999), fc.integer({ min: 1, max: 6 })).map(([micros, digits]) => {
    return `.${String(micros).padStart(6, '0').slice(-digits)}`;
  }),
);
const clock = fc
  .tuple(twoDigits(0, 23), twoDigits(0, 59), twoDigits(0, 59), fraction)
  .map(([h, m, s, rest]) => `${h}:${m}:${s}${rest}`);
/** The session's time zone is UTC, but `types` may be used with another one. */
const offset = fc.oneof(
  { weight: 6, arbitrary: fc.constant('+00') },
  { weight: 1, arbitrary: fc.constantFrom('+01', '-03:30', '+13', '-11', '+05:45', '-00:44:30', '+15:59:59') },
);
const infinity = fc.constantFrom('infinity', '-infinity');

export const printedDate = rarely(
  infinity,
  day.map(({ text, era }) => text + era),
);
export const printedTimestamp = rarely(
  infinity,
  fc.tuple(day, clock).map(([{ text, era }, time]) => `${text} ${time}${era}`),
);
export const printedTimestamptz = rarely(
  infinity,
  fc.tuple(day, clock, offset).map(([{ text, era }, time, zone]) => `${text} ${time}${zone}${era}`),
);

/** Local times around the given ones, to the microsecond. */
export function printedNear(instants: readonly number[]): Arbitrary<string> {
  const ms = fc.tuple(fc.constantFrom(...instants), fc.integer({ min: -3 * 3_600_000, max: 3 * 3_600_000 }));
  return fc.tuple(ms, fraction).map(([[instant, away], rest]) => {
    return new Date(instant + away).toISOString().replace('T', ' ').slice(0, 19) + rest;
  });
}

function twoDigits(min: number, max: number): Arbitrary<string> {
  return fc.integer({ min, max }).map((number) => String(number).padStart(2, '0'));
}

function rarely(seldom: Arbitrary<string>, mostly: Arbitrary<string>): Arbitrary<string> {
  return fc.oneof({ weight: 1, arbitrary: seldom }, { weight: 30, arbitrary: mostly });
}
