import type { TestDatabase } from '../support/server';
import { DIGESTS, LEDGER_ROW } from './bank';
import type { Scene } from './scene';

/** What came of it all: the source against what its consumers have. */
export interface ChaosSummary {
  /** Transactions with a row in the source's ledger, and all its rows. */
  readonly committed: number;
  readonly rows: number;
  /** Rows of the source that the exactly-once store has not, and transactions that a consumer never was done with. */
  readonly losses: number;
  /** Rows that the exactly-once store has more than once. */
  readonly duplicates: number;
  /** Rows, transactions and balances that the source knows nothing of. */
  readonly strangers: number;
  /** Units that the store did not take in the order of their ends. */
  readonly disorder: number;
  /** Transactions that a consumer has with other rows than the source, or in another order. */
  readonly altered: number;
  /** Prepared transactions that a consumer has without an end, or has ended without a beginning. */
  readonly unended: number;
}

export async function summarize({ source, store, consumers }: Scene): Promise<ChaosSummary> {
  const truth = new Set(await texts(source, `SELECT ${LEDGER_ROW} AS text FROM ledger`));
  const rows = await texts(store, `SELECT ${LEDGER_ROW} AS text FROM ledger`);
  const stored = new Set(rows);
  const committed = new Set(await texts(source, 'SELECT DISTINCT xid::text AS text FROM ledger'));
  const balances = `SELECT id || ': ' || balance AS text FROM accounts`;
  const accounts = new Set(await texts(source, balances));
  const disorder = await texts(
    store,
    `SELECT '' AS text FROM (SELECT end_lsn <= lag(end_lsn) OVER (ORDER BY seq) AS bad FROM applied) a WHERE bad`,
  );

  const twice = await texts(store, `SELECT '' AS text FROM applied GROUP BY end_lsn HAVING count(*) > 1`);
  const open = await texts(store, 'SELECT gid AS text FROM prepared UNION ALL SELECT gid FROM unprepared');

  let losses = missing(truth, stored);
  let strangers = missing(stored, truth) + missing(await texts(store, balances), accounts);
  const digests = await digestsOf(source);
  let altered = countAltered(digests, await digestsOf(store));
  let unended = open.length;
  for (const { store: own, checker } of consumers) {
    // A process may have been killed before it could tell what it had stored.
    const done = own
      ? await digestsOf(own)
      : new Map([...checker.digests].map(([xid, digest]) => [String(xid), digest]));
    losses += missing(committed, new Set(done.keys()));
    strangers += missing(done.keys(), committed);
    if (own) continue;
    altered += countAltered(digests, done);
    unended += checker.open.length;
  }
  return {
    committed: committed.size,
    rows: truth.size,
    losses,
    duplicates: rows.length - stored.size + twice.length,
    strangers,
    disorder: disorder.length,
    altered,
    unended,
  };
}

async function digestsOf(database: TestDatabase): Promise<Map<string, string>> {
  const rows = await database.query<{ xid: string; digest: string }>(DIGESTS);
  return new Map(rows.map(({ xid, digest }) => [xid, digest]));
}

function countAltered(truth: ReadonlyMap<string, string>, digests: ReadonlyMap<string, string>): number {
  return [...digests].filter(([xid, digest]) => truth.has(xid) && truth.get(xid) !== digest).length;
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
