import { clientNamed } from '../clients';
import type { Task } from '../clients/task';
import { Program } from '../latency/program';
import { drain } from '../measure';
import { startBenchServer, type BenchServer } from '../server';
import { withSlotCopy } from '../slot-copy';
import type { Workload } from '../workloads';
import type { Cost } from './drains';

/** A workload on a separate server. */
export interface Loaded {
  readonly workload: Workload;
  readonly server: BenchServer;
}

/** In µs per change, from the first to the last. */
export interface CostPerChange {
  /** Processor time of the client. */
  readonly client: number;
  readonly wall: number;
  /** The cost of a paced socket that decodes nothing. If this grows, the cause is the server. */
  readonly floor: number;
}

export async function load(workload: Workload): Promise<Loaded> {
  const server = await startBenchServer();
  await workload.load(server);
  return { workload, server };
}

/** Drains `warmUp`, then `measured` this number of times, in one new process; and `measured` once with a bare socket. */
export async function costPerChange(warmUp: Loaded, measured: Loaded, repeats: number): Promise<CostPerChange> {
  const sequence = [warmUp, ...Array.from({ length: repeats }, () => measured)];
  const costs = await withTasks(sequence, async (tasks) => {
    const program = new Program<readonly Task[], readonly Cost[]>('scale/drains');
    try {
      program.order(tasks);
      return await program.answer();
    } finally {
      await program.end();
    }
  });
  if (costs.length !== sequence.length) throw new Error(`${costs.length} of ${sequence.length} drains were measured.`);
  costs.forEach(({ changes }, index) => {
    const expected = sequence[index]?.workload.changes;
    if (changes !== expected) throw new Error(`${changes} changes came of ${expected ?? 'none'}.`);
  });
  const counted = costs.slice(1);
  const perChange = (measure: (cost: Cost) => number): number =>
    counted.reduce((sum, cost) => sum + measure(cost), 0) / counted.reduce((sum, { changes }) => sum + changes, 0);
  const { server, workload } = measured;
  const { wallMs, changes } = await drain(server, workload, clientNamed('bare-paced'));
  return {
    client: perChange(({ clientMicros }) => clientMicros),
    wall: perChange(({ wallMs: ms }) => ms * 1000),
    floor: (wallMs * 1000) / changes,
  };
}

/** Calls `work` with a task for each drain, each with its own slot. */
function withTasks<T>([first, ...rest]: readonly Loaded[], work: (tasks: readonly Task[]) => Promise<T>): Promise<T> {
  if (!first) return work([]);
  const { server, workload } = first;
  const { publication, changes } = workload;
  return withSlotCopy(server, workload, (slot) =>
    withTasks(rest, (tasks) => work([{ endpoint: server.tcp, slot, publication, changes }, ...tasks])),
  );
}
