/**
 * Measures this library, and other packages with it. Measured code is compiled; this program only controls it.
 *
 *   npm run bench -- [part] [--scale 0.1] [--rounds 3] [--only ours,pgwire,W1] [--folder results]
 *   npm run bench -- --quick    an indication within two minutes: less work, fewer rounds and clients
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

/** What `--quick` stands for, unless another option says otherwise. */
const QUICK = {
  scale: '0.2',
  rounds: '2',
  only: 'ours,ours-tap,ours-ack-after,yardstick,pg-logical-replication,pg_recvlogical',
};

async function main(): Promise<boolean> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      scale: { type: 'string' },
      rounds: { type: 'string' },
      only: { type: 'string', default: '' },
      quick: { type: 'boolean', default: false },
      folder: { type: 'string', default: 'coverage/bench' },
    },
  });
  const [name = 'throughput', ...more] = positionals;
  const part = PARTS.get(name);
  if (!part || more.length > 0) {
    throw new TypeError(`There is no part "${positionals.join(' ')}". There are ${[...PARTS.keys()].join(', ')}.`);
  }
  const rounds = values.rounds ?? (values.quick ? QUICK.rounds : undefined);
  return part({
    scale: positive('scale', values.scale ?? (values.quick ? QUICK.scale : '1')),
    rounds: rounds === undefined ? undefined : Math.ceil(positive('rounds', rounds)),
    only: (values.only || (values.quick ? QUICK.only : '')).split(',').filter(Boolean),
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
