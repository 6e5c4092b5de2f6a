/** Runs one parser in a separate process: `child <parser> <file with the payloads>`. */
import { readFileSync } from 'node:fs';
import { Digester } from './digest';
import type { Reply, Request, Timing } from './messages';
import { PARSERS, type Pass } from './parsers';
import { unpacked } from './payloads';

/** The minimum duration of a round, in ms. */
const ENOUGH = 300;

const [name = '', file = ''] = process.argv.slice(2);

async function main(): Promise<void> {
  const makeParser = PARSERS[name];
  if (!makeParser) throw new Error(`There is no parser "${name}".`);
  const payloads = unpacked(readFileSync(file));
  let pass: Pass;
  try {
    pass = await makeParser(payloads);
  } catch (error) {
    if (!isNotInstalled(error)) throw error;
    answer({ kind: 'missing' });
    return;
  }
  process.on('message', (request: Request) => void serve(request, pass));
  answer({ kind: 'ready' });
}

async function serve(request: Request, pass: Pass): Promise<void> {
  if (request === 'round') {
    answer({ kind: 'round', ...(await timed(pass)) });
  } else {
    const digester = new Digester(name);
    await pass(digester.onChange);
    answer({ kind: 'digest', ...digester.finish() });
  }
}

async function timed(pass: Pass): Promise<Timing> {
  let passes = 0;
  let changes = 0;
  const processor = process.cpuUsage();
  const start = performance.now();
  do {
    await pass(() => changes++);
    passes++;
  } while (performance.now() - start < ENOUGH);
  const wallMicros = (performance.now() - start) * 1000;
  const { user, system } = process.cpuUsage(processor);
  return { passes, changes, wallMicros, processorMicros: user + system };
}

function answer(reply: Reply): void {
  process.send?.(reply);
}

function isNotInstalled(error: unknown): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    (error.code === 'MODULE_NOT_FOUND' || error.code === 'ERR_MODULE_NOT_FOUND')
  );
}

void main();
