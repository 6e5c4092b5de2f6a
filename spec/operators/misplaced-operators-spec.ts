import { NEVER, of, type Observable, type OperatorFunction } from 'rxjs';
import { ofTable, stopAtLsn, stopOn, transactions, type AnyReplicationMessage } from '../../lib/index';
import { table, toTransaction, transaction } from '../../lib/testing/index';
import { XLogDataMessage } from '../../lib/pgoutput/messages/walsender-messages';

const users = table('users', { id: 'int4' });

/** Operators on messages, as a program in JavaScript may put them below anything. */
const OPERATORS: Record<string, () => OperatorFunction<AnyReplicationMessage, unknown>> = {
  transactions: () => transactions(),
  stopAtLsn: () => stopAtLsn('FF/0'),
  ofTable: () => ofTable<never, never>('users' as never) as OperatorFunction<AnyReplicationMessage, unknown>,
};

const VALUES: [what: string, value: unknown][] = [
  ['a transaction', toTransaction(transaction([users.insert({ id: 1 })]))],
  ['a value that is no message', { kind: 'row' }],
  ['a value that is no message', 7],
  ['a value that is no message', undefined],
  ['a value that is no message', null],
  ['data of another output plugin', new XLogDataMessage(1n, 1n, new Date(0), Buffer.alloc(0))],
];

function listNotifications(source: Observable<unknown>): unknown[] {
  const heard: unknown[] = [];
  source.subscribe({
    next: (value) => heard.push(value),
    error: (error: unknown) => heard.push(error),
    complete: () => heard.push('complete'),
  });
  return heard;
}

describe.each(Object.keys(OPERATORS))('%s', (name) => {
  it.each(VALUES)('fails on %s, instead of dropping it', (what, value) => {
    const source = of(value) as Observable<AnyReplicationMessage>;
    expect(listNotifications(source.pipe(OPERATORS[name]!()))).toEqual([
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining(`${name}: expected messages of pgoutput, got ${what}; `) as string,
      }),
    ]);
  });
});

it('stopOn takes transactions that no stream delivered', () => {
  const [tx] = VALUES.map(([, value]) => value);
  const source = of(tx) as Observable<AnyReplicationMessage>;
  expect(listNotifications(source.pipe(stopOn(NEVER)))).toEqual([tx, 'complete']);
});
