import type { BenchClient } from './clients';
import { drain, survey } from './measure';
import type { Sample } from './sample';
import type { BenchServer, Endpoint } from './server';
import { pairwiseRatios, spread, type Spread } from './statistics';
import type { Workload } from './workloads';

/** One of the two clients that a goal compares. */
export interface ComparedClient {
  readonly client: BenchClient;
  readonly endpoint: Endpoint;
}

/** The samples of each client, in the order of the rounds. */
export type ClientComparison = readonly (readonly Sample[])[];

/** Lets all clients drain the workload in each round, in turns, after one drain that warms up the server. */
export async function compareClients(
  server: BenchServer,
  workload: Workload,
  clients: readonly ComparedClient[],
  rounds: number,
): Promise<ClientComparison> {
  await survey(server, workload);
  const samples: Sample[][] = clients.map(() => []);
  for (let round = 0; round < rounds; round++) {
    const order = [...clients.entries()];
    // The order rotates, so no client is always the first.
    for (const [index, { client, endpoint }] of round % 2 === 0 ? order : order.reverse()) {
      samples[index]?.push(await drain(server, workload, client, endpoint));
    }
  }
  return samples;
}

/** Changes per millisecond, which is thousands per second. */
export function throughput({ changes, wallMs }: Sample): number {
  return changes / wallMs;
}

/** Processor time of the client, in µs per change. */
export function clientTime({ changes, clientUserMicros, clientSystemMicros }: Sample): number {
  return (clientUserMicros + clientSystemMicros) / changes;
}

/** Compares `ours` to `theirs`, round by round. */
export function ratio(ours: readonly Sample[], theirs: readonly Sample[], measure: (sample: Sample) => number): Spread {
  return spread(pairwiseRatios(ours.map(measure), theirs.map(measure)));
}

/** Formats a ratio. */
export function shown({ median, least, most }: Spread): string {
  return `${median.toFixed(3)} (${least.toFixed(3)} – ${most.toFixed(3)})`;
}
