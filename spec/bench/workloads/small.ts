import type { WorkloadSql } from '../workloads';

/** Six transactions with four inserts, five updates and two deletes in total. */
const ROUNDS = 50_000;

/** W2: a busy application; transactions of one to three changes. */
export function small(scale: number): WorkloadSql {
  const rounds = Math.max(1, Math.round(ROUNDS * scale));
  return {
    name: 'W2',
    title: 'small transactions of inserts, updates and deletes',
    counts: { insert: 4 * rounds, update: 5 * rounds, delete: 2 * rounds },
    transactions: 6 * rounds,
    tables: ['accounts', 'orders', 'entries'],
    schema: `
      CREATE TABLE accounts (id integer PRIMARY KEY, owner text NOT NULL, balance numeric(12, 2) NOT NULL);
      CREATE TABLE orders (
        id bigint PRIMARY KEY, account integer NOT NULL, status text NOT NULL, total numeric(12, 2), placed timestamptz
      );
      CREATE TABLE entries (id bigint PRIMARY KEY, account integer NOT NULL, amount numeric(12, 2), note text);
      INSERT INTO accounts SELECT id, 'owner ' || id, 1000 FROM generate_series(0, 999) AS id`,
    body: `
      DECLARE
        placed timestamptz := '2024-01-01 00:00:00+00';
        first bigint;
      BEGIN
        FOR round IN 0 .. ${rounds - 1} LOOP
          first := round * 3::bigint;
          INSERT INTO orders VALUES (first, round % 1000, 'placed', 10.5, placed);
          COMMIT;
          UPDATE accounts SET balance = balance - 10.5 WHERE id = round % 1000;
          COMMIT;
          DELETE FROM orders WHERE id = first;
          COMMIT;
          INSERT INTO orders VALUES (first + 1, (round + 1) % 1000, 'placed', 20, placed);
          UPDATE accounts SET balance = balance - 20 WHERE id = (round + 1) % 1000;
          COMMIT;
          INSERT INTO orders VALUES (first + 2, (round + 2) % 1000, 'placed', 7.25, placed);
          UPDATE accounts SET balance = balance - 7.25 WHERE id = (round + 2) % 1000;
          INSERT INTO entries VALUES (round, (round + 2) % 1000, -7.25, 'order ' || (first + 2));
          COMMIT;
          UPDATE orders SET status = 'cancelled' WHERE id = first + 1;
          UPDATE accounts SET balance = balance + 20 WHERE id = (round + 1) % 1000;
          DELETE FROM entries WHERE id = round;
          COMMIT;
        END LOOP;
      END`,
  };
}
