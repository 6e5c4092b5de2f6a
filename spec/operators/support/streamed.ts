/** Transactions in blocks and prepared transactions, without a session. */
import { from, type Observable } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import type { AssembledMessage } from '../../../lib/operators/transactions/transaction-assembler';
import type { TransactionsOptions } from '../../../lib/operators/transactions/transactions-options';
import { Transaction } from '../../../lib/operators/transactions/transaction';
import { transactions } from '../../../lib/operators/transactions/transactions';
import type { AnyReplicationMessage, Change } from '../../../lib/pgoutput/messages/messages';
import { buildBegin, buildCommit, type TransactionFields } from '../../../lib/testing/payloads';
import { decodeAny } from '../../pgoutput/support/decode';
import { record } from '../../support/streaming';

const LETTERS = 'abcdefghijklmnopqrstuvwxyz';

/** The messages of one stream by letter, for marble diagrams: `a` is the first. */
export function assignLetters(payloads: readonly Buffer[]): Record<string, AnyReplicationMessage> {
  return Object.fromEntries(decodeAny(payloads).map((message, at) => [LETTERS.charAt(at), message]));
}

export function runMarbles(spec: Parameters<TestScheduler['run']>[0]): void {
  new TestScheduler((actual, expected) => expect(actual).toEqual(expected)).run(spec);
}

/** A transaction with its changes, which are not enumerable. */
export interface Shown extends Readonly<Record<string, unknown>> {
  readonly kind: string;
  readonly changes?: readonly Change[];
}

export function describeTransactions(unit: AssembledMessage): Shown {
  return 'changes' in unit ? { ...unit, changes: [...unit] } : { ...unit };
}

/** The result of `transactions()` for the payloads of one stream. */
export function assemble(payloads: readonly Buffer[], options?: TransactionsOptions): Shown[] {
  return assembleFrom(from(decodeAny(payloads)), options);
}

export function assembleFrom(source: Observable<AnyReplicationMessage>, options?: TransactionsOptions): Shown[] {
  const { values, error } = record(source.pipe(transactions({ ...options, includeNonTransactionalMessages: false })));
  if (error) throw error;
  return values.map(describeTransactions);
}

/** The transaction that these payloads are as a whole. */
export function asWholeTransaction(payloads: readonly Buffer[], fields: TransactionFields = {}): Shown {
  const [unit] = assemble([buildBegin(fields), ...payloads, buildCommit(fields)]);
  if (!unit) throw new Error('Expected a transaction with changes');
  return unit;
}

/** The Transaction objects for the payloads of one stream. */
export function group(payloads: readonly Buffer[], options?: TransactionsOptions): Transaction[] {
  const { values, error } = record(
    from(decodeAny(payloads)).pipe(transactions({ ...options, includeNonTransactionalMessages: false })),
  );
  if (error) throw error;
  return values.filter((unit) => unit instanceof Transaction);
}
