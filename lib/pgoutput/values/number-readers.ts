import { decodeUtf8 } from '../../wire/text';

const ZERO = 0x30;
const MINUS = 0x2d;
const POINT = 0x2e;
const TRUE = 0x74; // t
const FALSE = 0x66; // f

/** Integers and powers of ten of up to 15 digits are exact doubles. */
const EXACT_DIGITS = 15;
const POWERS_OF_TEN = Array.from({ length: EXACT_DIGITS + 1 }, (_, exponent) => 10 ** exponent);

/** Reads `t` and `f`. */
export function readBoolean(bytes: Buffer, start: number, end: number): boolean | undefined {
  const byte = end - start === 1 ? bytes[start] : undefined;
  return byte === TRUE ? true : byte === FALSE ? false : undefined;
}

/** Reads an integer of up to 15 digits. */
export function readInteger(bytes: Buffer, start: number, end: number): number | undefined {
  const isNegative = bytes[start] === MINUS;
  const first = isNegative ? start + 1 : start;
  if (first >= end || end - first > EXACT_DIGITS) return undefined;
  let value = 0;
  for (let at = first; at < end; at++) {
    const digit = (bytes[at] ?? 0) - ZERO;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return isNegative ? -value : value;
}

/** Reads an integer as text, for numbers that a double cannot represent. */
export function readDigits(bytes: Buffer, start: number, end: number): string | undefined {
  for (let at = bytes[start] === MINUS ? start + 1 : start; at < end; at++) {
    const digit = (bytes[at] ?? 0) - ZERO;
    if (digit < 0 || digit > 9) return undefined;
  }
  return decodeUtf8(bytes, start, end);
}

/** Reads a decimal number of up to 15 digits. Dividing two exact doubles rounds once, as parseFloat does. */
export function readDecimal(bytes: Buffer, start: number, end: number): number | undefined {
  const isNegative = bytes[start] === MINUS;
  const first = isNegative ? start + 1 : start;
  if (first >= end || end - first > EXACT_DIGITS) return undefined;
  let value = 0;
  let point = end;
  for (let at = first; at < end; at++) {
    const byte = bytes[at] ?? 0;
    const digit = byte - ZERO;
    if (digit >= 0 && digit <= 9) value = value * 10 + digit;
    else if (byte === POINT && point === end && at > first && at < end - 1) point = at;
    else return undefined;
  }
  if (point < end) value /= POWERS_OF_TEN[end - point - 1] ?? NaN;
  return isNegative ? -value : value;
}
