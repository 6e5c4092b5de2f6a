import { createHash } from 'node:crypto';

export const ACCOUNTS = 20;
/**
 * The maximum number of prepared transactions at a time. Each uses two accounts of its own, which stay locked until it ends.
 */
export const MAX_PREPARED = 4;
export const OPENING_BALANCE = 1000;
const ALL_ACCOUNTS = ACCOUNTS + 2 * MAX_PREPARED;
export const TOTAL = ALL_ACCOUNTS * OPENING_BALANCE;

/**
 * The tables of the source and of the store. The ledger has no key, so it shows a row that is stored twice; `seq` is the order
 * in which a transaction wrote its rows.
 */
export const TABLES = `
  CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL);
  CREATE TABLE ledger (id text NOT NULL, xid bigint NOT NULL, debit int NOT NULL, credit int NOT NULL,
    amount bigint NOT NULL, note text NOT NULL, seq bigserial);
  INSERT INTO accounts SELECT g, ${OPENING_BALANCE} FROM generate_series(1, ${ALL_ACCOUNTS}) g;`;

/**
 * The server also sends old balances, so a consumer can add the difference. A transaction applied twice then changes the sum.
 */
export const BANK = `${TABLES}
  ALTER TABLE accounts REPLICA IDENTITY FULL;
  CREATE TABLE scratch (id int, pad text);
  CREATE PUBLICATION bank FOR TABLE accounts, ledger;`;

/** The contents of a ledger row, with the same text in the source and the consumers. */
export const LEDGER_ROW = `id || ' ' || xid || ' ' || debit || '>' || credit || ' ' || amount || ' ' || md5(note)`;

/** By transaction: the ids of its rows in order, as a digest of {@link computeDigest}. */
export const DIGESTS = `SELECT xid::text AS xid, count(*) || ' ' || md5(string_agg(id, ',' ORDER BY seq)) AS digest
  FROM ledger GROUP BY xid`;

/** Computes a digest of the ids of a transaction's rows, in order. */
export function computeDigest(ids: readonly string[]): string {
  return `${ids.length} ${createHash('md5').update(ids.join(',')).digest('hex')}`;
}

export interface Transfer {
  readonly id: string;
  readonly debit: number;
  readonly credit: number;
  readonly amount: number;
}

/** SQL of a transfer with its row in the ledger. */
export function move(transfer: Transfer): string {
  const { id, debit, credit, amount } = transfer;
  return `${pay([transfer])}
    INSERT INTO ledger VALUES ('${id}', pg_current_xact_id()::text::bigint, ${debit}, ${credit}, ${amount}, 'transfer');`;
}

/** SQL that writes a transfer to the ledger in this number of rows, without changing a balance. */
export function enter({ id, debit, credit, amount }: Transfer, rows: number): string {
  return `INSERT INTO ledger SELECT '${id}.' || g, pg_current_xact_id()::text::bigint, ${debit}, ${credit}, ${amount},
    repeat('large ', 20) FROM generate_series(1, ${rows}) g;`;
}

/** SQL that changes the balances. All transactions lock accounts in the same order, to avoid deadlocks. */
export function pay(transfers: readonly Omit<Transfer, 'id'>[]): string {
  const changes = new Map<number, number>();
  for (const { debit, credit, amount } of transfers) {
    changes.set(debit, (changes.get(debit) ?? 0) - amount);
    changes.set(credit, (changes.get(credit) ?? 0) + amount);
  }
  return [...changes]
    .sort(([a], [b]) => a - b)
    .map(([id, by]) => `UPDATE accounts SET balance = balance + ${by} WHERE id = ${id};`)
    .join(' ');
}
