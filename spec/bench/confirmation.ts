import { join } from 'node:path';
import { formatTable } from '../support/text-table';
import { circumstances } from './circumstances';
import { clientNamed, type NodeClient } from './clients';
import { clientTime, compareClients, ratio, shown } from './client-comparison';
import { asJson, writeResult } from './files';
import { chosen, type BenchOptions } from './options';
import { circumstancesLine, workloadTitle } from './result';
import type { Sample } from './sample';
import { startBenchServer } from './server';
import { median } from './statistics';
import { workloads } from './workloads';

const ROUNDS = 7;
/** The goal: the greatest ratio of the time with prompt confirmation to the time with one confirmation per second. */
const GOALS: Readonly<Record<string, number>> = { W1: 1.05, W2: 1.1 };

const seldom = program('once-a-second');
/** The cost of prompt confirmation and of tracking acknowledgements together; reported only. */
const never = program('unconfirmed');

/** The measurements of each way to confirm, round by round. */
interface ConfirmationComparison {
  readonly workload: string;
  readonly prompt: readonly Sample[];
  readonly onceASecond: readonly Sample[];
  readonly unconfirmed: readonly Sample[];
}

/**
 * Measures the client's cost of confirming each commit within milliseconds.
 *
 * @returns whether the goals are reached
 */
export async function confirmationBench({ scale, rounds = ROUNDS, only, folder }: BenchOptions): Promise<boolean> {
  const comparisons: ConfirmationComparison[] = [];
  let where;
  for (const workload of chosen(
    workloads(scale).filter(({ name }) => name in GOALS),
    only,
  )) {
    const server = await startBenchServer();
    try {
      where = circumstances(server, scale, rounds);
      await workload.load(server);
      console.log(workloadTitle(workload));
      const contenders = [clientNamed('ours'), seldom, never].map((client) => ({ client, endpoint: server.tcp }));
      const [prompt = [], onceASecond = [], unconfirmed = []] = await compareClients(
        server,
        workload,
        contenders,
        rounds,
      );
      comparisons.push({ workload: workload.name, prompt, onceASecond, unconfirmed });
    } finally {
      await server.dispose();
    }
  }
  if (where) console.log(`\n${circumstancesLine(where)}\n`);
  const reached = report(comparisons);
  writeResult(join(folder, 'confirmation.json'), asJson({ ...where, comparisons }));
  return reached;
}

function report(comparisons: readonly ConfirmationComparison[]): boolean {
  const rows = comparisons.map(({ workload, prompt, onceASecond, unconfirmed }) => {
    const goal = GOALS[workload] ?? NaN;
    const compared = ratio(prompt, onceASecond, clientTime);
    const reached = compared.median <= goal;
    const times = [prompt, onceASecond, unconfirmed].map((samples) => median(samples.map(clientTime)).toFixed(2));
    const ratios = [shown(compared), `≤ ${goal}`, reached ? 'reached' : 'MISSED'];
    return { reached, cells: [workload, ...times, ...ratios, shown(ratio(prompt, unconfirmed, clientTime))] };
  });
  console.log('Client processor time, µs per change: confirming promptly, once a second, and not at all.\n');
  const head = ['', 'prompt', 'once a second', 'never', 'prompt ÷ once a second', 'wanted', '', 'prompt ÷ never'];
  console.log(
    formatTable(
      head,
      rows.map(({ cells }) => cells),
    ),
  );
  return rows.every(({ reached }) => reached);
}

function program(name: string): NodeClient {
  return { kind: 'node', name, file: `../confirmation/${name}`, args: [], missing: undefined };
}
