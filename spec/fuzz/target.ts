import { getHeapStatistics } from 'node:v8';
import { elapsedProcessorTime } from '../support/processor-time';
import { sizeOf, type Parts } from './case';

/** A part of the library that reads the server's bytes, with the rules that it must follow for any input. */
export interface Target {
  readonly name: string;
  /** Valid input, from which mutations start. */
  readonly seeds: readonly Parts[];
  /** Corrects the length that a part declares, so that a mutation is not rejected because of it. */
  readonly repair?: (part: Buffer) => Buffer;
  /**
   * Processes the parts, and throws if a rule is broken.
   *
   * @returns a word for the outcome
   */
  readonly run: (parts: Parts) => string;
}

/** An input that breaks a rule. */
export class BrokenRule extends Error {
  constructor(what: string, options?: ErrorOptions) {
    super(what, options);
    this.name = 'Finding';
  }
}

export interface Verdict {
  readonly outcome: string;
  /** Processor time. */
  readonly ms: number;
  /** The growth of the heap in bytes, including garbage that was not collected. */
  readonly growth: number;
}

/** The limits of a case by its size in bytes: ms of processor time, and bytes of the heap. */
export interface Limits {
  readonly ms: (bytes: number) => number;
  readonly growth: (bytes: number) => number;
}

const LIMITS: Limits = {
  ms: (bytes) => 1000 * Math.max(1, bytes / (64 * 1024)),
  growth: (bytes) => 32 * 2 ** 20 + 400 * bytes,
};

/** Runs a target within limits of time and memory. */
export function judge(target: Target, parts: Parts, limits = LIMITS): Verdict {
  const size = sizeOf(parts);
  const first = measure(target, parts);
  // Measure again: once, the cause may be garbage collection or compilation.
  const ms = first.ms <= limits.ms(size) ? first.ms : measure(target, parts).ms;
  if (ms <= limits.ms(size) && first.growth <= limits.growth(size)) return { ...first, ms };
  const growth = `${(first.growth / 2 ** 20).toFixed(1)} MiB`;
  throw new BrokenRule(`${size} bytes took ${Math.round(ms)} ms of processor time, and the heap grew by ${growth}`);
}

function measure(target: Target, parts: Parts): Verdict {
  const before = heap();
  const started = process.cpuUsage();
  const outcome = target.run(parts);
  return { outcome, ms: elapsedProcessorTime(started), growth: heap() - before };
}

function heap(): number {
  const { used_heap_size: used, external_memory: external } = getHeapStatistics();
  return used + external;
}
