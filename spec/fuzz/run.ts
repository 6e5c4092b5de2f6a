/**
 * Runs mutated input through all targets, or one of them, for a number of minutes:
 *
 *   npm run test:fuzz -- 10 pgoutput
 *
 * Input that breaks a rule is added to the corpus, which the specs replay, and the run fails.
 */
import { Worker } from 'node:worker_threads';
import { keepCase } from './corpus';
import { mutate, type Mutation } from './mutation';
import { COUNT, LENGTH, TEXT_AT, type SearchFinding, type SearchOrder, type SearchSummary } from './search';
import { measureGrowth } from './shapes';
import type { Target } from './target';
import { TARGETS } from './targets';
import { values } from './targets/values';

/** A case that takes longer, in ms, counts as a hang. */
const HANG = 20_000;

class Findings {
  count = 0;

  async keep(target: Target, mutation: Mutation, what: string): Promise<void> {
    this.count++;
    const [line = ''] = what.split('\n');
    const path = await keepCase(target.name, line, mutate(target, mutation));
    console.log(`\n${target.name}: ${what}\n  ${JSON.stringify(mutation)}\n  kept as ${path}\n`);
  }
}

/** @returns undefined if the time was over while a case hung */
async function search(target: Target, ms: number, findings: Findings): Promise<SearchSummary | undefined> {
  const ending = performance.now() + ms;
  for (let left = ms; left > 0; left = ending - performance.now()) {
    const summary = await searchUntilHang(target, left, findings);
    if (summary) return summary;
  }
  return undefined;
}

function searchUntilHang(target: Target, ms: number, findings: Findings): Promise<SearchSummary | undefined> {
  const progress = new SharedArrayBuffer(64 * 1024);
  const words = new Int32Array(progress, 0, 2);
  const order: SearchOrder = { target: target.name, ms, progress };
  // A thread does not inherit the TypeScript loader.
  const start = `require('tsx/cjs'); require(${JSON.stringify(require.resolve('./search'))})`;
  const worker = new Worker(start, { eval: true, execArgv: [], workerData: order });
  const kept: Promise<void>[] = [];

  return new Promise((resolve, reject) => {
    let count = -1;
    const watch = setInterval(() => {
      const now = Atomics.load(words, COUNT);
      if (now !== count) {
        count = now;
        return;
      }
      const text = Buffer.from(new Uint8Array(progress, TEXT_AT, words[LENGTH])).toString();
      if (text === '') return;
      kept.push(findings.keep(target, JSON.parse(text) as Mutation, `It takes more than ${HANG} ms`));
      end(undefined);
    }, HANG);
    const end = (summary: SearchSummary | undefined): void => {
      clearInterval(watch);
      void Promise.all([worker.terminate(), ...kept]).then(() => resolve(summary), reject);
    };
    worker.on('message', (message: SearchFinding | SearchSummary) => {
      if (message.kind === 'summary') end(message);
      else kept.push(findings.keep(target, message.mutation, message.what));
    });
    worker.on('error', (error) => {
      clearInterval(watch);
      reject(error);
    });
  });
}

/** @returns how often time grew faster than length */
function growth(): number {
  const { tooFast, slowest } = measureGrowth(64 * 1024, 1024 * 1024, 100);
  console.log('Reading values of 64 KiB and of 1 MiB, the slowest:');
  for (const { typeOid, text, ms } of slowest) {
    console.log(`  ${ms.map((time) => time.toFixed(1)).join(' and ')} ms, type ${typeOid}: ${JSON.stringify(text)} …`);
  }
  for (const { typeOid, text, ms } of tooFast) {
    console.log(`Time grows too fast, ${ms.join(' to ')} ms, type ${typeOid}: ${JSON.stringify(text)} …`);
  }
  return tooFast.length;
}

function tell(target: Target, summary: SearchSummary | undefined): void {
  if (!summary) {
    console.log(`${target.name}: it hung`);
    return;
  }
  const { ms, outcomes, slowest, growth, growthPerByte, peak } = summary;
  const runs = Object.values(outcomes).reduce((sum, count) => sum + count, 0);
  const counts = Object.entries(outcomes).sort(([, a], [, b]) => b - a);
  console.log(
    `${target.name}: ${runs} cases, ${Math.round(runs / (ms / 1000))} a second\n` +
      `  ${counts.map(([outcome, count]) => `${outcome} ${count}`).join(', ')}\n` +
      `  slowest ${slowest.ms.toFixed(1)} ms for ${slowest.bytes} bytes: ${JSON.stringify(slowest.mutation)}\n` +
      `  the heap grew by ${(growth / 2 ** 20).toFixed(1)} MiB at most, by ${Math.round(growthPerByte)} bytes for each of a case; ` +
      `${Math.round(peak / 2 ** 20)} MiB resident at most`,
  );
}

async function main([minutes = '2', name]: readonly string[]): Promise<void> {
  const targets = TARGETS.filter((target) => name === undefined || target.name === name);
  const ms = Number(minutes) * 60_000;
  if (!(ms > 0) || targets.length === 0) {
    const names = TARGETS.map((target) => target.name).join(', ');
    console.error(`Usage: npm run test:fuzz -- [minutes] [target]\nTargets: ${names}`);
    process.exitCode = 2;
    return;
  }
  const findings = new Findings();
  for (const target of targets) tell(target, await search(target, ms / targets.length, findings));
  if (targets.includes(values)) findings.count += growth();
  console.log(findings.count === 0 ? 'No rule was broken.' : `${findings.count} cases broke a rule.`);
  process.exitCode = findings.count === 0 ? 0 : 1;
}

void main(process.argv.slice(2));
