import { Delivery, type Acknowledgeable } from '../../ledger/acknowledgement';
import { getFailure, type FailedTransaction } from '../../ledger/failure';
import { formatLsn, type Lsn } from '../../common/lsn';
import { Message } from '../../pgoutput/messages/message';
import { toItems, type AckTarget } from './ack-target';
import { Transaction } from '../transactions/transaction';

/**
 * The transactions whose work in `ackAfter` failed with this error: for logs, for alarms, or to
 * store them elsewhere. Usually one; several where the work takes arrays. Empty for every other error, and where the input
 * is not a message (after a `map`).
 *
 * The error itself is what the work has thrown, unchanged. An error that cannot carry a property, such as text or a frozen
 * object, is known only until the next such error.
 *
 * @param error as an `error` callback, `catchError` or `retryable` receives it
 * @example
 * logicalReplication(config)
 *   .pipe(transactions(), ackAfter(save))
 *   .subscribe({
 *     error: (error) => {
 *       for (const { xid, commitLsn, tables } of failedTransactions(error)) console.error(xid, commitLsn, tables);
 *       throw error;
 *     },
 *   });
 */
export function failedTransactions(error: unknown): readonly FailedTransaction[] {
  return getFailure(error)?.transactions ?? [];
}

/** Lists the transactions of a work's input. Changes of one transaction count as one. */
export function listTransactions(value: AckTarget): readonly FailedTransaction[] {
  const found = new Map<string, { xid: number | undefined; commitLsn: Lsn | undefined; tables: Set<string> }>();
  for (const item of toItems(value)) {
    if (!(item instanceof Message)) continue;
    const xid = getXid(item);
    const commitLsn = findLsn(item);
    const key = `${String(commitLsn)} ${commitLsn === undefined ? String(xid) : ''}`;
    const transaction = found.get(key) ?? { xid, commitLsn, tables: new Set<string>() };
    found.set(key, transaction);
    for (const table of listTables(item)) transaction.tables.add(table);
  }
  return [...found.values()].map(({ tables, ...transaction }) => ({ ...transaction, tables: [...tables] }));
}

/** The most tables that {@link describeTransaction} names. */
const TABLES = 5;

/** Describes a transaction in a sentence about an error: `transaction 731 at 0/16B6C50 (orders, customers)`. */
export function describeTransaction({ xid, commitLsn, tables }: FailedTransaction): string {
  const id = xid === undefined ? '' : ` ${xid}`;
  const place = commitLsn === undefined ? '' : ` at ${formatLsn(commitLsn)}`;
  const more = tables.length > TABLES ? ' …' : '';
  return `transaction${id}${place}${tables.length > 0 ? ` (${tables.slice(0, TABLES).join(', ')}${more})` : ''}`;
}

function getXid(item: Acknowledgeable & object): number | undefined {
  if ('xid' in item && typeof item.xid === 'number') return item.xid;
  return item instanceof Delivery ? Delivery.getHandle(item)?.xid : undefined;
}

/** The members that tell the position of a message, the most precise one first. */
const LSNS = ['commitLsn', 'prepareLsn', 'lsn', 'endLsn', 'dataStart'];

function findLsn(item: object): Lsn | undefined {
  for (const name of LSNS) {
    const lsn: unknown = Reflect.get(item, name);
    if (typeof lsn === 'bigint') return lsn;
  }
  return undefined;
}

function listTables(item: object): readonly string[] {
  if ('tables' in item && Array.isArray(item.tables)) return item.tables.map(String);
  if ('table' in item && typeof item.table === 'string') return [item.table];
  return Transaction.tablesOf(item);
}
