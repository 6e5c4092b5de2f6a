import { Fields } from './fields';

const NEGATIVE = 0x4000;
/** Values of the sign field that are not signs (NUMERIC_NAN, NUMERIC_PINF, NUMERIC_NINF in numeric.c). */
const SPECIALS: ReadonlyMap<number, string> = new Map([
  [0xc000, 'NaN'],
  [0xd000, 'Infinity'],
  [0xf000, '-Infinity'],
]);

const MAX_SCALE = 0x3fff;
const DIGITS = 4;

/**
 * numeric: the number of digits in base 10000 (unsigned), the weight of the first digit as a power of 10000 (signed), the sign,
 * the number of decimal places to print, and the digits. Source: numeric_recv.
 */
export function writeNumeric(bytes: Buffer, start: number, end: number): string {
  const fields = new Fields(bytes, start, end);
  const count = fields.u16();
  const weight = fields.i16();
  const sign = fields.u16();
  const scale = fields.u16();
  const at = fields.take(2 * count);
  fields.finish();
  const special = SPECIALS.get(sign);
  if (special !== undefined) return special;
  if (sign !== 0 && sign !== NEGATIVE) throw new Error(`unknown sign ${sign} of a numeric`);
  if (scale > MAX_SCALE) throw new Error(`the scale ${scale} of a numeric exceeds ${MAX_SCALE}`);

  // The number of digits before the decimal point.
  const whole = Math.min(count, Math.max(weight + 1, 0));
  let text = whole === 0 ? '0' : String(readDigit(bytes, at));
  for (let i = 1; i < whole; i++) text += readPaddedDigit(bytes, at + 2 * i);
  if (whole > 0) text += '0'.repeat((weight + 1 - whole) * DIGITS);
  if (sign === NEGATIVE) text = `-${text}`;

  let fraction = '0'.repeat(Math.min(scale, Math.max(-1 - weight, 0) * DIGITS));
  let next = whole;
  for (; next < count && fraction.length < scale; next++) fraction += readPaddedDigit(bytes, at + 2 * next);
  // Digits behind the last place are not printed, but checked.
  for (; next < count; next++) readDigit(bytes, at + 2 * next);
  return scale === 0 ? text : `${text}.${fraction.slice(0, scale).padEnd(scale, '0')}`;
}

function readDigit(bytes: Buffer, at: number): number {
  const digit = bytes.readUInt16BE(at);
  if (digit > 9999) throw new Error('the numeric has a digit above 9999');
  return digit;
}

function readPaddedDigit(bytes: Buffer, at: number): string {
  return String(readDigit(bytes, at)).padStart(DIGITS, '0');
}
