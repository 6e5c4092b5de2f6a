import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import type { Client } from 'pg';
import type { Reading, Word } from './support/streamed-many-reader';
import { connectionOf, STREAMED } from './support/streamed';
import { MB, VOLUME_TABLES } from './support/streamed-volume';
import { TestBed } from './support/bed';

const TRANSACTIONS = 40;
const ROUNDS = 3;
/** Of 1 kB each. */
const ROWS_IN_A_ROUND = 1000;
/** A fraction of the size of all transactions together, 120 MB, which is the memory needed without spooling. */
const MOST = 90 * MB;

let bed: TestBed;

beforeAll(async () => {
  bed = await TestBed.make('many', VOLUME_TABLES);
});

afterAll(() => bed.drop());

it(`${TRANSACTIONS} open transactions of 3 MB take the memory of one, and are read whole`, async () => {
  const config = { ...bed.config(await bed.slot()), connection: connectionOf(bed, STREAMED), streaming: 'on' };
  const program = join(__dirname, 'support/streamed-many-reader.ts');
  const args = ['--import', 'tsx', program, String(TRANSACTIONS), JSON.stringify(config)];
  const child = spawn(process.execPath, args, {
    cwd: resolve(__dirname, '../..'),
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const exited = once(child, 'exit');
  const said = async (event: Word['event']): Promise<Word> => {
    const [word] = (await Promise.race([once(child, 'message'), exited])) as [Word | number | null];
    if (typeof word !== 'object' || word?.event !== event) throw new Error(`The reader ended before ${event}`);
    return word;
  };
  await said('open');
  const clients: Client[] = [];
  for (let i = 0; i < TRANSACTIONS; i++) {
    const client = await bed.database.client();
    await client.query('BEGIN');
    clients.push(client);
  }
  for (let round = 0; round < ROUNDS; round++) {
    const from = round * ROWS_IN_A_ROUND;
    for (const client of clients) {
      await client.query(
        `INSERT INTO big SELECT g, repeat('x', 1000) FROM generate_series(${from + 1}, ${from + ROWS_IN_A_ROUND}) g`,
      );
    }
  }
  // The server keeps the last part of each until there is more, but has sent nearly everything.
  child.send(TRANSACTIONS * ROUNDS * ROWS_IN_A_ROUND * 0.9);
  await said('gathered');
  for (const client of clients) await client.query('COMMIT');
  const { rows, baseline, peak } = (await said('read')) as Reading & Word;
  await exited;
  process.stdout.write(`${Math.round(baseline / MB)} MB of memory at first, ${Math.round(peak / MB)} MB at most\n`);
  expect(rows).toEqual(Array.from({ length: TRANSACTIONS }, () => ROUNDS * ROWS_IN_A_ROUND));
  expect(peak - baseline).toBeLessThan(MOST);
}, 120_000);
