import fc from 'fast-check';
import { readParts, writeCase, type Parts } from './case';
import { keptCases } from './corpus';
import { elapsedProcessorTime } from '../support/processor-time';
import { mutate, mutation } from './mutation';
import { judge, type Target } from './target';
import { TARGETS } from './targets';
import { opening, resuming } from './targets/opening';

/** Detects immediate failures only; `npm run test:fuzz` searches longer. */
const RUNS = 150;

describe.each(TARGETS.map((target) => [target.name, target] as const))('%s', (name, target) => {
  const kept = keptCases(name);

  it.each(kept.map((one) => [one.name, one.about, one] as const))('handles %s: %s', (_, __, one) => {
    const { outcome } = judge(target, one.parts());
    expect(outcome).toBe(one.outcome ?? outcome);
  });

  it('has cases in the corpus', () => {
    expect(kept.length).toBeGreaterThan(0);
  });

  it('handles the output of real servers', () => {
    for (const seed of target.seeds) judge(target, seed);
  });

  it('breaks no rule for mutated input', () => {
    const property = fc.property(mutation, (made) => {
      judge(target, mutate(target, made));
    });
    fc.assert(property, { numRuns: RUNS });
  });
});

/** A case contains all messages of the server. After a change of the queries, it would end at the first one. */
describe.each([opening, resuming])('a case of $name', ({ name, seeds }) => {
  const conversations = seeds.map(descriptions);
  const subjects = new Set(conversations.flat().map(firstColumn));

  it.each(keptCases(name).map((one) => [one.name, one] as const))('responds to the current queries: %s', (_, one) => {
    const answers = descriptions(one.parts()).filter((answer) => subjects.has(firstColumn(answer)));
    expect(conversations.some((conversation) => isSubsequence(answers, conversation))).toBe(true);
  });
});

/** The RowDescription messages among the parts. */
function descriptions(parts: Parts): string[] {
  return parts.map((part) => part.toString('latin1')).filter((part) => part.startsWith('T'));
}

function firstColumn(description: string): string {
  return description.slice(7, description.indexOf('\0', 7));
}

function isSubsequence(some: readonly string[], all: readonly string[]): boolean {
  let found = 0;
  for (const one of all) if (one === some[found]) found++;
  return found === some.length;
}

describe('a case', () => {
  it('is unchanged after it is written to a file and read, even with long runs', () => {
    const byte = fc.tuple(fc.nat(255), fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 200 })));
    const part = fc.array(byte).map((runs) => Buffer.concat(runs.map(([value, times]) => Buffer.alloc(times, value))));
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        const text = JSON.stringify(writeCase('a case', parts));
        expect(readParts(JSON.parse(text) as ReturnType<typeof writeCase>)).toEqual(parts);
      }),
      { numRuns: 30 },
    );
  });
});

describe('judge()', () => {
  const target = (run: Target['run']): Target => ({ name: 'spec', seeds: [], run });

  it('measures processor time, not elapsed time', () => {
    const waiting = target(() => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 120);
      return 'waited';
    });
    const limits = { ms: () => 50, growth: () => Infinity };
    expect(judge(waiting, [Buffer.from('x')], limits).outcome).toBe('waited');
  });

  it('detects time out of proportion to the size', () => {
    const slow = target(() => {
      const start = process.cpuUsage();
      while (elapsedProcessorTime(start) < 60);
      return 'late';
    });
    const limits = { ms: (bytes: number) => 50 * bytes, growth: () => Infinity };
    expect(() => judge(slow, [Buffer.from('x')], limits)).toThrow(/^1 bytes took \d+ ms/);
    expect(judge(slow, [Buffer.alloc(1000)], limits).outcome).toBe('late');
  });

  it('detects memory out of proportion to the size', () => {
    const kept: Buffer[] = [];
    const greedy = target(() => {
      kept.push(Buffer.alloc(64 * 2 ** 20));
      return 'rich';
    });
    // Garbage collected during the case is not measured, so this allocates much more than the limit.
    const limits = { ms: () => Infinity, growth: (bytes: number) => bytes * 2 ** 20 };
    expect(() => judge(greedy, [Buffer.from('x')], limits)).toThrow(/the heap grew by \d+\.\d MiB/);
    expect(judge(greedy, [Buffer.alloc(100)], limits).outcome).toBe('rich');
    expect(kept).toHaveLength(2);
  });

  it('rethrows errors', () => {
    const thrown = new TypeError('x is undefined');
    const broken = target(() => {
      throw thrown;
    });
    expect(() => judge(broken, [])).toThrow(thrown);
  });
});
