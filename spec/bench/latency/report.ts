import { formatTable } from '../../support/text-table';
import { median } from '../statistics';
import type { LatencyMeasurement } from './turn';

/** The goal: the maximum difference to the bare socket, in ms. */
const GOALS = { p50: 0.2, p99: 1.5 };

/** The measurements of both clients over one kind of socket under one load, round by round. */
export interface LatencyComparison {
  readonly socket: string;
  readonly load: string;
  readonly bare: readonly LatencyMeasurement[];
  readonly ours: readonly LatencyMeasurement[];
}

/**
 * Prints medians over the rounds, and the difference between this library and the bare socket.
 *
 * @returns whether all goals are reached
 */
export function latencyReport(comparisons: readonly LatencyComparison[]): boolean {
  console.log(
    formatTable(
      ['socket', 'load', 'client', 'rows', 'rows/s', 'gap p99', 'p50', 'p99', 'max'],
      comparisons.flatMap(({ socket, load, bare, ours }) => [
        [socket, load, 'bare', ...medians(bare)],
        [socket, load, 'ours', ...medians(ours)],
      ]),
    ),
  );
  console.log(`\nWhat ours adds to bare, ms; wanted are p50 ≤ ${GOALS.p50} and p99 ≤ ${GOALS.p99}\n`);
  const verdicts = comparisons.map((comparison) => {
    const p50 = added(comparison, 'p50');
    const p99 = added(comparison, 'p99');
    return { ...comparison, p50, p99, reached: p50 <= GOALS.p50 && p99 <= GOALS.p99 };
  });
  console.log(
    formatTable(
      ['socket', 'load', 'p50', 'p99', ''],
      verdicts.map(({ socket, load, p50, p99, reached }) => [
        socket,
        load,
        signed(p50),
        signed(p99),
        reached ? 'reached' : 'MISSED',
      ]),
    ),
  );
  return verdicts.every(({ reached }) => reached);
}

function medians(turns: readonly LatencyMeasurement[]): string[] {
  const middle = (key: keyof LatencyMeasurement, digits: number): string =>
    median(turns.map((turn) => turn[key])).toFixed(digits);
  const times = (['p50', 'p99', 'max'] as const).map((key) => middle(key, 3));
  return [middle('rows', 0), middle('rate', 0), middle('gapP99', 2), ...times];
}

/** The median of the differences: disturbances that affect a whole round affect both clients. */
function added({ bare, ours }: LatencyComparison, key: 'p50' | 'p99'): number {
  return median(ours.map((turn, round) => turn[key] - (bare[round]?.[key] ?? NaN)));
}

function signed(ms: number): string {
  return `${ms < 0 ? '' : '+'}${ms.toFixed(3)}`;
}
