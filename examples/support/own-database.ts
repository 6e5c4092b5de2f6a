import { Client } from 'pg';
import { lastValueFrom, tap, type Observable } from 'rxjs';
import {
  ackAfter,
  formatLsn,
  identifySystem,
  logicalReplication,
  stopOn,
  transactions,
  type CloseInfo,
  type OpenInfo,
} from 'rxjs-pg-replication';
import { colors } from './colors';
import { count, showTransaction } from './show-transaction';

/** The stream of an existing database. */
export interface Target {
  readonly url: string;
  readonly slot: string;
  readonly publication: string;
  /** The tables of the publication to create, such as `billing.invoices`. */
  readonly tables: readonly string[];
}

/** Streams a database until `stop` emits, then prints the confirmed position. */
export async function streamOwnDatabase(target: Target, stop: Observable<unknown>): Promise<void> {
  const { url, slot, publication, tables } = target;
  const seen = { transactions: 0, changes: 0 };
  // Invalid options fail here, before anything is created.
  const messages$ = logicalReplication({
    connection: url,
    slot,
    publications: [publication],
    messages: true,
    ensureSlot: true,
    openObserver: { next: (info) => printOpened(info, publication) },
    closeObserver: { next: (info) => printClosed(info, seen, slot) },
  });
  // A connection that fails ends here, with the library's error.
  await lastValueFrom(identifySystem({ connection: url }));
  if (tables.length > 0) await ensurePublication(target);

  const shown$ = messages$.pipe(
    stopOn(stop),
    transactions(),
    tap((tx) => {
      seen.transactions += 1;
      seen.changes += tx.size;
    }),
    ackAfter((tx) => {
      console.log(`${showTransaction(tx)}\n`);
    }),
  );
  await lastValueFrom(shown$, { defaultValue: undefined });
}

/** The publication must exist before the slot, because decoding reads the catalog as it was at each change. */
async function ensurePublication(target: Target): Promise<void> {
  const { url, publication, tables } = target;
  const client = new Client(url);
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT FROM pg_publication WHERE pubname = $1', [publication]);
    const name = client.escapeIdentifier(publication);
    if (rowCount) {
      const missing = await tablesOutside(client, target);
      console.log(`Publication ${publication} is there already and is used as it is.`);
      if (missing.length > 0) {
        console.log(colors.yellow(`It does not have ${missing.join(', ')}. To add what is missing:`));
        console.log(colors.dim(`  ALTER PUBLICATION ${name} ADD TABLE ${quoteTables(client, missing)};`));
      }
      return;
    }
    await client.query(`CREATE PUBLICATION ${name} FOR TABLE ${quoteTables(client, tables)}`);
    console.log(`Made publication ${publication} for ${tables.join(', ')}.`);
  } finally {
    await client.end();
  }
}

async function tablesOutside(client: Client, { publication, tables }: Target): Promise<string[]> {
  const { rows } = await client.query<{ schemaname: string; tablename: string }>(
    'SELECT schemaname, tablename FROM pg_publication_tables WHERE pubname = $1',
    [publication],
  );
  const published = new Set(rows.map(({ schemaname, tablename }) => `${schemaname}.${tablename}`));
  return tables.filter((table) => !published.has(table.includes('.') ? table : `public.${table}`));
}

function quoteTables(client: Client, tables: readonly string[]): string {
  const names = tables.map((table) => table.split('.').map((part) => client.escapeIdentifier(part)));
  return names.map((parts) => parts.join('.')).join(', ');
}

function printOpened({ serverVersion, database, slot, slotCreated }: OpenInfo, publication: string): void {
  const release = `${Math.floor(serverVersion / 10_000)}.${serverVersion % 10_000}`;
  const where = slot.confirmedFlushLsn === undefined ? 'nowhere' : formatLsn(slot.confirmedFlushLsn);
  console.log(`PostgreSQL ${release}, database ${database ?? '?'}, publication ${publication}.`);
  console.log(
    slotCreated ? `Made slot ${slot.name}; it begins at ${where}.` : `Slot ${slot.name} goes on from ${where}.`,
  );
  console.log(colors.dim('Waiting for commits. Ctrl-C stops.\n'));
}

function printClosed(
  { confirmedLsn, error }: CloseInfo,
  seen: { readonly transactions: number; readonly changes: number },
  slot: string,
): void {
  console.log(
    `${error ? 'Ended' : 'Stopped'} after ${count(seen.transactions, 'transaction')}, ${count(seen.changes, 'change')}.`,
  );
  console.log(
    confirmedLsn > 0n ? `Confirmed up to ${colors.cyan(formatLsn(confirmedLsn))}.` : 'Nothing was confirmed.',
  );
  console.log(`Slot ${slot} stays, and the server keeps WAL for it until you come back. If nobody will:`);
  console.log(colors.dim(`  SELECT pg_drop_replication_slot('${slot}');`));
}
