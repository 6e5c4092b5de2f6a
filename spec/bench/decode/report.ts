import { formatTable } from '../../support/text-table';
import { DECODE_GOALS } from '../goals';
import { median, pairwiseRatios, spread, spreadText, type Spread } from '../statistics';
import type { ParserComparison } from './parser-comparison';

const OURS = 'ours';
const RIVAL = 'pg-logical-replication';

/** Prints the cost per change of each parser, and its ratio to this library's. */
export function comparisonTable(comparison: ParserComparison): string {
  return formatTable(
    ['parser', 'processor µs/change', 'wall µs/change', '÷ ours, round by round (least – most)'],
    Object.keys(comparison.timings).map((parser) => [
      parser,
      median(perChange(comparison, parser, 'processorMicros')).toFixed(3),
      median(perChange(comparison, parser, 'wallMicros')).toFixed(3),
      parser === OURS ? '1' : spreadText(overOurs(comparison, parser)),
    ]),
  );
}

/** The result of a goal; undefined if the workload has none. */
export function comparisonVerdict(
  workload: string,
  comparison: ParserComparison,
): { text: string; reached: boolean } | undefined {
  const limit = DECODE_GOALS[workload];
  if (limit === undefined) return undefined;
  const goal = `${workload}: ${RIVAL} ÷ ${OURS} ≥ ${limit.toFixed(2)}`;
  if (comparison.missing.includes(RIVAL)) return { text: `${goal}: not measured, OPEN`, reached: false };
  const measured = overOurs(comparison, RIVAL);
  const reached = measured.median >= limit;
  return { text: `${goal}: ${spreadText(measured)}, ${reached ? 'reached' : 'MISSED'}`, reached };
}

function overOurs(comparison: ParserComparison, parser: string): Spread {
  const [theirs, ours] = [parser, OURS].map((each) => perChange(comparison, each, 'processorMicros'));
  return spread(pairwiseRatios(theirs ?? [], ours ?? []));
}

function perChange({ timings }: ParserComparison, parser: string, time: 'processorMicros' | 'wallMicros'): number[] {
  return (timings[parser] ?? []).map((timing) => timing[time] / timing.changes);
}
