import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from 'pg';
import type { TestDatabase } from '../../spec/support/server';

/** The tables of the demo. The server sends old rows of `orders`, and stores long notes of `customers` with TOAST. */
export const SHOP = `
  CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, email text, notes text);
  ALTER TABLE customers ALTER COLUMN notes SET STORAGE EXTERNAL;
  CREATE TABLE orders (
    id int PRIMARY KEY, customer text NOT NULL, total numeric(8,2), status text DEFAULT 'new', tags text[]
  );
  ALTER TABLE orders REPLICA IDENTITY FULL;
  CREATE PUBLICATION shop FOR TABLE customers, orders;`;

const LONG_NOTE = 'Likes her parcels left with the neighbours, unless it rains. '.repeat(150);

const ROLLBACK = 'ROLLBACK';

/** The transactions of one writer, one per line. */
type Script = readonly (readonly string[])[];

const TILL: Script = [
  [
    `INSERT INTO orders VALUES (1, 'Ada', 12.50, DEFAULT, '{gift}')`,
    `INSERT INTO orders VALUES (2, 'Grace', 240, DEFAULT, '{bulk,express}')`,
    `INSERT INTO orders VALUES (3, 'Katherine', 7.25)`,
  ],
  [`UPDATE orders SET status = 'paid' WHERE id = 1`],
  [`UPDATE orders SET status = 'paid', total = 216.00 WHERE id = 2`, `DELETE FROM orders WHERE id = 3`],
  [`UPDATE orders SET status = 'sent', tags = tags || '{tracked}' WHERE id < 3`],
];

const OFFICE: Script = [
  [
    `INSERT INTO customers VALUES (1, 'Ada', 'ada@example.org', '${LONG_NOTE}')`,
    `INSERT INTO customers VALUES (2, 'Grace', NULL, NULL)`,
  ],
  // The long note is unchanged, so the server does not send it.
  [`UPDATE customers SET email = 'lovelace@example.org' WHERE id = 1`],
  [`UPDATE customers SET email = 'grace@example.org' WHERE id = 2`, `UPDATE customers SET id = 20 WHERE id = 2`],
  // This change is rolled back, so the server does not send it.
  [`DELETE FROM customers`, ROLLBACK],
  [`DELETE FROM customers WHERE id = 20`],
];

const IMPORT: Script = [
  [
    `SELECT pg_logical_emit_message(true, 'import', 'orders.csv, 200 lines')`,
    `INSERT INTO orders SELECT 1000 + n, 'import', n * 1.5, 'imported' FROM generate_series(1, 200) AS n`,
  ],
  [`DELETE FROM orders WHERE id BETWEEN 1001 AND 1003`],
];

const CLOSING_TIME: Script = [
  [`SELECT pg_logical_emit_message(true, 'shop', 'closing time')`, `TRUNCATE orders, customers RESTART IDENTITY`],
];

/** Runs the writers concurrently, and the last one after them. */
export async function write(database: TestDatabase): Promise<void> {
  const writers = await Promise.all(
    [TILL, OFFICE, IMPORT].map(async (script) => play(await database.client(), script)),
  );
  const [last] = writers;
  if (last) await play(last, CLOSING_TIME);
}

export const WRITERS = 3;

async function play(client: Client, script: Script): Promise<Client> {
  for (const statements of script) {
    await client.query('BEGIN');
    for (const statement of statements) {
      await client.query(statement);
      await delay(Math.random() * 8);
    }
    if (statements.at(-1) !== ROLLBACK) await client.query('COMMIT');
  }
  return client;
}
