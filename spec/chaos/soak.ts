/**
 * Lets a stream work for a while, and looks whether it keeps anything that it should let go:
 *
 *   npm run test:soak -- [minutes]
 *
 * A steady load, works that are slow now and then, and a connection that ends every few seconds. What is measured must not
 * grow over the second half of the time.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { FaultProxy } from '../support/proxy';
import { startServer } from '../support/server';
import { BANK, Writer } from './bank';
import { growthOf, plot, type Measure } from './growth';
import { Random } from './random';
import { table } from '../support/text-table';
import type { Sample } from './soak-consumer';

const SLOT = 'soak';
const SAMPLES = 240;

const MEASURES: readonly (Measure & { readonly of: (sample: Sample) => number })[] = [
  // What a backlog took, up to a window of 16 MiB, the allocator may keep.
  { name: 'RSS', unit: 'MB', share: 0, least: 17, of: ({ rss }) => rss },
  { name: 'heap', unit: 'MB', share: 0.05, least: 1, of: ({ heap }) => heap },
  { name: 'buffers', unit: 'MB', share: 0, least: 1, of: ({ buffers }) => buffers },
  { name: 'resources', unit: '', share: 0, least: 1, of: ({ resources }) => resources },
  { name: 'listeners', unit: '', share: 0, least: 2, of: ({ listeners }) => listeners },
];

async function soak(minutes: number): Promise<Sample[]> {
  const server = await startServer();
  const source = await server.createDatabase('soak');
  await source.query(BANK);
  await source.query(`SELECT pg_create_logical_replication_slot($1, 'pgoutput')`, [SLOT]);
  const proxy = await FaultProxy.before(source.url);
  const interval = Math.max(500, (minutes * 60_000) / SAMPLES);
  console.log(`${minutes} minutes on ${server.description}`);

  const samples: Sample[] = [];
  const args = ['--expose-gc', '--import', 'tsx', join(__dirname, 'soak-consumer.ts'), proxy.through(source.url), SLOT];
  const consumer = spawn(process.execPath, [...args, String(interval)], {
    cwd: resolve(__dirname, '../..'),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  createInterface({ input: consumer.stdout }).on('line', (line) => samples.push(JSON.parse(line) as Sample));
  const writers = ['a', 'b', 'c'].map((name, i) => new Writer(source.url, name, new Random(i), 10));
  for (const writer of writers) writer.start();

  const random = new Random(1);
  const end = performance.now() + minutes * 60_000;
  while (performance.now() < end) {
    await delay(random.between(2000, 6000));
    if (consumer.exitCode !== null) throw new Error('The consumer ended');
    if (random.chance(0.3)) {
      await source.query('SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active');
    } else proxy.cut(random.pick(['rst', 'fin']));
  }
  await Promise.all(writers.map((writer) => writer.stop()));
  consumer.kill('SIGKILL');
  await once(consumer, 'close');
  await proxy.close();
  await server.dispose();
  return samples;
}

async function main(): Promise<void> {
  const samples = await soak(Number(process.argv[2] ?? '10'));
  const last = samples.at(-1);
  console.log(`${samples.length} samples, ${last?.transactions ?? 0} transactions, ${last?.sessions ?? 0} sessions\n`);
  const growths = MEASURES.map((measure) => {
    const values = samples.map(measure.of);
    console.log(`${measure.name.padEnd(10)}${plot(values)}`);
    return { measure, values, growth: growthOf(values, measure) };
  });
  const rows = growths.map(({ measure: { name, unit }, values, growth: { grown, allowed, flat } }) => [
    `${name}${unit && `, ${unit}`}`,
    ...[Math.min(...values), Math.max(...values), grown, allowed].map((value) => value.toFixed(1)),
    flat ? 'flat' : 'GROWS',
  ]);
  console.log(`\n${table(['', 'least', 'most', 'grown in the second half', 'allowed', ''], rows)}`);
  process.exitCode = growths.every(({ growth }) => growth.flat) ? 0 : 1;
}

void main();
