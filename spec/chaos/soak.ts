/**
 * Runs a stream for a while, and checks that its use of resources does not grow:
 *
 *   npm run test:soak -- [minutes]
 *
 * The load is steady, with streamed and prepared transactions, some slow work, and a disconnection or a stop every few
 * seconds. No measured quantity may grow over the second half of the time.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { FaultProxy } from '../support/proxy';
import { startServer } from '../support/server';
import { BANK } from './bank';
import { bundle } from './bundle';
import { LargeWriter, Preparer } from './large-writer';
import { computeGrowth, plot, type Measure } from './growth';
import { Random } from './random';
import { UsualWriter } from './writer';
import { formatTable } from '../support/text-table';
import type { Sample } from './soak-consumer';

const SLOT = 'soak';
const SAMPLES = 240;

const MEASURES: readonly (Measure & { readonly of: (sample: Sample) => number })[] = [
  // The allocator may keep the memory of a backlog, up to a window of 16 MiB.
  { name: 'RSS', unit: 'MB', share: 0, least: 17, of: ({ rss }) => rss },
  { name: 'heap', unit: 'MB', share: 0.05, least: 1, of: ({ heap }) => heap },
  { name: 'buffers', unit: 'MB', share: 0, least: 1, of: ({ buffers }) => buffers },
  { name: 'resources', unit: '', share: 0, least: 1, of: ({ resources }) => resources },
  { name: 'listeners', unit: '', share: 0, least: 2, of: ({ listeners }) => listeners },
  { name: 'spools', unit: '', share: 0, least: 1, of: ({ spools }) => spools },
];

async function soak(minutes: number): Promise<Sample[]> {
  const server = await startServer({ settings: { logical_decoding_work_mem: '64kB' } });
  const source = await server.createDatabase('soak');
  await source.query(BANK);
  const twoPhase = server.version >= 15 ? ', false, true' : '';
  await source.query(`SELECT pg_create_logical_replication_slot($1, 'pgoutput'${twoPhase})`, [SLOT]);
  const proxy = await FaultProxy.before(source.url);
  const interval = Math.max(500, (minutes * 60_000) / SAMPLES);
  console.log(`${minutes} minutes on ${server.description}`);

  const samples: Sample[] = [];
  const args = ['--expose-gc', bundle('soak-consumer'), proxy.through(source.url), SLOT];
  const consumer = spawn(process.execPath, [...args, String(interval), String(server.version)], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  if (!consumer.stdout) throw new Error('The consumer has no output');
  createInterface({ input: consumer.stdout }).on('line', (line) => samples.push(JSON.parse(line) as Sample));
  const writers = [
    ...['a', 'b', 'c'].map((name, i) => new UsualWriter(source.url, name, new Random(i), 10)),
    new LargeWriter(source.url, 'l', new Random(10), 500),
    new Preparer(source.url, 'p', new Random(20), 250),
  ];
  for (const writer of writers) writer.start();

  const random = new Random(1);
  const end = performance.now() + minutes * 60_000;
  while (performance.now() < end) {
    await delay(random.between(2000, 6000));
    if (consumer.exitCode !== null) throw new Error('The consumer ended');
    if (random.chance(0.3)) {
      await source.query('SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active');
    } else if (random.chance(0.6)) proxy.cut(random.pick(['rst', 'fin']));
    if (random.chance(0.5)) {
      // Often while the stream waits to retry, or connects.
      await delay(random.between(0, 100));
      consumer.send('stop');
    }
  }
  await Promise.all(writers.map((writer) => writer.stop()));
  for (const { gid } of await source.query<{ gid: string }>('SELECT gid FROM pg_prepared_xacts')) {
    await source.query(`ROLLBACK PREPARED '${gid}'`);
  }
  consumer.kill('SIGKILL');
  await once(consumer, 'close');
  await proxy.close();
  await server.dispose();
  return samples;
}

async function main(): Promise<void> {
  const samples = await soak(Number(process.argv[2] ?? '10'));
  const last = samples.at(-1);
  if (!last) throw new Error('The consumer has measured nothing');
  const { transactions, sessions, spooled, prepared, completed, failed } = last;
  console.log(`${samples.length} samples, ${transactions} units, ${spooled} of them spooled, ${prepared} prepared,`);
  console.log(`${sessions} sessions; stops: ${completed} completed, ${failed} ended with an error\n`);
  const growths = MEASURES.map((measure) => {
    const values = samples.map(measure.of);
    console.log(`${measure.name.padEnd(10)}${plot(values)}`);
    return { measure, values, growth: computeGrowth(values, measure) };
  });
  const rows = growths.map(({ measure: { name, unit }, values, growth: { grown, allowed, flat } }) => [
    `${name}${unit && `, ${unit}`}`,
    ...[Math.min(...values), Math.max(...values), grown, allowed].map((value) => value.toFixed(1)),
    flat ? 'flat' : 'GROWS',
  ]);
  console.log(`\n${formatTable(['', 'least', 'most', 'grown in the second half', 'allowed', ''], rows)}`);
  process.exitCode = growths.every(({ growth }) => growth.flat) ? 0 : 1;
}

void main();
