import { join } from 'node:path';
import { formatTable } from '../support/text-table';
import { circumstances } from './circumstances';
import { clientNamed, type NodeClient } from './clients';
import { clientTime, compareClients, ratio, shown, throughput } from './client-comparison';
import { asJson, writeResult } from './files';
import { chosen, type BenchOptions } from './options';
import { circumstancesLine, workloadTitle } from './result';
import type { Sample } from './sample';
import { startBenchServer } from './server';
import { median } from './statistics';
import { workloads } from './workloads';

const ROUNDS = 5;
/** A share of the full workloads, because three kinds of socket are measured. */
const SHARE = 0.5;
const WORKLOADS = ['W1', 'W2'];
/** The goal: the ratio to the throughput of the bare socket. */
const GOAL = 1;

export const SOCKETS = [{ name: 'tcp' }, { name: 'tls' }, { name: 'unix' }] as const;

const bare: NodeClient = { kind: 'node', name: 'bare', file: '../sockets/bare', args: [], missing: undefined };

/** The measurements of both clients, round by round. */
interface SocketComparison {
  readonly workload: string;
  readonly socket: string;
  readonly bare: readonly Sample[];
  readonly ours: readonly Sample[];
}

/**
 * Measures this library's throughput over each kind of socket, compared to that of a bare socket of the same kind.
 *
 * @returns whether the goals are reached
 */
export async function socketsBench({ scale, rounds = ROUNDS, only, folder }: BenchOptions): Promise<boolean> {
  const comparisons: SocketComparison[] = [];
  const asked = workloads(scale * SHARE).filter(({ name }) => WORKLOADS.includes(name));
  let where;
  for (const workload of chosen(asked, only)) {
    const server = await startBenchServer();
    try {
      where = circumstances(server, scale, rounds);
      await workload.load(server);
      console.log(workloadTitle(workload));
      for (const { name: socket } of chosen(SOCKETS, only)) {
        const endpoint = server[socket];
        const contenders = [bare, clientNamed('ours')].map((client) => ({ client, endpoint }));
        const [theirs = [], ours = []] = await compareClients(server, workload, contenders, rounds);
        comparisons.push({ workload: workload.name, socket, bare: theirs, ours });
      }
    } finally {
      await server.dispose();
    }
  }
  if (where) console.log(`\n${circumstancesLine(where)}\n`);
  const reached = report(comparisons);
  writeResult(join(folder, 'sockets.json'), asJson({ ...where, comparisons }));
  return reached;
}

function report(comparisons: readonly SocketComparison[]): boolean {
  const rows = comparisons.map(({ workload, socket, bare: theirs, ours }) => {
    const middle = (samples: readonly Sample[], measure: (sample: Sample) => number, digits: number): string =>
      median(samples.map(measure)).toFixed(digits);
    const compared = ratio(ours, theirs, throughput);
    return {
      reached: compared.median >= GOAL,
      cells: [
        workload,
        socket,
        middle(theirs, throughput, 0),
        middle(ours, throughput, 0),
        shown(compared),
        middle(theirs, clientTime, 2),
        middle(ours, clientTime, 2),
      ],
    };
  });
  const head = ['', 'socket', 'bare, 1000 changes/s', 'ours', 'ours ÷ bare', 'bare, client µs/change', 'ours', ''];
  console.log(
    formatTable(
      head,
      rows.map(({ cells, reached }) => [...cells, reached ? 'reached' : 'MISSED']),
    ),
  );
  console.log(`\nWanted is a throughput of at least ${GOAL.toFixed(1)} of the bare socket's.`);
  return rows.every(({ reached }) => reached);
}
