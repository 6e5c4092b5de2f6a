import type { Change, PreparedTransaction, Row, Transaction } from '../../lib/index';
import { computeDigest } from './bank';

/** The effects of a transaction in the bank. */
export interface Content {
  /** SQL that makes the same changes elsewhere. */
  readonly sql: string;
  readonly digest: string;
  /** Inconsistencies that no transaction of the bank can have. */
  readonly wrong: readonly string[];
}

/** Reads a transaction once, from memory or from its spool file. */
export function readContent(tx: Transaction | PreparedTransaction): Content {
  const rows: string[] = [];
  const ids: string[] = [];
  const updates: string[] = [];
  const wrong: string[] = [];
  let count = 0;
  for (const change of tx) {
    if (change.ordinal !== count) wrong.push(`change ${count} of ${tx.xid} has ordinal ${change.ordinal}`);
    count++;
    if (change.kind === 'insert' && change.table === 'ledger') {
      rows.push(ledgerRow(change.new));
      ids.push(String(change.new['id']));
      if (Number(change.new['xid']) !== tx.xid) wrong.push(`${tx.xid} has a row of ${String(change.new['xid'])}`);
    } else updates.push(update(change));
  }
  if (count !== tx.size) wrong.push(`${tx.xid} has ${count} changes, and a size of ${tx.size}`);
  const inserts = rows.length > 0 ? `INSERT INTO ledger VALUES ${rows.join(', ')};` : '';
  return { sql: `${updates.join(' ')} ${inserts}`, digest: computeDigest(ids), wrong };
}

/** Add the difference instead of setting the new balance, so that a change applied twice is detected. */
function update(change: Change): string {
  if (change.kind !== 'update' || change.table !== 'accounts' || !change.old) {
    throw new Error(`The bank does nothing of this kind: ${JSON.stringify(change)}`);
  }
  const by = BigInt(String(change.new['balance'])) - BigInt(String(change.old['balance']));
  return `UPDATE accounts SET balance = balance + ${by} WHERE id = ${Number(change.new['id'])};`;
}

function ledgerRow({ id, xid, debit, credit, amount, note }: Row): string {
  return `(${literal(id)}, ${Number(xid)}, ${Number(debit)}, ${Number(credit)}, ${Number(amount)}, ${literal(note)})`;
}

export function literal(value: unknown): string {
  return `'${String(value).replaceAll("'", "''")}'`;
}
