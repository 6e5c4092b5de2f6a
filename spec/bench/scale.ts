import { join } from 'node:path';
import { formatTable } from '../support/text-table';
import { circumstances } from './circumstances';
import { shown } from './client-comparison';
import { asJson, writeResult } from './files';
import type { BenchOptions } from './options';
import { circumstancesLine } from './result';
import { costPerChange, load, type CostPerChange, type Loaded } from './scale/measure';
import { spreadOver } from './scale/relations';
import { median, pairwiseRatios, spread } from './statistics';
import { workloads, type Workload } from './workloads';

const ROUNDS = 3;
/** The number of changes of the full W1. */
const FULL = 1_000_000;
/** Changes at scale 1. */
const SIZES = [100_000, 1_000_000, 10_000_000];
const TABLES = [1, 10, 100, 1_000];
/** The changes that are drained first, so that V8 compiles the measured code. */
const WARM_UP = 200_000;
/**
 * Spread over the tables; and drains are repeated until this number of changes is reached, so that small cases are as precise.
 */
const ENOUGH = 1_000_000;
/** The goal: the greatest ratio to the cost in the smallest case. */
const GOAL = 1.1;

/** The cost per change in one case, round by round. */
interface CaseCosts {
  readonly name: string;
  readonly changes: number;
  readonly repeats: number;
  readonly costs: CostPerChange[];
}

/**
 * Measures whether the cost per change is independent of the number of changes and of tables.
 *
 * @returns whether the goals are reached
 */
export async function scaleBench({ scale, rounds = ROUNDS, folder }: BenchOptions): Promise<boolean> {
  const warmUp = await load(w1(WARM_UP * scale));
  const where = circumstances(warmUp.server, scale, rounds);
  try {
    console.log(circumstancesLine(where));
    console.log('µs per change from the first to the last, in a process that has drained another workload before.');
    console.log(`Wanted is at most ${GOAL} of the cost in the first line.\n`);
    const sizes = await compare(
      SIZES.map((changes) => w1(changes * scale)),
      warmUp,
      ENOUGH * scale,
      rounds,
    );
    const flat = report('changes', sizes);
    const relations = await compare(
      TABLES.map((tables) => spreadOver(tables, ENOUGH * scale)),
      warmUp,
      ENOUGH * scale,
      rounds,
    );
    const alsoFlat = report('tables', relations);
    writeResult(join(folder, 'scale.json'), asJson({ ...where, sizes, relations }));
    return flat && alsoFlat;
  } finally {
    await warmUp.server.dispose();
  }
}

/** W1 with this number of changes. */
function w1(changes: number): Workload {
  const workload = workloads(changes / FULL).find(({ name }) => name === 'W1');
  if (!workload) throw new Error('There is no W1.');
  return { ...workload, name: workload.changes.toLocaleString('en') };
}

/** Measures all cases in each round, in turns. */
async function compare(
  cases: readonly Workload[],
  warmUp: Loaded,
  enough: number,
  rounds: number,
): Promise<CaseCosts[]> {
  const loaded: (Loaded & CaseCosts)[] = [];
  try {
    for (const workload of cases) {
      const { name, changes } = workload;
      const repeats = Math.max(1, Math.round(enough / changes));
      loaded.push({ ...(await load(workload)), name, changes, repeats, costs: [] });
    }
    for (let round = 0; round < rounds; round++) {
      for (const each of round % 2 === 0 ? loaded : loaded.toReversed()) {
        each.costs.push(await costPerChange(warmUp, each, each.repeats));
      }
    }
    return loaded.map(({ name, changes, repeats, costs }) => ({ name, changes, repeats, costs }));
  } finally {
    for (const { server } of loaded) await server.dispose();
  }
}

function report(title: string, cases: readonly CaseCosts[]): boolean {
  const rows = cases.map(({ name, repeats, costs }) => {
    const of = (measure: keyof CostPerChange) => {
      const values = costs.map((cost) => cost[measure]);
      const smallest = cases[0]?.costs.map((cost) => cost[measure]) ?? [];
      return { middle: median(values).toFixed(3), ratio: spread(pairwiseRatios(values, smallest)) };
    };
    const client = of('client');
    const wall = of('wall');
    const floor = of('floor');
    const reached = client.ratio.median <= GOAL && wall.ratio.median <= GOAL;
    const measured = [client, wall, floor].flatMap(({ middle, ratio }) => [middle, shown(ratio)]);
    return { reached, cells: [name, `${repeats} ×`, ...measured, reached ? 'reached' : 'MISSED'] };
  });
  const each = ['client µs', 'wall µs', 'socket’s wall µs'].flatMap((measure) => [measure, '÷ first']);
  const head = [title, 'drained', ...each, ''];
  console.log(
    `${formatTable(
      head,
      rows.map(({ cells }) => cells),
    )}\n`,
  );
  return rows.every(({ reached }) => reached);
}
