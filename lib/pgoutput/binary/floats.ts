import { findShortestDecimal, type Decimal } from './shortest';
import { createFixedSizeWriter, type TextWriter } from './value-text';

/** Numbers from these powers of ten on are printed with an exponent, as by %g of printf (FLT_DIG, DBL_DIG). */
const FLOAT4_FIXED = 6;
const FLOAT8_FIXED = 15;

export const writeFloat8: TextWriter = createFixedSizeWriter(8, formatFloat8);
export const writeFloat4: TextWriter = createFixedSizeWriter(4, formatFloat4);

export function formatFloat8(bytes: Buffer, at: number): string {
  const value = bytes.readDoubleBE(at);
  const size = Math.abs(value);
  // In this range, JavaScript prints the same text as PostgreSQL.
  if (size >= 1e-4 && size < 1e15) return String(value);
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  if (!Number.isFinite(value)) return String(value);
  // In this range, JavaScript may print the midpoint between two doubles, which PostgreSQL does not (see shortest.ts).
  if (size >= 2 ** 53 && size < 1e41 && bytes.readUInt8(at + 7) % 2 === 0) {
    const exponent = ((bytes.readUInt16BE(at) >> 4) & 0x7ff) - 1075;
    const fraction = bytes.readBigUInt64BE(at) & 0xf_ffff_ffff_ffffn;
    return formatDecimal(
      value < 0,
      findShortestDecimal(fraction + 0x10_0000_0000_0000n, exponent, fraction === 0n),
      FLOAT8_FIXED,
    );
  }
  const text = value.toExponential();
  // PostgreSQL prints an exponent with at least two digits.
  return text.at(-2) === '-' || text.at(-2) === '+' ? `${text.slice(0, -1)}0${text.slice(-1)}` : text;
}

function formatFloat4(bytes: Buffer, at: number): string {
  const bits = bytes.readUInt32BE(at);
  const isNegative = bits >= 0x8000_0000;
  const size = bits & 0x7fff_ffff;
  if (size >= 0x7f80_0000) return size > 0x7f80_0000 ? 'NaN' : isNegative ? '-Infinity' : 'Infinity';
  if (size === 0) return isNegative ? '-0' : '0';
  return formatDecimal(isNegative, findQuickDecimal(size) ?? findExactDecimal(size), FLOAT4_FIXED);
}

function findExactDecimal(bits: number): Decimal {
  const exponent = bits >>> 23;
  const fraction = bits & 0x7f_ffff;
  return exponent === 0
    ? findShortestDecimal(BigInt(fraction), -149, false)
    : findShortestDecimal(BigInt(fraction + 0x80_0000), exponent - 150, fraction === 0 && exponent > 1);
}

const FLOAT = new Float32Array(1);
const BITS = new Uint32Array(FLOAT.buffer);

function toFloat4(bits: number): number {
  BITS[0] = bits;
  return FLOAT[0] ?? NaN;
}

const TENS = Array.from({ length: 61 }, (_, power) => Number(`1e${power}`));

/** Differences below this may be rounding errors. It is far above the rounding errors of a number below 10^10, and far below 1. */
const DOUBTFUL = 1e-5;

/**
 * Computes {@link findShortestDecimal} with doubles, scaled to nine digits before the point.
 *
 * @returns undefined if rounding errors could change the result
 */
function findQuickDecimal(bits: number): Decimal | undefined {
  const value = toFloat4(bits);
  const below = toFloat4(bits - 1);
  const above = toFloat4(bits + 1);
  const power = Math.floor(Math.log10(value)) - 8;
  const scaled = (number: number): number =>
    power < 0 ? number * (TENS[-power] ?? NaN) : number / (TENS[power] ?? NaN);
  const middle = scaled(value);
  const low = scaled((value + below) / 2);
  const high = scaled(above === Infinity ? value + (value - below) / 2 : (value + above) / 2);

  for (let zeros = 10; zeros >= 0; zeros--) {
    const unit = TENS[zeros] ?? NaN;
    const count = Math.floor(middle / unit);
    const down = count * unit;
    const up = down + unit;
    if (Math.abs(down - low) < DOUBTFUL || Math.abs(up - high) < DOUBTFUL) return undefined;
    const isDownIn = down > low;
    const isUpIn = up < high;
    if (!isDownIn && !isUpIn) continue;
    const difference = up - middle - (middle - down);
    if (isDownIn && isUpIn && Math.abs(difference) < DOUBTFUL) return undefined;
    const isDown = isDownIn && (!isUpIn || difference > 0);
    return { digits: String(isDown ? count : count + 1), exponent: power + zeros };
  }
  return undefined;
}

function formatDecimal(isNegative: boolean, { digits, exponent }: Decimal, fixedBelow: number): string {
  const sign = isNegative ? '-' : '';
  const power = exponent + digits.length - 1;
  if (power < -4 || power >= fixedBelow) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : '';
    return `${sign}${digits.slice(0, 1)}${fraction}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
  }
  if (exponent >= 0) return sign + digits + '0'.repeat(exponent);
  if (power < 0) return `${sign}0.${'0'.repeat(-power - 1)}${digits}`;
  return `${sign}${digits.slice(0, power + 1)}.${digits.slice(power + 1)}`;
}
