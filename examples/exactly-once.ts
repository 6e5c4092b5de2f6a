/**
 * Copies the table orders into another database, each transaction exactly once: rows and position are stored in one
 * transaction. It can be killed and restarted at any time.
 *
 * The database at DATABASE_URL must have a table `orders`, with the columns of TABLES below, a publication of it and the slot
 * `example`. Rows inserted before the slot was created are not copied.
 *
 *   DATABASE_URL=… STORE_URL=… node --import tsx examples/exactly-once.ts
 */
import { Pool, type PoolClient } from 'pg';
import { fromEvent } from 'rxjs';
import {
  ackAfter,
  logicalReplication,
  parseLsn,
  reconnect,
  stopOn,
  transactions,
  type Change,
  type Checkpoint,
  type Row,
  type Transaction,
} from 'rxjs-pg-replication';

const SLOT = 'example';
const store = new Pool({ connectionString: process.env['STORE_URL'] });
// The pool replaces a lost idle connection at the next query. Without a listener, the error would end the process.
store.on('error', () => undefined);

const TABLES = `
  CREATE TABLE IF NOT EXISTS orders (id int PRIMARY KEY, customer text, total numeric(8,2), paid boolean);
  CREATE TABLE IF NOT EXISTS streams (slot text PRIMARY KEY, checkpoint jsonb)`;

async function prepareStore(): Promise<Checkpoint | undefined> {
  await store.query(TABLES);
  await store.query('INSERT INTO streams (slot) VALUES ($1) ON CONFLICT DO NOTHING', [SLOT]);
  return readCheckpoint(store);
}

async function readCheckpoint(client: Pool | PoolClient, lock = ''): Promise<Checkpoint | undefined> {
  const { rows } = await client.query<{ checkpoint: Checkpoint | null }>(
    `SELECT checkpoint FROM streams WHERE slot = $1 ${lock}`,
    [SLOT],
  );
  return rows[0]?.checkpoint ?? undefined;
}

async function save(tx: Transaction): Promise<void> {
  const client = await store.connect();
  try {
    await client.query('BEGIN');
    // The lock makes a second process wait until this one has stored its last transaction.
    const stored = await readCheckpoint(client, 'FOR UPDATE');
    if (!stored || tx.commitLsn >= parseLsn(stored.endLsn)) {
      for (const change of tx) await apply(client, change);
      await client.query('UPDATE streams SET checkpoint = $2 WHERE slot = $1', [SLOT, tx.checkpoint]);
    }
    await client.query('COMMIT');
    client.release();
  } catch (error) {
    // Closing the connection rolls the transaction back.
    client.release(true);
    throw error;
  }
  if (tx.kind === 'transaction') console.log(`Stored ${tx.size} changes, up to ${tx.checkpoint.endLsn}.`);
}

/** Applies one change. Changes of other tables are ignored. */
async function apply(client: PoolClient, change: Change): Promise<void> {
  if (change.kind === 'message') return;
  if (change.kind === 'truncate') {
    if (change.tables.includes('orders')) await client.query('TRUNCATE orders');
    return;
  }
  if (change.table !== 'orders') return;
  // The key of the old row. With replica identity FULL, this is the complete old row.
  const before = change.kind === 'insert' ? undefined : (change.key ?? change.old)?.['id'];
  if (change.kind === 'delete') await client.query('DELETE FROM orders WHERE id = $1', [before]);
  else await upsert(client, change.new, before);
}

/** An update omits unchanged TOAST values, so only the columns that were sent are written. */
async function upsert(client: PoolClient, row: Row, before: unknown = row['id']): Promise<void> {
  const columns = Object.keys(row).map((name) => client.escapeIdentifier(name));
  const values = columns.map((_, i) => `$${i + 2}`);
  const { rowCount } = await client.query(
    `UPDATE orders SET (${columns.join(', ')}) = ROW (${values.join(', ')}) WHERE id = $1`,
    [before, ...Object.values(row)],
  );
  if (rowCount === 0) {
    await client.query(
      `INSERT INTO orders (${columns.join(', ')}) VALUES (${columns.map((_, i) => `$${i + 1}`).join(', ')})`,
      Object.values(row),
    );
  }
}

logicalReplication({
  connection: process.env['DATABASE_URL'],
  slot: SLOT,
  publications: ['example'],
  startLsn: prepareStore,
})
  .pipe(stopOn(fromEvent(process, 'SIGINT')), transactions(), ackAfter(save), reconnect())
  .subscribe({
    error: (error: unknown) => {
      console.error(error);
      process.exitCode = 1;
      void store.end();
    },
    complete: () => {
      console.log('All that was stored is confirmed.');
      void store.end();
    },
  });
