import { decodeUtf8 } from '../../wire/text';
import { readLongDecimal } from './long-decimal';
import type { ReaderFactory } from './value-reader';

const ZERO = 0x30;
const MINUS = 0x2d;
const POINT = 0x2e;
const TRUE = 0x74; // t
const FALSE = 0x66; // f

/** Integers and powers of ten of up to 15 digits are exact doubles. */
const EXACT_DIGITS = 15;
const POWERS_OF_TEN = Array.from({ length: EXACT_DIGITS + 1 }, (_, exponent) => 10 ** exponent);

/** Reads `t` and `f`. */
export const createBooleanReader: ReaderFactory = (readOther) => (bytes, start, end) => {
  const byte = end - start === 1 ? bytes[start] : undefined;
  return byte === TRUE ? true : byte === FALSE ? false : readOther(bytes, start, end);
};

/** Reads integers of up to 15 digits. */
export const createIntegerReader: ReaderFactory = (readOther) => (bytes, start, end) => {
  const isNegative = bytes[start] === MINUS;
  const first = isNegative ? start + 1 : start;
  if (first >= end || end - first > EXACT_DIGITS) return readOther(bytes, start, end);
  let value = 0;
  for (let at = first; at < end; at++) {
    const digit = (bytes[at] ?? 0) - ZERO;
    if (digit < 0 || digit > 9) return readOther(bytes, start, end);
    value = value * 10 + digit;
  }
  return isNegative ? -value : value;
};

/** Reads integers as text, for numbers that a double cannot represent. */
export const createDigitsReader: ReaderFactory = (readOther) => (bytes, start, end) => {
  for (let at = bytes[start] === MINUS ? start + 1 : start; at < end; at++) {
    const digit = (bytes[at] ?? 0) - ZERO;
    if (digit < 0 || digit > 9) return readOther(bytes, start, end);
  }
  return decodeUtf8(bytes, start, end);
};

/** Reads decimal numbers of up to 18 digits. Dividing two exact doubles rounds once, as parseFloat does. */
export const createDecimalReader: ReaderFactory = (readOther) => (bytes, start, end) => {
  const isNegative = bytes[start] === MINUS;
  const first = isNegative ? start + 1 : start;
  if (first >= end) return readOther(bytes, start, end);
  if (end - first > EXACT_DIGITS) {
    const long = readLongDecimal(bytes, first, end);
    return Number.isNaN(long) ? readOther(bytes, start, end) : isNegative ? -long : long;
  }
  let value = 0;
  let point = end;
  for (let at = first; at < end; at++) {
    const byte = bytes[at] ?? 0;
    const digit = byte - ZERO;
    if (digit >= 0 && digit <= 9) value = value * 10 + digit;
    else if (byte === POINT && point === end && at > first && at < end - 1) point = at;
    else return readOther(bytes, start, end);
  }
  if (point < end) value /= POWERS_OF_TEN[end - point - 1] ?? NaN;
  return isNegative ? -value : value;
};
