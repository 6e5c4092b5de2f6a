/**
 * Reads values of hundreds of MB, as text and in binary, on a separate server. It takes minutes, and some GB of memory:
 *
 *   npm run test:large -- [a regular expression that selects cases by name, as in 'json
 * numeric']
 */
import { firstValueFrom, tap, toArray } from 'rxjs';
import { logicalReplication, stopAtLsn, UndecodedValue } from '../../lib/index';
import { startServer } from '../support/server';
import { TestBed, waitUntil, ofKind } from './support/bed';
import { getPeakRss } from '../support/peak-memory';

const MIB = 2 ** 20;
const TABLES = `CREATE TABLE large (id int PRIMARY KEY, scan bytea, body text, doc json, list text[], flags bool[], amount numeric);
  CREATE PUBLICATION pub FOR TABLE large`;

/** What is written, and the expected result in each format. */
interface Case {
  readonly about: string;
  readonly column: 'scan' | 'body' | 'doc' | 'list' | 'flags' | 'amount';
  readonly sql: string;
  readonly isRead: (value: unknown) => boolean;
  /** The only format in which a server can send it, if there is only one. */
  readonly only?: 'binary';
}

const isBytes = (length: number) => (value: unknown) =>
  Buffer.isBuffer(value) && value.length === length && value[0] === 0x61 && value.at(-1) === 0x61;
const isText = (length: number, character: string) => (value: unknown) =>
  typeof value === 'string' && value.length === length && value.startsWith(character) && value.endsWith(character);
const isUndecoded = (value: unknown): boolean =>
  value instanceof UndecodedValue &&
  value.bytes.length > 200_000_000 &&
  /than .* can|limit|most|maximum/.test(String(value.cause));

const CASES: readonly Case[] = [
  ...[268_435_440, 268_435_444, 400_000_000].map((length): Case => ({
    about: `bytea of ${length} bytes`,
    column: 'scan',
    sql: `decode(repeat('61', ${length}), 'hex')`,
    isRead: isBytes(length),
  })),
  {
    about: 'bytea of 600000000 bytes',
    column: 'scan',
    sql: "convert_to(repeat('a', 600000000), 'UTF8')",
    isRead: isBytes(600_000_000),
    only: 'binary',
  },
  {
    about: 'text of 536870888 characters',
    column: 'body',
    sql: "repeat('a', 536870888)",
    isRead: isText(536_870_888, 'a'),
  },
  { about: 'text of 536870889 characters', column: 'body', sql: "repeat('a', 536870889)", isRead: isUndecoded },
  {
    about: 'text of 200000000 characters of 3 bytes',
    column: 'body',
    sql: "repeat('世', 200000000)",
    isRead: isText(200_000_000, '世'),
  },
  {
    about: 'json of 540000002 bytes',
    column: 'doc',
    sql: `('"' || repeat('a', 540000000) || '"')::json`,
    isRead: isUndecoded,
  },
  {
    about: 'text[] with an element of 540000000 bytes',
    column: 'list',
    sql: "ARRAY[repeat('a', 540000000)]",
    isRead: isUndecoded,
  },
  {
    about: 'bool[] of 110000000 elements',
    column: 'flags',
    sql: 'array_fill(true, ARRAY[110000000])',
    isRead: (value) => Array.isArray(value) && value.length === 110_000_000 && value.at(-1) === true,
  },
  {
    about: 'bool[] of 120000000 elements',
    column: 'flags',
    sql: 'array_fill(true, ARRAY[120000000])',
    isRead: isUndecoded,
  },
  ...[131_068, 131_069, 131_072].map((digits): Case => ({
    about: `numeric of ${digits} digits`,
    column: 'amount',
    sql: `repeat('9', ${digits})::numeric`,
    isRead: isText(digits, '9'),
  })),
];

async function main(): Promise<void> {
  // On a busy machine, a server decodes such a value for minutes, and in that time neither sends nor reads.
  const server = await startServer({ settings: { wal_sender_timeout: '0' } });
  const bed = await TestBed.make('large', TABLES, server);
  try {
    console.log(server.description);
    const chosen = new RegExp(process.argv[2] ?? '');
    for (const [id, { about, column, sql, isRead, only }] of CASES.entries()) {
      if (!chosen.test(about)) continue;
      const slots = { text: only ? undefined : await bed.slot(), binary: await bed.slot() };
      await bed.sql(`INSERT INTO large (id, ${column}) VALUES (${id}, ${sql})`);
      await bed.sql('TRUNCATE large');
      for (const [format, slot] of Object.entries(slots)) {
        if (!slot) continue;
        const started = performance.now();
        const value = await read(bed, slot, format === 'binary', column);
        const seconds = ((performance.now() - started) / 1000).toFixed(1);
        const isFine = isRead(value);
        const peak = Math.round(getPeakRss() / 1024 ** 2);
        console.log(`${isFine ? 'ok' : 'NOT READ'}: ${about}, ${format}, ${seconds} s, peak of ${peak} MiB`);
        if (!isFine) {
          console.error(value);
          process.exitCode = 1;
        }
      }
    }
    console.log(`At the end ${Math.round(process.memoryUsage().rss / MIB)} MiB`);
  } finally {
    await bed.drop();
    await server.dispose();
  }
}

/** The value, undecoded if it cannot be decoded; or the error that ended the stream. */
async function read(bed: TestBed, slot: string, binary: boolean, column: string): Promise<unknown> {
  const end = await bed.position();
  const source = logicalReplication({ ...bed.config(slot), binary, onDecodeError: 'deliver', livenessTimeout: 0 });
  try {
    const messages = await firstValueFrom(
      source.pipe(
        stopAtLsn(end),
        tap((message) => message.ack()),
        toArray(),
      ),
    );
    const [insert] = ofKind(messages, 'insert');
    return insert?.new[column];
  } catch (error) {
    return error;
  } finally {
    await waitUntil(
      () => bed.sql('SELECT FROM pg_replication_slots WHERE slot_name = $1 AND active', [slot]),
      (rows) => rows.length === 0,
      600_000,
    );
    await bed.sql('SELECT pg_drop_replication_slot($1)', [slot]);
  }
}

void main();
