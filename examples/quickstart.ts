/**
 * Demonstrates the library in a few seconds, after `npm ci`:
 *
 *   npm start
 *
 * With DATABASE_URL it streams an existing database: npm start -- --help
 */
import { parseArgs } from 'node:util';
import { runDemo } from './support/demo';
import { getCode, explain } from './support/explain';
import { interrupts } from './support/interrupt';
import { streamOwnDatabase } from './support/own-database';

const HELP = `npm start
  Starts a temporary PostgreSQL server, commits to it, and streams what was committed.

DATABASE_URL=postgres://user@host/database npm start -- [options]
  Streams that database until Ctrl-C, and confirms what it has printed.

  --tables a,b,s.c     creates the publication for these tables, if it is missing
  --publication name   the publication to stream (quickstart)
  --slot name          the slot to stream from, created if it is missing (quickstart)
  --help               this text

The server needs wal_level = logical, and the user REPLICATION. A slot stays when the program ends.`;

/** Remedies of this program that it shows in addition to the error, by error code. */
const HINTS: Readonly<Record<string, string>> = {
  PUBLICATION_MISSING: 'Or create it here: npm start -- --tables your_table',
  '42P01': 'Name tables as in --tables users,billing.invoices',
};

function readArguments() {
  return parseArgs({
    options: {
      tables: { type: 'string', multiple: true, default: [] },
      publication: { type: 'string', default: 'quickstart' },
      slot: { type: 'string', default: 'quickstart' },
      help: { type: 'boolean', short: 'h', default: false },
    },
    tokens: true,
  });
}

async function main(): Promise<number> {
  let read: ReturnType<typeof readArguments>;
  try {
    read = readArguments();
  } catch (error) {
    explain(error, 'npm start -- --help lists the options.');
    return 2;
  }
  const { values, tokens } = read;
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const url = process.env['DATABASE_URL'];
  if (!url) {
    if (tokens.length === 0) return (await runDemo()) ? 0 : 1;
    explain('Options need a database: set DATABASE_URL to its URI.', 'npm start -- --help lists the options.');
    return 2;
  }
  const tables = values.tables.flatMap((list) => list.split(',')).map((table) => table.trim());
  await streamOwnDatabase({ ...values, url, tables: tables.filter(Boolean) }, interrupts());
  return 0;
}

main()
  .then((status) => (process.exitCode = status))
  .catch((error: unknown) => {
    explain(error, HINTS[getCode(error) ?? '']);
    process.exitCode = 1;
  });
