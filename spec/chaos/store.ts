import { Client } from 'pg';
import type { Change, Checkpoint, Row, Transaction } from '../../lib/index';
import { TABLES } from './bank';

/** What an exactly-once store starts with: the bank's tables, where the stream stands, and what was applied. */
export const STORE = `${TABLES}
  CREATE TABLE progress (checkpoint text);
  INSERT INTO progress VALUES (NULL);
  CREATE TABLE applied (seq bigserial PRIMARY KEY, commit_lsn bigint, xid bigint, size int);`;

/** Data and position in one database, and in one transaction. */
export class Store {
  readonly #writing: Client;
  readonly #reading: Client;

  private constructor(writing: Client, reading: Client) {
    this.#writing = writing;
    this.#reading = reading;
  }

  /**
   * Waits for whoever holds the store: of a process that was killed, the server may still work on its last transaction.
   */
  static async open(url: string): Promise<Store> {
    const [writing, reading] = [new Client(url), new Client(url)];
    await Promise.all([writing.connect(), reading.connect()]);
    await writing.query('SELECT pg_advisory_lock(1)');
    return new Store(writing, reading);
  }

  async checkpoint(): Promise<Checkpoint | null> {
    const { rows } = await this.#reading.query<{ checkpoint: string | null }>('SELECT checkpoint FROM progress');
    const stored = rows[0]?.checkpoint ?? null;
    return stored === null ? null : (JSON.parse(stored) as Checkpoint);
  }

  async apply(tx: Transaction): Promise<void> {
    const applied = `INSERT INTO applied (commit_lsn, xid, size) VALUES (${tx.commitLsn}, ${tx.xid}, ${tx.size});`;
    await this.#writing.query(`BEGIN;
      ${tx.kind === 'progress' ? '' : statements(tx) + applied}
      UPDATE progress SET checkpoint = ${literal(JSON.stringify(tx.checkpoint))};
      COMMIT;`);
  }
}

function statements(tx: Transaction): string {
  const rows: string[] = [];
  const updates: string[] = [];
  for (const change of tx) {
    if (change.kind === 'insert' && change.table === 'ledger') rows.push(ledgerRow(change.new));
    else updates.push(update(change));
  }
  return `${updates.join(' ')} ${rows.length > 0 ? `INSERT INTO ledger VALUES ${rows.join(', ')};` : ''}`;
}

/** The difference, not the new balance: what is applied twice must show. */
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

function literal(value: unknown): string {
  return `'${String(value).replaceAll("'", "''")}'`;
}
