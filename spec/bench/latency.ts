import { join } from 'node:path';
import { circumstances } from './circumstances';
import { asJson, writeResult } from './files';
import { clockGap } from './latency/clock-gap';
import { latencyReport, type LatencyComparison } from './latency/report';
import { startLoadProgram, measureLatency, TABLE, type Load, type LatencyMeasurement } from './latency/turn';
import { chosen, type BenchOptions } from './options';
import { circumstancesLine } from './result';
import { startBenchServer } from './server';
import { SOCKETS } from './sockets';

const ROUNDS = 5;
const LEAST_ROWS = 100;

function loads(scale: number): readonly Load[] {
  const rows = (count: number): number => Math.max(LEAST_ROWS, Math.round(count * scale));
  return [
    { name: 'idle', rows: rows(1_000), gap: [5, 10] },
    { name: 'busy', rows: rows(20_000), gap: [0.2, 0.2] },
  ];
}

/**
 * Measures the time from the commit of a row to the handler, with this library and with a bare socket: on an idle server, and
 * at 5,000 commits per second.
 *
 * The clients run in turns, because they would disturb each other.
 *
 * @returns whether the goals are reached
 */
export async function latencyBench({ scale, rounds = ROUNDS, only, folder }: BenchOptions): Promise<boolean> {
  const server = await startBenchServer();
  const loader = startLoadProgram();
  try {
    await server.execute(TABLE);
    const where = circumstances(server, scale, rounds);
    const gap = await clockGap(server);
    console.log(`${circumstancesLine(where)}; times in ms`);
    console.log(
      'From the clock_timestamp() of an INSERT that is committed at once to the moment when its row is there:',
    );
    console.log(
      'in the handler of the flat stream (ours), or as bytes from a socket that is read without pause (bare).',
    );
    console.log(
      `The server's clock is ${gap.micros.toFixed(0)} µs ahead of ours, give or take ${gap.uncertainty.toFixed(0)}.\n`,
    );
    const comparisons: LatencyComparison[] = [];
    for (const { name: socket } of chosen(SOCKETS, only)) {
      for (const load of chosen(loads(scale), only)) {
        const turns: Record<'bare' | 'ours', LatencyMeasurement[]> = { bare: [], ours: [] };
        for (let round = 0; round < rounds; round++) {
          // The order rotates, so no client is always the first.
          for (const client of round % 2 === 0 ? (['bare', 'ours'] as const) : (['ours', 'bare'] as const)) {
            turns[client].push(await measureLatency(server, loader, client, server[socket], load));
          }
        }
        comparisons.push({ socket, load: load.name, ...turns });
      }
    }
    const reached = latencyReport(comparisons);
    writeResult(join(folder, 'latency.json'), asJson({ ...where, clockGap: gap, comparisons }));
    return reached;
  } finally {
    await loader.end();
    await server.dispose();
  }
}
