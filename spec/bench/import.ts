import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { formatTable } from '../support/text-table';
import { plainEnvironment } from './compiled';
import { asJson, writeResult } from './files';
import { thisMachine } from './machine';
import type { BenchOptions } from './options';
import { median, pairwiseRatios, spread, spreadText } from './statistics';

const ROOT = resolve(__dirname, '../..');
const ROUNDS = 15;
/** The goal: the time to load the package, where RxJS is loaded, in ratio to the time to load RxJS. */
const GOAL = 0.5;

/** Each prints the milliseconds for RxJS and for this package, and how many files of the package it has read. */
const PROGRAMS = {
  'import.mjs': createProgram(
    `import { createRequire } from 'node:module';`,
    'await import',
    'createRequire(import.meta.url).cache',
  ),
  'require.cjs': createProgram('', 'require', 'require.cache'),
} as const;

interface Loads {
  readonly program: string;
  readonly rxjs: readonly number[];
  readonly ours: readonly number[];
  readonly files: number;
}

/**
 * Measures how long loading the published package takes, compared to RxJS, each round in a new process.
 *
 * @returns whether the goal is reached
 */
export function importBench({ rounds = ROUNDS, folder }: BenchOptions): Promise<boolean> {
  execFileSync('npm', ['run', 'build', '--silent'], { cwd: ROOT, stdio: 'inherit' });
  const project = mkdtempSync(join(tmpdir(), 'import-bench-'));
  try {
    mkdirSync(join(project, 'node_modules'));
    symlinkSync(ROOT, join(project, 'node_modules/rxjs-pg-replication'), 'dir');
    symlinkSync(join(ROOT, 'node_modules/rxjs'), join(project, 'node_modules/rxjs'), 'dir');
    for (const [name, text] of Object.entries(PROGRAMS)) writeFileSync(join(project, name), text);
    return Promise.resolve(report(measure(project, rounds), folder));
  } finally {
    rmSync(project, { recursive: true, force: true });
  }
}

/** Measures the programs in turn. Each runs once more before, to have its files in the system's cache. */
function measure(project: string, rounds: number): Loads[] {
  const programs = Object.keys(PROGRAMS);
  const samples = Array.from({ length: rounds + 1 }, () => programs.map((program) => load(project, program))).slice(1);
  return programs.map((program, index) => {
    const ofProgram = samples.flatMap((round) => round.slice(index, index + 1));
    return {
      program,
      rxjs: ofProgram.map(({ rxjs }) => rxjs),
      ours: ofProgram.map(({ ours }) => ours),
      files: Math.max(...ofProgram.map(({ files }) => files)),
    };
  });
}

function load(project: string, program: string): { rxjs: number; ours: number; files: number } {
  const text = execFileSync(process.execPath, [program], { cwd: project, env: plainEnvironment(), encoding: 'utf8' });
  const [rxjs = NaN, ours = NaN, files = NaN] = text.trim().split(' ').map(Number);
  return { rxjs, ours, files };
}

function createProgram(head: string, load: string, cache: string): string {
  return `${head}
    const start = performance.now();
    ${load}('rxjs');
    const loaded = performance.now();
    ${load}('rxjs-pg-replication');
    const end = performance.now();
    const files = Object.keys(${cache}).filter((file) => file.startsWith(${JSON.stringify(join(ROOT, 'dist'))}));
    console.log(loaded - start, end - loaded, files.length);`;
}

function report(loads: readonly Loads[], folder: string): boolean {
  const measured = loads.map((it) => {
    const ratio = spread(pairwiseRatios(it.ours, it.rxjs));
    return { ...it, ratio, reached: ratio.median <= GOAL };
  });
  const head = ['', 'RxJS, ms', 'ours, ms', 'ours ÷ RxJS', 'files of ours', ''];
  const rows = measured.map(({ program, rxjs, ours, ratio, files, reached }) => [
    program,
    median(rxjs).toFixed(0),
    median(ours).toFixed(0),
    spreadText(ratio),
    String(files),
    reached ? 'reached' : 'MISSED',
  ]);
  console.log(formatTable(head, rows));
  console.log(`\nWanted is at most ${GOAL} of the time of RxJS.`);
  writeResult(
    join(folder, 'import.json'),
    asJson({ machine: thisMachine(), date: new Date().toISOString(), measured }),
  );
  return measured.every(({ reached }) => reached);
}
