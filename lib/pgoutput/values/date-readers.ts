import type { ReaderFactory } from './value-reader';

const ZERO = 0x30;
const DASH = 0x2d;
const COLON = 0x3a;
const SPACE = 0x20;
const POINT = 0x2e;
const PLUS = 0x2b;

const DATE = '2026-01-31'.length;
const TIMESTAMP = '2026-01-31 23:59:59'.length;
const UTC = '+00'.length;

/** The divisor of a fraction, by its number of digits. */
const SCALES = [undefined, 10, 100, 1000, 10_000, 100_000, 1_000_000];

const DAY = 86_400_000;
/** The days from 0000-03-01, where `dayNumber` starts, to 1970-01-01. */
const EPOCH = 719_468;

/** Reads `2026-01-31` as midnight in the time zone of the process, as pg does. */
export const createDateReader: ReaderFactory = (readOther) => (bytes, start, end) => {
  if (end - start !== DATE || !isDate(bytes, start)) return readOther(bytes, start, end);
  const year = readYear(bytes, start);
  const month = readTwoDigits(bytes, start + 5);
  const day = readTwoDigits(bytes, start + 8);
  return (month | day) < 0 || !isPlain(year) ? readOther(bytes, start, end) : new Date(year, month - 1, day);
};

/** Reads `2026-01-31 23:59:59.123456` in the time zone of the process, as pg does. */
export const createTimestampReader: ReaderFactory = (readOther) => (bytes, start, end) => {
  if (!isTimestamp(bytes, start, end)) return readOther(bytes, start, end);
  const year = readYear(bytes, start);
  const month = readTwoDigits(bytes, start + 5);
  const day = readTwoDigits(bytes, start + 8);
  const hour = readTwoDigits(bytes, start + 11);
  const minute = readTwoDigits(bytes, start + 14);
  const second = readTwoDigits(bytes, start + 17);
  const ms = readMilliseconds(bytes, start + TIMESTAMP, end);
  if ((month | day | hour | minute | second | ms) < 0 || !isPlain(year)) return readOther(bytes, start, end);
  return new Date(year, month - 1, day, hour, minute, second, ms);
};

/** Reads `2026-01-31 23:59:59.123456+00`. The time zone of the session is UTC. */
export const createTimestamptzReader: ReaderFactory = (readOther) => (bytes, start, end) => {
  const zone = end - UTC;
  if (!isTimestamp(bytes, start, zone)) return readOther(bytes, start, end);
  if (bytes[zone] !== PLUS || bytes[zone + 1] !== ZERO || bytes[zone + 2] !== ZERO) return readOther(bytes, start, end);
  const year = readYear(bytes, start);
  const month = readTwoDigits(bytes, start + 5);
  const day = readTwoDigits(bytes, start + 8);
  const hour = readTwoDigits(bytes, start + 11);
  const minute = readTwoDigits(bytes, start + 14);
  const second = readTwoDigits(bytes, start + 17);
  const ms = readMilliseconds(bytes, start + TIMESTAMP, zone);
  if ((day | hour | minute | second | ms) < 0 || !isPlain(year) || month < 1 || month > 12)
    return readOther(bytes, start, end);
  return new Date(toDayNumber(year, month, day) * DAY + ((hour * 60 + minute) * 60 + second) * 1000 + ms);
};

function isTimestamp(bytes: Buffer, start: number, end: number): boolean {
  return (
    end - start >= TIMESTAMP &&
    isDate(bytes, start) &&
    bytes[start + 10] === SPACE &&
    bytes[start + 13] === COLON &&
    bytes[start + 16] === COLON
  );
}

function isDate(bytes: Buffer, start: number): boolean {
  return bytes[start + 4] === DASH && bytes[start + 7] === DASH;
}

/** Whether Date takes the year as it is. It maps years before 100 to the twentieth century; those go to pg's parser. */
function isPlain(year: number): boolean {
  return year >= 100;
}

function readYear(bytes: Buffer, at: number): number {
  const century = readTwoDigits(bytes, at);
  const year = readTwoDigits(bytes, at + 2);
  return century < 0 || year < 0 ? -1 : century * 100 + year;
}

/** @returns -1 if the bytes are not digits */
function readTwoDigits(bytes: Buffer, at: number): number {
  const tens = (bytes[at] ?? 0) - ZERO;
  const ones = (bytes[at + 1] ?? 0) - ZERO;
  return tens < 0 || tens > 9 || ones < 0 || ones > 9 ? -1 : tens * 10 + ones;
}

/** Reads a fraction of a second, up to six digits. @returns ms, truncated as Date does; -1 if it is not a fraction */
function readMilliseconds(bytes: Buffer, start: number, end: number): number {
  if (start === end) return 0;
  const scale = SCALES[end - start - 1];
  if (bytes[start] !== POINT || scale === undefined) return -1;
  let fraction = 0;
  for (let at = start + 1; at < end; at++) {
    const digit = (bytes[at] ?? 0) - ZERO;
    if (digit < 0 || digit > 9) return -1;
    fraction = fraction * 10 + digit;
  }
  // The same rounding as in pg's parser, which multiplies the fraction by 1000 as a double.
  return Math.floor((fraction / scale) * 1000);
}

/** Returns the days since 1970-01-01 in the Gregorian calendar. The year starts in March, so the leap day is its last. */
function toDayNumber(year: number, month: number, day: number): number {
  const y = month > 2 ? year : year - 1;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  return y * 365 + Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400) + dayOfYear - EPOCH;
}
