/**
 * Runs an example against a database in which something changes:
 *
 *   npm run example minimal
 *
 * The database is on the server of DATABASE_URL (as a superuser), or on one that is started for the example. It is dropped at
 * the end. STORE_URL is a second, empty database, for examples that store what they read.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { constants } from 'node:os';
import { join, resolve } from 'node:path';
import { colors } from './colors';
import { explain } from './explain';
import { interrupts } from './interrupt';
import { openDatabase, type ExampleDatabase } from './postgres';

const EXAMPLES = resolve(__dirname, '..');
const names = readdirSync(EXAMPLES)
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -'.ts'.length));

const SETUP = `
  CREATE TABLE orders (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer text, total numeric(8,2), paid boolean);
  CREATE PUBLICATION example FOR TABLE orders;`;

const WRITES = [
  `INSERT INTO orders (customer, total, paid) VALUES ('Ada', 12.50, false), ('Grace', 240, false)`,
  `UPDATE orders SET paid = true WHERE customer = 'Ada'`,
  `DELETE FROM orders WHERE customer = 'Grace'`,
];
/** The time in ms between two writes. */
const PAUSE = 700;

async function main([asked = '', ...args]: string[]): Promise<number> {
  const name = asked.replace(/^examples\//, '').replace(/\.ts$/, '');
  if (!names.includes(name)) {
    if (name) console.error(`There is no example "${name}".`);
    console.error(`npm run example <name>, where <name> is one of:\n  ${names.join('\n  ')}`);
    return 2;
  }
  // The example starts a server itself.
  if (name === 'quickstart') return run(name, args);

  // On stderr: the output of the example may be piped.
  const announce = (text: string): void => {
    if (!process.env['DATABASE_URL']) console.error(colors.dim(text));
  };
  announce('Starting PostgreSQL …');
  const database = await openDatabase(SETUP);
  try {
    announce(`${database.url} is gone again at the end. Ctrl-C ends the example.\n`);
    const store = name === 'exactly-once' ? await database.another() : undefined;
    // Slot names are unique on the whole server, so a slot of another database may have the name.
    await database.query(`SELECT pg_create_logical_replication_slot('example', 'pgoutput')`);
    for (const sql of WRITES) await database.query(sql);
    const writer = setInterval(() => void writeMore(database), PAUSE);
    const urls = { DATABASE_URL: database.url, ...(store && { STORE_URL: store.url }) };
    return await run(name, args, urls).finally(() => clearInterval(writer));
  } finally {
    await database.close();
  }
}

/** @returns the example's exit status */
async function run(name: string, args: readonly string[], urls: NodeJS.ProcessEnv = {}): Promise<number> {
  // The example has its own process group, so Ctrl-C in the terminal reaches it once, from here.
  const child = spawn(process.execPath, [...process.execArgv, join(EXAMPLES, `${name}.ts`), ...args], {
    stdio: 'inherit',
    detached: true,
    env: { ...process.env, ...urls },
  });
  let passedOn = false;
  const interruption = interrupts().subscribe((signal) => {
    if (!passedOn) child.kill(signal);
    passedOn = true;
  });
  const [status, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  interruption.unsubscribe();
  return status ?? 128 + (signal ? constants.signals[signal] : 0);
}

let written = 0;

async function writeMore(database: ExampleDatabase): Promise<void> {
  const sql = WRITES[written++ % WRITES.length];
  // The database may be dropped at this moment.
  if (sql) await database.query(sql).catch(() => undefined);
}

main(process.argv.slice(2))
  .then((status) => process.exit(status))
  .catch((error: unknown) => {
    explain(error);
    process.exitCode = 1;
  });
