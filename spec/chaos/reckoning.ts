import type { TestDatabase } from '../support/server';
import { LEDGER_ROW } from './bank';
import type { Scene } from './scene';

/** What came of it all: the source against what its consumers have. */
export interface Reckoning {
  /** Transactions with a row in the source's ledger, and all its rows. */
  readonly committed: number;
  readonly rows: number;
  /** Rows of the source that the exactly-once store has not, and transactions that a consumer never was done with. */
  readonly losses: number;
  /** Rows that the exactly-once store has more than once. */
  readonly duplicates: number;
  /** Rows, transactions and balances that the source knows nothing of. */
  readonly strangers: number;
  /** Transactions that the store did not take in commit order. */
  readonly disorder: number;
}

export async function reckon({ source, store, consumers }: Scene): Promise<Reckoning> {
  const truth = new Set(await texts(source, `SELECT ${LEDGER_ROW} AS text FROM ledger`));
  const rows = await texts(store, `SELECT ${LEDGER_ROW} AS text FROM ledger`);
  const stored = new Set(rows);
  const committed = new Set(await texts(source, 'SELECT DISTINCT xid::text AS text FROM ledger'));
  const balances = `SELECT id || ': ' || balance AS text FROM accounts`;
  const accounts = new Set(await texts(source, balances));
  const disorder = await texts(
    store,
    `SELECT '' AS text FROM (SELECT commit_lsn <= lag(commit_lsn) OVER (ORDER BY seq) AS bad FROM applied) a WHERE bad`,
  );

  let losses = missing(truth, stored);
  let strangers = missing(stored, truth) + missing(await texts(store, balances), accounts);
  for (const consumer of consumers) {
    // A process may have been killed before it could tell what it had stored.
    const done = consumer.store
      ? new Set(await texts(store, 'SELECT xid::text AS text FROM applied'))
      : new Set([...consumer.witness.done].map(String));
    losses += missing(committed, done);
    strangers += missing(done, committed);
  }
  return {
    committed: committed.size,
    rows: truth.size,
    losses,
    duplicates: rows.length - stored.size,
    strangers,
    disorder: disorder.length,
  };
}

async function texts(database: TestDatabase, sql: string): Promise<string[]> {
  return (await database.query<{ text: string }>(sql)).map(({ text }) => text);
}

/** How many of the ones are not among the others. */
function missing(of: Iterable<string>, among: ReadonlySet<string>): number {
  let count = 0;
  for (const item of of) if (!among.has(item)) count++;
  return count;
}
