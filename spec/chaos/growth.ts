const BARS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const WIDTH = 60;

/** A quantity that is measured repeatedly and must not grow. */
export interface Measure {
  readonly name: string;
  readonly unit: string;
  /** The allowed growth over the second half: this share of the mean, or `least` in its own unit, whichever is larger. */
  readonly share: number;
  readonly least: number;
}

export interface Growth {
  /** The growth over the second half, by linear regression. */
  readonly grown: number;
  readonly allowed: number;
  readonly flat: boolean;
}

/** The first half is a warm-up. */
export function computeGrowth(samples: readonly number[], { share, least }: Measure): Growth {
  const half = samples.slice(Math.floor(samples.length / 2));
  const mean = average(half);
  const middle = (half.length - 1) / 2;
  const covariance = half.reduce((sum, value, i) => sum + (i - middle) * (value - mean), 0);
  const variance = half.reduce((sum, _, i) => sum + (i - middle) ** 2, 0);
  const grown = variance === 0 ? 0 : (covariance / variance) * (half.length - 1);
  const allowed = Math.max(least, share * mean);
  return { grown, allowed, flat: grown <= allowed };
}

/** A line of bars from the minimum to the maximum. */
export function plot(samples: readonly number[]): string {
  const [least, most] = [Math.min(...samples), Math.max(...samples)];
  const columns = Math.min(WIDTH, samples.length);
  const bars = Array.from({ length: columns }, (_, column) => {
    const slice = samples.slice(
      Math.floor((column * samples.length) / columns),
      Math.floor(((column + 1) * samples.length) / columns),
    );
    const height = most > least ? (average(slice) - least) / (most - least) : 0;
    return BARS[Math.min(BARS.length - 1, Math.floor(height * BARS.length))];
  });
  return bars.join('');
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
