import { lastValueFrom, tap } from 'rxjs';
import {
  ackAfter,
  formatLsn,
  logicalReplication,
  parseLsn,
  slotStatus,
  stopAtLsn,
  transactions,
  type Lsn,
} from 'rxjs-pg-replication';
import { colors } from './colors';
import { openDatabase, type ExampleDatabase } from './postgres';
import { SHOP, write, WRITERS } from './shop';
import { showTransaction } from './show-transaction';

const SLOT = 'quickstart';
/** A second slot, of the plugin test_decoding, to compare the stream with the server's own output. */
const EXPECTED_SLOT = 'quickstart_expected';

/** The result on the client's side. */
interface Seen {
  transactions: number;
  changes: number;
  lastEndLsn: Lsn;
  /** The flush position of the last status update. */
  lastFlush: Lsn;
  /** The position that closeObserver reports as confirmed. */
  confirmed: Lsn;
}

/**
 * Starts a server, commits to it from several writers, streams the changes, and compares them with the server's own record.
 *
 * @returns whether everything matches
 */
export async function runDemo(): Promise<boolean> {
  console.log(colors.dim('Starting PostgreSQL …'));
  const database = await openDatabase(SHOP);
  try {
    console.log(`${database.server}, gone again at the end.`);
    console.log(`Tables customers and orders, publication shop, slot ${SLOT}.`);
    await createSlots(database);
    await write(database);
    const end = await position(database);
    console.log(`${WRITERS} writers have committed at the same time, up to ${colors.cyan(formatLsn(end))}.`);
    console.log('The slot has kept it all, and here it comes in commit order:\n');
    const seen = await stream(database, end);
    return await compare(database, seen);
  } finally {
    await database.close();
  }
}

async function createSlots(database: ExampleDatabase): Promise<void> {
  await database.query(`SELECT pg_create_logical_replication_slot('${SLOT}', 'pgoutput')`);
  await database.query(`SELECT pg_create_logical_replication_slot('${EXPECTED_SLOT}', 'test_decoding')`);
}

async function position(database: ExampleDatabase): Promise<Lsn> {
  const [row] = await database.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn() AS lsn');
  return parseLsn(row?.lsn ?? '');
}

async function stream(database: ExampleDatabase, end: Lsn): Promise<Seen> {
  const seen: Seen = { transactions: 0, changes: 0, lastEndLsn: 0n, lastFlush: 0n, confirmed: 0n };
  const transactions$ = logicalReplication({
    connection: database.url,
    slot: SLOT,
    publications: ['shop'],
    messages: true,
    statusObserver: { next: ({ confirmedLsn }) => (seen.lastFlush = confirmedLsn) },
    closeObserver: { next: ({ confirmedLsn }) => (seen.confirmed = confirmedLsn) },
  }).pipe(
    stopAtLsn(end),
    transactions(),
    tap((tx) => {
      seen.transactions += 1;
      seen.changes += tx.size;
      seen.lastEndLsn = tx.endLsn;
    }),
    ackAfter((tx) => {
      console.log(`${showTransaction(tx)}\n`);
    }),
  );
  await lastValueFrom(transactions$, { defaultValue: undefined });
  return seen;
}

/** Reads the committed changes and the confirmed position from the server. */
async function compare(database: ExampleDatabase, seen: Seen): Promise<boolean> {
  const [committed] = await database.query<{ transactions: number; changes: number }>(
    `SELECT count(*) FILTER (WHERE data LIKE 'COMMIT%')::int AS transactions,
       count(*) FILTER (WHERE data NOT LIKE 'BEGIN%' AND data NOT LIKE 'COMMIT%')::int AS changes
     FROM pg_logical_slot_get_changes('${EXPECTED_SLOT}', NULL, NULL, 'skip-empty-xacts', '1')`,
  );
  const slot = await lastValueFrom(slotStatus({ connection: database.url, slot: SLOT }));
  const flushed = slot?.confirmedFlushLsn ?? 0n;
  const { transactions = 0, changes = 0 } = committed ?? {};
  const { lastFlush, lastEndLsn, confirmed } = seen;

  console.log(colors.bold('Read back from the server'));
  const checks = [
    check('transactions', transactions === seen.transactions, `${transactions} committed, ${seen.transactions} seen`),
    check('changes', changes === seen.changes, `${changes} committed, ${seen.changes} seen`),
    check(
      'confirmed_flush_lsn',
      flushed === lastFlush && flushed === confirmed && flushed >= lastEndLsn,
      `${formatLsn(flushed)}, last flush sent ${formatLsn(lastFlush)}, last transaction's end ${formatLsn(lastEndLsn)}`,
    ),
    check(`slot ${SLOT}`, slot?.active === false, slot?.active === false ? 'not active' : 'still active, or gone'),
  ];
  const matches = checks.every(Boolean);
  if (matches) console.log(colors.dim('\nNow your own database: npm start -- --help'));
  else console.log(colors.red('\nWhat was seen and what the server says do not match.'));
  return matches;
}

function check(what: string, passed: boolean, found: string): boolean {
  console.log(`  ${passed ? colors.green('✓') : colors.red('✗')} ${what.padEnd(20)} ${found}`);
  return passed;
}
