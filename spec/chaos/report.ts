import type { ChaosResult } from './chaos';
import { table } from '../support/text-table';

/** A result as tables for people. */
export function asTables(result: ChaosResult): string {
  const { reckoning, consumers, faults } = result;
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
      ['consumer', 'transactions', 'redelivered', 'work repeated', 'sessions'],
      Object.entries(consumers).map(([name, { transactions, redeliveries, repeated, sessions }]) => [
        name,
        transactions,
        redeliveries,
        repeated,
        sessions,
      ]),
    ),
    ...Object.entries(consumers).map(([name, { errors }]) => `${name}: ${listed(errors)}`),
    '',
    table(['committed transactions', 'rows'], [[reckoning.committed, reckoning.rows]]),
    table(
      ['losses', 'duplicates in the exactly-once store', 'strangers', 'disorder', 'broken promises'],
      [[reckoning.losses, reckoning.duplicates, reckoning.strangers, reckoning.disorder, result.violations.length]],
    ),
    ...result.violations.slice(0, 20),
  ].join('\n');
}

/** Whether nothing is wrong with it. */
export function isFlawless({ reckoning, violations }: ChaosResult): boolean {
  const { losses, duplicates, strangers, disorder } = reckoning;
  return losses + duplicates + strangers + disorder + violations.length === 0;
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
