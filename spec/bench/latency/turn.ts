import { setTimeout as delay } from 'node:timers/promises';
import type { Task } from '../clients/task';
import type { BenchServer, Endpoint } from '../server';
import { walsenderOf } from '../slot-copy';
import { percentile } from '../statistics';
import { wallMicros } from './clock';
import type { Heard, ListenAnswer } from './listener';
import type { LoadOrder } from './load';
import { Program } from './program';

/** How rows are committed during a measurement. */
export interface Load {
  readonly name: string;
  /** The number of rows measured in one turn. */
  readonly rows: number;
  /** The time in ms from one commit to the next. */
  readonly gap: readonly [number, number];
}

/** The measurements of one client in one turn; times in ms. */
export interface LatencyMeasurement {
  readonly rows: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** The actual number of rows per second. */
  readonly rate: number;
  /** The 99th percentile of the gap between two commits. It shows delays that the client did not cause. */
  readonly gapP99: number;
  /** The drift between the wall clock and the client's own clock, which is corrected for, in µs. */
  readonly drift: number;
}

const PUBLICATION = 'latency_pub';

/** The table of the rows. The first column is the commit time in µs. */
export const TABLE = `
  CREATE TABLE latency (sent bigint, number integer, text text);
  CREATE PUBLICATION ${PUBLICATION} FOR TABLE latency`;

/** Two seconds at full speed, so that V8 compiles the measured code. */
const WARM_UP: Load = { name: 'warm-up', rows: 10_000, gap: [0.2, 0.2] };

/** The process that commits. It is reused for all turns. */
export type LoadProgram = Program<LoadOrder, { readonly kind: 'loaded' }>;

export function startLoadProgram(): LoadProgram {
  return new Program('latency/load');
}

/** Lets one client read one load from a slot of its own, with no other client running. */
export async function measureLatency(
  server: BenchServer,
  loader: LoadProgram,
  client: 'bare' | 'ours',
  endpoint: Endpoint,
  load: Load,
): Promise<LatencyMeasurement> {
  const slot = 'latency_slot';
  await server.query(`SELECT pg_create_logical_replication_slot($1, 'pgoutput')`, [slot]);
  const listener = new Program<Task, ListenAnswer>(`latency/${client}`);
  try {
    listener.order({ endpoint, slot, publication: PUBLICATION, changes: WARM_UP.rows + load.rows });
    await listener.answer();
    for (const { rows, gap } of [WARM_UP, load]) {
      loader.order({ endpoint: server.unix, rows, gap });
      await loader.answer();
    }
    const heard = await listener.answer();
    if (heard.kind !== 'heard') throw new Error(`The client ${client} is ${heard.kind} again.`);
    return figures(heard);
  } finally {
    await listener.end();
    await release(server, slot);
  }
}

function figures({ stamps, times, clocks: [first, last] }: Heard): LatencyMeasurement {
  const micros = [...stamps].slice(WARM_UP.rows);
  const latencies = [...times]
    .slice(WARM_UP.rows)
    .map((time, row) => wallMicros(time, first, last) - (micros[row] ?? NaN));
  const gaps = micros.slice(1).map((stamp, row) => stamp - (micros[row] ?? NaN));
  const ms = (percent: number): number => percentile(latencies, percent) / 1000;
  return {
    rows: latencies.length,
    p50: ms(50),
    p99: ms(99),
    max: ms(100),
    rate: gaps.length / (gaps.reduce((sum, gap) => sum + gap, 0) / 1e6),
    gapP99: percentile(gaps, 99) / 1000,
    drift: (last.origin - first.origin) * 1000,
  };
}

/** The walsender notices with a delay that its client has disconnected. */
async function release(server: BenchServer, slot: string): Promise<void> {
  while ((await walsenderOf(server, slot)) !== undefined) await delay(5);
  await server.query('SELECT pg_drop_replication_slot($1)', [slot]);
}
