import { clients, type BenchClient } from './clients';
import { thisMachine } from './machine';
import { drain, survey } from './measure';
import { checkNames, chosen, type BenchOptions } from './options';
import { installPeers } from './peers';
import { hasProc } from './process-stat';
import { throughputReport } from './report';
import type { ThroughputResult } from './result';
import type { Sample } from './sample';
import { startBenchServer, type BenchServer } from './server';
import { workloads, type Workload } from './workloads';

const ROUNDS = 5;

/** A workload on a separate server, so that the walsender has nothing to read after its end. */
interface Loaded {
  readonly workload: Workload;
  readonly server: BenchServer;
}

/**
 * Lets all clients drain all workloads, in turns, so that disturbances of the machine affect all clients.
 *
 * @returns whether the goals are reached
 */
export async function throughputBench({ scale, rounds = ROUNDS, only, folder }: BenchOptions): Promise<boolean> {
  checkNames(only, [...clients(), ...workloads(scale)]);
  installPeers();
  const asked = chosen(clients(), only);
  const missing = asked.flatMap(({ name, missing: reason }) => (reason === undefined ? [] : [`${name}: ${reason}`]));
  if (!(await hasProc())) {
    missing.push('server µs/change, walsender busy, and all of pg_recvlogical but its time: this system has no /proc');
  }
  const loaded: Loaded[] = [];
  try {
    for (const workload of chosen(workloads(scale), only)) loaded.push(await load(workload));
    const measured = asked.filter((client) => client.missing === undefined);
    const result: ThroughputResult = {
      machine: thisMachine(),
      server: loaded[0]?.server.release ?? '',
      date: new Date().toISOString(),
      scale,
      rounds,
      workloads: loaded.map(({ workload: { name, title, changes } }) => ({ name, title, changes })),
      samples: await inTurns(loaded, measured, rounds),
      missing,
    };
    return throughputReport(result, folder);
  } finally {
    for (const { server } of loaded) await server.dispose();
  }
}

async function load(workload: Workload): Promise<Loaded> {
  const { name, title, changes, transactions } = workload;
  const server = await startBenchServer();
  const started = performance.now();
  await workload.load(server);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${name}: ${title}; ${changes} changes in ${transactions} transactions, loaded in ${seconds} s`);
  return { workload, server };
}

async function inTurns(loaded: readonly Loaded[], asked: readonly BenchClient[], rounds: number): Promise<Sample[]> {
  for (const { server, workload } of loaded) await survey(server, workload);
  const samples: Sample[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const { server, workload } of loaded) {
      for (const client of rotated(asked, round)) {
        const sample = await drain(server, workload, client);
        samples.push(sample);
        console.log(line(round, sample));
      }
    }
  }
  return samples;
}

/** Rotates and reverses the order, so that no client is always first, or always runs after the same one. */
function rotated<T>(things: readonly T[], by: number): T[] {
  const order = things.map((_, index) => things[(index + by) % things.length]).filter((thing) => thing !== undefined);
  return by % 2 === 0 ? order : order.reverse();
}

function line(
  round: number,
  { workload, client, changes, wallMs, clientUserMicros, clientSystemMicros }: Sample,
): string {
  const rate = `${(changes / wallMs).toFixed(0)} changes/ms`;
  return `${round + 1}  ${workload}  ${client}  ${rate}  ${((clientUserMicros + clientSystemMicros) / changes).toFixed(2)} µs/change`;
}
