/**
 * Injects faults while the writers run, and reports the result:
 *
 *   npm run test:chaos -- [faults] [seed] [file for the result as JSON]
 *   npm run test:chaos -- [faults] [seed] --only=stop    only faults whose names contain the text
 *   npm run test:chaos -- quiet [rows] [file]     a huge transaction that is not published
 *
 * TEST_POSTGRES_VERSION selects another server version. The same seed injects the same faults in the same order; their timing
 * varies.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { startServer } from '../support/server';
import { runChaos } from './chaos';
import { runSilentDecoding } from './quiet';
import { formatTables, isFlawless } from './report';
import { FAULTS } from './faults';
import { SOURCE_SETTINGS } from './chaos-environment';

const ENOUGH = 300;
const HUGE = 16_000_000;

const ONLY = '--only=';
const given = process.argv.slice(2);
const [what = String(ENOUGH), ...more] = given.filter((argument) => !argument.startsWith(ONLY));
const only = given.find((argument) => argument.startsWith(ONLY))?.slice(ONLY.length) ?? '';
const kinds = Object.keys(FAULTS).filter((kind) => kind.includes(only));

async function faults(count: number, [seed = String(Date.now() % 100_000), file]: string[]): Promise<boolean> {
  const server = await startServer({ settings: SOURCE_SETTINGS });
  const store = await startServer();
  console.log(`${count} faults on ${server.description}; seed ${seed}`);
  let struck = 0;
  const announce = (fault: string): void => {
    const line = `${String(++struck).padStart(4)} ${fault}`;
    process.stdout.write(process.stdout.isTTY ? `\r\u001b[K${line}` : `${line}\n`);
  };
  const result = await runChaos(server, store, { faults: count, seed: Number(seed), kinds, announce });
  console.log(`\n${formatTables(result)}\n`);
  write(result, file ?? 'chaos.json');
  await Promise.all([server.dispose(), store.dispose()]);
  return isFlawless(result);
}

async function silence([rows = String(HUGE), file]: string[]): Promise<boolean> {
  const result = await runSilentDecoding(Number(rows));
  console.log(result);
  write(result, file ?? 'quiet.json');
  return result.attempts.length === 0 && result.slotMoved && result.wentOn;
}

/** @param file the path of the result, unless it is in the default folder */
function write(result: unknown, file: string): void {
  const path = resolve(join(__dirname, '../..', 'coverage'), file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(result, undefined, 2)}\n`);
  console.log(`Written to ${path}`);
}

async function main(): Promise<void> {
  const isFine = await (what === 'quiet' ? silence(more) : faults(Number(what), more));
  process.exitCode = isFine ? 0 : 1;
}

void main();
