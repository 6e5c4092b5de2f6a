import type { ChaosResult } from './chaos';
import { formatTable } from '../support/text-table';

/** Formats a result as tables. */
export function formatTables(result: ChaosResult): string {
  const { summary, consumers, faults } = result;
  const total = Object.values(faults).reduce((sum, { times }) => sum + times, 0);
  return [
    `${result.server}; seed ${result.seed}; ${result.seconds} s; looked at ${result.looks} times`,
    '',
    formatTable(
      ['fault', 'times', 'recovery, median ms', 'worst ms'],
      Object.entries(faults).map(([name, { times, recoveries }]) => [
        name,
        times,
        ...formatMedianAndMaximum(recoveries),
      ]),
    ),
    `${total} faults of ${Object.keys(faults).length} kinds`,
    '',
    formatTable(
      ['a stop that came', 'times', 'outcomes'],
      Object.entries(result.stops).map(([state, outcomes]) => [
        state,
        Object.values(outcomes).reduce((sum, times) => sum + times, 0),
        formatList(outcomes),
      ]),
    ),
    '',
    formatTable(
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
      ([name, { errors, streamed }]) => `${name}: ${formatList(streamed)}; ${formatList(errors)}`,
    ),
    '',
    formatTable(['committed transactions', 'rows'], [[summary.committed, summary.rows]]),
    formatTable(
      ['losses', 'duplicates', 'strangers', 'disorder', 'altered', 'unended', 'broken promises'],
      [[...listFailures(result)]],
    ),
    ...result.violations.slice(0, 20),
  ].join('\n');
}

/** Whether the result has no violations. */
export function isFlawless(result: ChaosResult): boolean {
  return listFailures(result).every((count) => count === 0);
}

function listFailures({ summary, violations }: ChaosResult): number[] {
  const { losses, duplicates, strangers, disorder, altered, unended } = summary;
  return [losses, duplicates, strangers, disorder, altered, unended, violations.length];
}

function formatMedianAndMaximum(values: readonly number[]): [number | string, number | string] {
  const sorted = [...values].sort((a, b) => a - b);
  return [sorted[Math.floor(sorted.length / 2)] ?? '–', sorted.at(-1) ?? '–'];
}

function formatList(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}
