import type { ChaosResult } from './chaos';
import { table } from '../support/text-table';

/** Formats a result as tables. */
export function asTables(result: ChaosResult): string {
  const { summary, consumers, faults } = result;
  const total = Object.values(faults).reduce((sum, { times }) => sum + times, 0);
  return [
    `${result.server}; seed ${result.seed}; ${result.seconds} s; looked at ${result.looks} times`,
    '',
    table(
      ['fault', 'times', 'recovery, median ms', 'worst ms'],
      Object.entries(faults).map(([name, { times, recoveries }]) => [name, times, ...middleAndEnd(recoveries)]),
    ),
    `${total} faults of ${Object.keys(faults).length} kinds`,
    '',
    table(
      ['a stop that came', 'times', 'outcomes'],
      Object.entries(result.stops).map(([state, outcomes]) => [
        state,
        Object.values(outcomes).reduce((sum, times) => sum + times, 0),
        listed(outcomes),
      ]),
    ),
    '',
    table(
      [
        'consumer',
        'units',
        'redelivered',
        'work repeated',
        'sessions',
        'spooled',
        'prepared: committed',
        'rolled back',
      ],
      Object.entries(consumers).map(([name, consumer]) => [
        name,
        consumer.transactions,
        consumer.redeliveries,
        consumer.repeated,
        consumer.sessions,
        consumer.spooled,
        consumer.prepared.committed,
        consumer.prepared.rolledBack,
      ]),
    ),
    ...Object.entries(consumers).map(
      ([name, { errors, streamed }]) => `${name}: ${listed(streamed)}; ${listed(errors)}`,
    ),
    '',
    table(['committed transactions', 'rows'], [[summary.committed, summary.rows]]),
    table(
      ['losses', 'duplicates', 'strangers', 'disorder', 'altered', 'unended', 'broken promises'],
      [[...failings(result)]],
    ),
    ...result.violations.slice(0, 20),
  ].join('\n');
}

/** Whether the result has no violations. */
export function isFlawless(result: ChaosResult): boolean {
  return failings(result).every((count) => count === 0);
}

function failings({ summary, violations }: ChaosResult): number[] {
  const { losses, duplicates, strangers, disorder, altered, unended } = summary;
  return [losses, duplicates, strangers, disorder, altered, unended, violations.length];
}

function middleAndEnd(values: readonly number[]): [number | string, number | string] {
  const sorted = [...values].sort((a, b) => a - b);
  return [sorted[Math.floor(sorted.length / 2)] ?? '–', sorted.at(-1) ?? '–'];
}

function listed(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}
