/**
 * Copies the table orders into another database, every transaction exactly once: its rows and the position behind it are
 * stored together, or not at all. Kill it at any moment and start it again.
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
  type Transaction,
} from 'rxjs-pg-replication';

const SLOT = 'example';
const store = new Pool({ connectionString: process.env['STORE_URL'] });

const TABLES = `
  CREATE TABLE IF NOT EXISTS orders (id int PRIMARY KEY, customer text, total numeric(8,2), paid boolean);
  CREATE TABLE IF NOT EXISTS streams (slot text PRIMARY KEY, checkpoint jsonb)`;

async function load(): Promise<Checkpoint | undefined> {
  await store.query(TABLES);
  await store.query('INSERT INTO streams (slot) VALUES ($1) ON CONFLICT DO NOTHING', [SLOT]);
  return checkpointIn(store);
}

async function checkpointIn(client: Pool | PoolClient, lock = ''): Promise<Checkpoint | undefined> {
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
    // The lock keeps out a process that was started while this one still stores its last transaction.
    const stored = await checkpointIn(client, 'FOR UPDATE');
    if (!stored || tx.commitLsn >= parseLsn(stored.endLsn)) {
      for (const change of tx) await apply(client, change);
      await client.query('UPDATE streams SET checkpoint = $2 WHERE slot = $1', [SLOT, tx.checkpoint]);
    }
    await client.query('COMMIT');
    client.release();
  } catch (error) {
    // Closes the connection, which rolls back.
    client.release(true);
    throw error;
  }
  if (tx.kind === 'transaction') console.log(`Stored ${tx.size} changes, up to ${tx.checkpoint.endLsn}.`);
}

async function apply(client: PoolClient, change: Change): Promise<void> {
  if (change.kind === 'insert' || change.kind === 'update') {
    const { id, customer, total, paid } = change.new;
    // An update that changes the key leaves no row behind under the old one.
    if (change.kind === 'update' && change.key)
      await client.query('DELETE FROM orders WHERE id = $1', [change.key['id']]);
    await client.query(
      `INSERT INTO orders VALUES ($1, $2, $3, $4)
       ON CONFLICT (id) DO UPDATE SET customer = EXCLUDED.customer, total = EXCLUDED.total, paid = EXCLUDED.paid`,
      [id, customer, total, paid],
    );
  } else if (change.kind === 'delete') {
    await client.query('DELETE FROM orders WHERE id = $1', [change.key?.['id']]);
  } else if (change.kind === 'truncate') {
    await client.query('TRUNCATE orders');
  }
}

logicalReplication({
  connection: process.env['DATABASE_URL'],
  slot: SLOT,
  publications: ['example'],
  startLsn: load,
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
