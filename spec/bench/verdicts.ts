import type { Figures } from './figures';
import { NODE_PEERS, type Goal } from './goals';
import { pairwiseRatios, spread, type Spread } from './statistics';

/** The result of a goal on one workload. */
export interface Verdict {
  readonly goal: Goal;
  readonly workload: string;
  readonly limit: number;
  /** The client that was the goal's rival. */
  readonly rival: string | undefined;
  /** Undefined if a required figure was not measured. */
  readonly measured: Spread | undefined;
  /** Determined by the median before rounding. */
  readonly reached: boolean;
}

/** Returns one verdict for each limit on the measured workloads. */
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

/** Compares two figures by the goal's criterion: the higher throughput, the lower processor time. */
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
