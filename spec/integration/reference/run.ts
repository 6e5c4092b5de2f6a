/**
 * Runs a random workload on a database, applies its stream to a copy, and compares the two, repeatedly:
 *
 *   npm run test:reference -- [seconds] [seed]
 *
 * TEST_POSTGRES_VERSION selects another server version. The same seed creates the same workload and the same reading options;
 * the timing of cut connections varies.
 */
import { startServer } from '../../support/server';
import { round, type Outcome } from './round';

const [seconds = '60', first = String(Date.now() % 100_000)] = process.argv.slice(2);

const total: Record<string, number> = {};

function count(what: Readonly<Record<string, number>>): void {
  for (const [name, number] of Object.entries(what)) total[name] = (total[name] ?? 0) + number;
}

function add({ rows, transactions, failures, applied, met }: Outcome): void {
  const { messages, ...rest } = met;
  const { streamCommit = 0, streamPrepare = 0, streamAbort = 0 } = messages;
  count({ rows, transactions, failures, ...rest, streamCommit, streamPrepare, streamAbort });
  const { transactions: whole, prepared, changes, spooled, redelivered } = applied;
  count({ applied: whole + prepared, prepared, changes, spooled, redelivered });
}

async function main(): Promise<void> {
  const server = await startServer();
  console.log(`${seconds} s on ${server.description}, from seed ${first}`);
  const deadline = performance.now() + Number(seconds) * 1_000;
  const failures: number[] = [];
  let seed = Number(first);
  for (; performance.now() < deadline; seed++) {
    try {
      const outcome = await round(server, seed);
      add(outcome);
      if (outcome.differences.length === 0) continue;
      console.log(`Seed ${seed}:`, outcome.readings, JSON.stringify(outcome.differences, undefined, 2));
    } catch (error) {
      console.log(`Seed ${seed}:`, error);
    }
    failures.push(seed);
  }
  await server.dispose();
  console.log(`${seed - Number(first)} seeds, from ${first} on; failed: ${failures.join(', ') || 'none'}`, total);
  process.exitCode = failures.length === 0 ? 0 : 1;
}

void main();
