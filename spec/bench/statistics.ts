/** The middle value, or the mean of the two middle values. */
export function median(values: readonly number[]): number {
  const sorted = ascending(values);
  const middle = sorted.length / 2;
  return (at(sorted, Math.ceil(middle) - 1) + at(sorted, Math.floor(middle))) / 2;
}

/** The smallest value that at least `percent` percent of the values do not exceed: 100 gives the largest. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = ascending(values);
  return at(sorted, Math.max(Math.ceil((percent / 100) * sorted.length) - 1, 0));
}

export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** Formats the median and the range, as `2.05 (1.98 – 2.11)`. */
export function spreadText({ median, least, most }: Spread, digits = 2): string {
  return `${median.toFixed(digits)} (${least.toFixed(digits)} – ${most.toFixed(digits)})`;
}

export function spread(values: readonly number[]): Spread {
  return { median: median(values), least: percentile(values, 0), most: percentile(values, 100) };
}

/**
 * The ratios of `these` to `those`, pair by pair. Disturbances that affect a whole round affect both values, so these ratios
 * are more precise than that of the medians.
 */
export function pairwiseRatios(these: readonly number[], those: readonly number[]): number[] {
  if (these.length !== those.length) {
    throw new Error(`${these.length} values are to be compared with ${those.length}: they do not make pairs.`);
  }
  return these.map((value, round) => value / at(those, round));
}

function ascending(values: readonly number[]): number[] {
  if (values.length === 0) throw new Error('Of no values there is no statistic.');
  return [...values].sort((a, b) => a - b);
}

function at(values: readonly number[], index: number): number {
  const value = values[index];
  if (value === undefined) throw new Error(`There is no value ${index} among ${values.length}.`);
  return value;
}
