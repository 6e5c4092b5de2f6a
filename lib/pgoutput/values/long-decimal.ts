const ZERO = 0x30;
const POINT = 0x2e;

/** The digits of each part of a number. The power of ten of so many digits has at most 21 bits besides its power of two. */
const PART_DIGITS = 9;
const SMALLEST_FULL_PART = 10 ** (PART_DIGITS - 1);

/** The powers of ten that are exact doubles. */
const POWERS_OF_TEN = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));

/** Splits a double into halves of 26 bits, whose products are exact (Dekker 1971). */
const SPLITTER = 2 ** 27 + 1;
/** The error of the quotient, relative to it, is at most 2 ** -102. */
const MARGIN = 2 ** -96;

/**
 * Reads a decimal number without a sign, of up to 18 digits besides leading zeros: as many as a double needs. It returns the
 * nearest double, as parseFloat does.
 *
 * @returns NaN for other text, and for a number about halfway between two doubles
 */
export function readLongDecimal(bytes: Buffer, start: number, end: number): number {
  let high = 0;
  let low = 0;
  let lowDigits = 0;
  let point = end;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    const digit = byte - ZERO;
    if (digit >= 0 && digit <= 9) {
      if (high < SMALLEST_FULL_PART) {
        high = high * 10 + digit;
      } else {
        if (lowDigits === PART_DIGITS) return NaN;
        low = low * 10 + digit;
        lowDigits++;
      }
    } else if (byte === POINT && point === end && at > start && at < end - 1) point = at;
    else return NaN;
  }
  const divisor = POWERS_OF_TEN[point < end ? end - point - 1 : 0];
  if (divisor === undefined) return NaN;
  return divide(high * (POWERS_OF_TEN[lowDigits] ?? NaN), low, divisor);
}

/**
 * Divides `high + low`, which need not be a double, with about twice the precision of a double.
 *
 * @returns NaN if the error could change the rounding
 */
function divide(high: number, low: number, divisor: number): number {
  const dividend = high + low;
  const dividendError = low - (dividend - high);
  const quotient = dividend / divisor;
  const product = quotient * divisor;
  const remainder = dividend - product - getProductError(quotient, divisor, product) + dividendError;
  const correction = remainder / divisor;
  const margin = quotient * MARGIN;
  const least = quotient + (correction - margin);
  return least === quotient + (correction + margin) ? least : NaN;
}

/** Returns the exact difference of `a * b` and the rounded product. */
function getProductError(a: number, b: number, product: number): number {
  const aHigh = a * SPLITTER - (a * SPLITTER - a);
  const bHigh = b * SPLITTER - (b * SPLITTER - b);
  const aLow = a - aHigh;
  const bLow = b - bHigh;
  return aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow);
}
