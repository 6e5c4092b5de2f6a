/** digits × 10^exponent. */
export interface Decimal {
  readonly digits: string;
  readonly exponent: number;
}

/**
 * The fewest digits that stand for a floating-point number and no other: of those strictly between the middles to its two
 * neighbours, the multiple of the highest power of ten; of two such the nearer one, then the even one. JavaScript's own
 * digits differ where they are such a middle itself, which reads back as the number if it is even; PostgreSQL does without
 * (STRICTLY_SHORTEST in d2s.c).
 *
 * @param mantissa the number is mantissa × 2^exponent, and the next one has a mantissa greater by 1
 * @param isPowerOfTwo whether the neighbour below is only half as far away
 */
export function findShortestDecimal(mantissa: bigint, exponent: number, isPowerOfTwo: boolean): Decimal {
  // In quarters of the distance to the next number; without a fraction, since 2^-n is 5^n × 10^-n.
  const power = exponent - 2;
  const scale = power < 0 ? 5n ** BigInt(-power) : 2n ** BigInt(power);
  const value = mantissa * 4n * scale;
  const low = value - (isPowerOfTwo ? 1n : 2n) * scale;
  const high = value + 2n * scale;

  let zeros = 0;
  let unit = 1n;
  // A multiple of the next unit is one of this unit, too.
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
