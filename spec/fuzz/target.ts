import { getHeapStatistics } from 'node:v8';
import { elapsedProcessorTime } from '../support/processor-time';
import { sizeOf, type Parts } from './case';

/** Something of the library that takes the server's bytes, and what has to hold whatever they are. */
export interface Target {
  readonly name: string;
  /** Well-formed input, which mutations start from. */
  readonly seeds: readonly Parts[];
  /** Gives a part the length that it declares, so that a mutation gets past the frame. */
  readonly repair?: (part: Buffer) => Buffer;
  /**
   * Feeds the parts, and throws where a rule is broken.
   *
   * @returns what came of it, in a word
   */
  readonly run: (parts: Parts) => string;
}

/** A rule that an input has broken. */
export class Finding extends Error {
  constructor(what: string, options?: ErrorOptions) {
    super(what, options);
    this.name = 'Finding';
  }
}

export interface Verdict {
  readonly outcome: string;
  /** Processor time. */
  readonly ms: number;
  /** By how many bytes the heap grew, with the garbage that was not collected on the way. */
  readonly growth: number;
}

/** What a case may cost, by its size in bytes: ms of processor time, and bytes of the heap. */
export interface Limits {
  readonly ms: (bytes: number) => number;
  readonly growth: (bytes: number) => number;
}

const LIMITS: Limits = {
  ms: (bytes) => 1000 * Math.max(1, bytes / (64 * 1024)),
  growth: (bytes) => 32 * 2 ** 20 + 400 * bytes,
};

/** Feeds a target, within bounds of time and memory. */
export function judge(target: Target, parts: Parts, limits = LIMITS): Verdict {
  const size = sizeOf(parts);
  const first = measure(target, parts);
  // The collector or the compiler may have had its turn: what is slow by itself is slow again.
  const ms = first.ms <= limits.ms(size) ? first.ms : measure(target, parts).ms;
  if (ms <= limits.ms(size) && first.growth <= limits.growth(size)) return { ...first, ms };
  const growth = `${(first.growth / 2 ** 20).toFixed(1)} MiB`;
  throw new Finding(`${size} bytes took ${Math.round(ms)} ms of processor time, and the heap grew by ${growth}`);
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
