/**
 * Measures this library, and other packages with it. Measured code is compiled; this program only controls it.
 *
 *   npm run bench -- [part] [--scale 0.1] [--rounds 3] [--only ours,pgwire,W1] [--folder results]
 *
 * The default folder is coverage/bench. The other packages are installed when they are first needed.
 */
import { parseArgs } from 'node:util';
import { confirmationBench } from './confirmation';
import { decodeBench } from './decode';
import { importBench } from './import';
import { latencyBench } from './latency';
import type { BenchOptions } from './options';
import { scaleBench } from './scale';
import { socketsBench } from './sockets';
import { throughputBench } from './throughput';

/** Measures, and returns whether the goals are reached. */
type Part = (options: BenchOptions) => Promise<boolean>;

const PARTS: ReadonlyMap<string, Part> = new Map<string, Part>([
  ['throughput', throughputBench],
  ['decode', decodeBench],
  ['latency', latencyBench],
  ['sockets', socketsBench],
  ['scale', scaleBench],
  ['confirmation', confirmationBench],
  ['import', importBench],
]);

async function main(): Promise<boolean> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      scale: { type: 'string', default: '1' },
      rounds: { type: 'string' },
      only: { type: 'string', default: '' },
      folder: { type: 'string', default: 'coverage/bench' },
    },
  });
  const [name = 'throughput', ...more] = positionals;
  const part = PARTS.get(name);
  if (!part || more.length > 0) {
    throw new TypeError(`There is no part "${positionals.join(' ')}". There are ${[...PARTS.keys()].join(', ')}.`);
  }
  return part({
    scale: positive('scale', values.scale),
    rounds: values.rounds === undefined ? undefined : Math.ceil(positive('rounds', values.rounds)),
    only: values.only.split(',').filter(Boolean),
    folder: values.folder,
  });
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < Infinity)) throw new TypeError(`--${option} is "${text}"; it has to be a number above 0.`);
  return value;
}

main()
  .then((reached) => (process.exitCode = reached ? 0 : 1))
  .catch((error: unknown) => {
    // An invalid command line needs no stack trace.
    console.error(error instanceof Error && error.name === 'TypeError' ? error.message : error);
    process.exitCode = 1;
  });
