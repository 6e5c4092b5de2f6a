import type { TestDatabase } from '../support/server';
import { DIGESTS, LEDGER_ROW } from './bank';
import type { ChaosEnvironment } from './chaos-environment';

/** The overall result: the source compared with the consumers. */
export interface ChaosSummary {
  /** Transactions with a row in the source's ledger, and all its rows. */
  readonly committed: number;
  readonly rows: number;
  /** Rows of the source that are missing in the exactly-once store, and transactions that a consumer never finished. */
  readonly losses: number;
  /** Rows that the exactly-once store has more than once. */
  readonly duplicates: number;
  /** Rows, transactions and balances that the source does not have. */
  readonly strangers: number;
  /** Units that the store did not receive in the order of their end LSNs. */
  readonly disorder: number;
  /** Transactions whose rows, or their order, differ between a consumer and the source. */
  readonly altered: number;
  /** Prepared transactions of a consumer without an end, or with an end and no beginning. */
  readonly unended: number;
}

export async function summarize({ source, store, consumers }: ChaosEnvironment): Promise<ChaosSummary> {
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
  const digests = await fetchDigests(source);
  let altered = countAltered(digests, await fetchDigests(store));
  let unended = open.length;
  for (const { store: own, checker } of consumers) {
    // A process may have been killed after storing and before reporting.
    const done = own
      ? await fetchDigests(own)
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

async function fetchDigests(database: TestDatabase): Promise<Map<string, string>> {
  const rows = await database.query<{ xid: string; digest: string }>(DIGESTS);
  return new Map(rows.map(({ xid, digest }) => [xid, digest]));
}

function countAltered(truth: ReadonlyMap<string, string>, digests: ReadonlyMap<string, string>): number {
  return [...digests].filter(([xid, digest]) => truth.has(xid) && truth.get(xid) !== digest).length;
}

async function texts(database: TestDatabase, sql: string): Promise<string[]> {
  return (await database.query<{ text: string }>(sql)).map(({ text }) => text);
}

/** The number of items of the first set that are not in the second. */
function missing(of: Iterable<string>, among: ReadonlySet<string>): number {
  let count = 0;
  for (const item of of) if (!among.has(item)) count++;
  return count;
}
