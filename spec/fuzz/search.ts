/** Searches one target in a separate thread, so that a hang can be detected and terminated. */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import fc from 'fast-check';
import { sizeOf } from './case';
import { mutate, mutation, type Mutation } from './mutation';
import { judge, type Verdict } from './target';
import { TARGETS } from './targets';
import { getPeakRss } from '../support/peak-memory';

/** The input of the thread. */
export interface SearchOrder {
  readonly target: string;
  readonly ms: number;
  /** Shared memory that the thread writes before each case: the number of cases, and the mutation. */
  readonly progress: SharedArrayBuffer;
}

export interface SearchFinding {
  readonly kind: 'finding';
  readonly mutation: Mutation;
  readonly what: string;
}

export interface SearchSummary {
  readonly kind: 'summary';
  readonly ms: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly slowest: { readonly ms: number; readonly bytes: number; readonly mutation: Mutation | undefined };
  /** The maximum growth of the heap in one case, and the maximum per byte of a case of 1 KiB or more. */
  readonly growth: number;
  readonly growthPerByte: number;
  /** The maximum resident memory of the process, in bytes. */
  readonly peak: number;
}

/** The offsets of the count and of the length of the mutation. Its text follows. */
export const COUNT = 0;
export const LENGTH = 1;
export const TEXT_AT = 8;

const ROUND = 2000;

function search({ target: name, ms, progress }: SearchOrder): SearchSummary {
  const target = TARGETS.find((one) => one.name === name);
  if (!target) throw new Error(`There is no target ${name}`);
  const words = new Int32Array(progress, 0, 2);
  const text = new Uint8Array(progress, TEXT_AT);
  const encoder = new TextEncoder();
  const known = new Set<string>();
  const outcomes: Record<string, number> = {};
  let slowest: SearchSummary['slowest'] = { ms: 0, bytes: 0, mutation: undefined };
  let growth = 0;
  let growthPerByte = 0;

  const note = ({ outcome, ms, growth: grown }: Verdict, bytes: number, mutation: Mutation): void => {
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    if (ms > slowest.ms) slowest = { ms, bytes, mutation };
    growth = Math.max(growth, grown);
    if (bytes >= 1024) growthPerByte = Math.max(growthPerByte, grown / bytes);
  };

  const property = fc.property(mutation, (made) => {
    words[LENGTH] = encoder.encodeInto(JSON.stringify(made), text).written;
    Atomics.add(words, COUNT, 1);
    const parts = mutate(target, made);
    try {
      note(judge(target, parts), sizeOf(parts), made);
    } catch (error) {
      // Known findings are skipped, so that the search continues.
      if (!known.has(signature(error))) throw error;
      outcomes['found before'] = (outcomes['found before'] ?? 0) + 1;
    }
  });

  const started = performance.now();
  for (let left = ms; left > 0; left = ms - (performance.now() - started)) {
    const { failed, counterexample, errorInstance } = fc.check(property, {
      numRuns: ROUND,
      interruptAfterTimeLimit: left,
    });
    if (!failed || !counterexample) continue;
    known.add(signature(errorInstance));
    const finding: SearchFinding = { kind: 'finding', mutation: counterexample[0], what: report(errorInstance) };
    parentPort?.postMessage(finding);
  }
  return {
    kind: 'summary',
    ms: performance.now() - started,
    outcomes,
    slowest,
    growth,
    growthPerByte,
    peak: getPeakRss(),
  };
}

/** The same failure contains different numbers and texts in each case. */
function signature(error: unknown): string {
  return String(error)
    .replace(/"(?:[^"\\]|\\.)*"|\d+/g, '#')
    .slice(0, 80);
}

function report(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error ? `${error.message}\n${cause.stack ?? ''}` : (error.stack ?? error.message);
}

if (!isMainThread) parentPort?.postMessage(search(workerData as SearchOrder));
