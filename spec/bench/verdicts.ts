import type { Figures } from './figures';
import { NODE_PEERS, type Goal } from './goals';
import { pairwiseRatios, spread, type Spread } from './statistics';

/** What a goal came to on one workload. */
export interface Verdict {
  readonly goal: Goal;
  readonly workload: string;
  readonly limit: number;
  /** Whom the goal's rival turned out to be. */
  readonly rival: string | undefined;
  /** Undefined where something that the goal needs was not measured. */
  readonly measured: Spread | undefined;
  /** Judged by the median, before any rounding. */
  readonly reached: boolean;
}

/** One verdict for each limit on the workloads that were measured. */
export function judge(goals: readonly Goal[], workloads: readonly Figures[]): Verdict[] {
  return workloads.flatMap((figures) =>
    goals.flatMap((goal) => {
      const limit = goal.limits[figures.workload];
      return limit === undefined ? [] : [verdict(goal, figures, limit)];
    }),
  );
}

function verdict(goal: Goal, figures: Figures, limit: number): Verdict {
  const rival = goal.against === 'best Node peer' ? bestPeer(goal, figures) : goal.against;
  const values =
    goal.against === undefined ? figures.values(goal.client, goal.measure) : ratios(goal, figures, rival ?? '');
  const measured = values && spread(values);
  const reached =
    measured !== undefined && (goal.bound === 'at least' ? measured.median >= limit : measured.median <= limit);
  return { goal, workload: figures.workload, limit, rival, measured, reached };
}

/** Best is what the goal asks for: the most throughput, the least processor time. */
function bestPeer({ measure, bound }: Goal, figures: Figures): string | undefined {
  const sign = bound === 'at least' ? -1 : 1;
  return NODE_PEERS.flatMap((peer) => {
    const median = figures.median(peer, measure);
    return median === undefined ? [] : [{ peer, rank: sign * median }];
  }).sort((a, b) => a.rank - b.rank)[0]?.peer;
}

function ratios({ client, measure }: Goal, figures: Figures, rival: string): number[] | undefined {
  const ours = figures.values(client, measure);
  const theirs = figures.values(rival, measure);
  return ours && theirs && pairwiseRatios(ours, theirs);
}
