/** The number digits × 10^exponent. */
export interface Decimal {
  readonly digits: string;
  readonly exponent: number;
}

/**
 * Finds the fewest decimal digits that identify a floating-point number.
 *
 * Candidates lie strictly between the midpoints to the two neighbouring numbers. The result is the multiple of the highest
 * power of ten among them; of two such multiples, the nearer one, then the even one. JavaScript also accepts a midpoint
 * itself if it reads back as the number; PostgreSQL does not (STRICTLY_SHORTEST in d2s.c).
 *
 * @param mantissa the number is mantissa × 2^exponent; the mantissa of the next number is greater by 1
 * @param isPowerOfTwo whether the distance to the previous number is half the distance to the next one
 */
export function findShortestDecimal(mantissa: bigint, exponent: number, isPowerOfTwo: boolean): Decimal {
  // Counted in quarters of the distance to the next number. Since 2^-n is 5^n × 10^-n, all values are integers.
  const power = exponent - 2;
  const scale = power < 0 ? 5n ** BigInt(-power) : 2n ** BigInt(power);
  const value = mantissa * 4n * scale;
  const low = value - (isPowerOfTwo ? 1n : 2n) * scale;
  const high = value + 2n * scale;

  let zeros = 0;
  let unit = 1n;
  // A multiple of the next unit is also a multiple of this unit.
  while (hasMultiple(unit * 10n, low, high)) {
    unit *= 10n;
    zeros++;
  }
  return { digits: String(findNearest(value, unit, low, high)), exponent: Math.min(power, 0) + zeros };
}

function hasMultiple(unit: bigint, low: bigint, high: bigint): boolean {
  return (low / unit + 1n) * unit < high;
}

function findNearest(value: bigint, unit: bigint, low: bigint, high: bigint): bigint {
  const below = value / unit;
  if (below * unit <= low) return below + 1n;
  if ((below + 1n) * unit >= high) return below;
  const twice = (value - below * unit) * 2n;
  return twice < unit || (twice === unit && below % 2n === 0n) ? below : below + 1n;
}
