import { table } from '../../support/text-table';
import { DECODE_GOALS } from '../goals';
import { median, pairwiseRatios, spread, spreadText, type Spread } from '../statistics';
import type { Contest } from './contest';

const OURS = 'ours';
const RIVAL = 'pg-logical-replication';

/** What each parser needed for a change, and how many times as much as ours that is. */
export function contestTable(contest: Contest): string {
  return table(
    ['parser', 'processor µs/change', 'wall µs/change', '÷ ours, round by round (least – most)'],
    Object.keys(contest.timings).map((parser) => [
      parser,
      median(perChange(contest, parser, 'processorMicros')).toFixed(3),
      median(perChange(contest, parser, 'wallMicros')).toFixed(3),
      parser === OURS ? '1' : spreadText(overOurs(contest, parser)),
    ]),
  );
}

/** What a goal came to; undefined where nothing is wanted of the workload. */
export function contestVerdict(workload: string, contest: Contest): { text: string; reached: boolean } | undefined {
  const limit = DECODE_GOALS[workload];
  if (limit === undefined) return undefined;
  const goal = `${workload}: ${RIVAL} ÷ ${OURS} ≥ ${limit.toFixed(2)}`;
  if (contest.missing.includes(RIVAL)) return { text: `${goal}: not measured, OPEN`, reached: false };
  const measured = overOurs(contest, RIVAL);
  const reached = measured.median >= limit;
  return { text: `${goal}: ${spreadText(measured)}, ${reached ? 'reached' : 'MISSED'}`, reached };
}

function overOurs(contest: Contest, parser: string): Spread {
  const [theirs, ours] = [parser, OURS].map((each) => perChange(contest, each, 'processorMicros'));
  return spread(pairwiseRatios(theirs ?? [], ours ?? []));
}

function perChange({ timings }: Contest, parser: string, time: 'processorMicros' | 'wallMicros'): number[] {
  return (timings[parser] ?? []).map((timing) => timing[time] / timing.changes);
}
