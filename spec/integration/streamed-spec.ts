import type { Client } from 'pg';
import { TestBed } from './support/bed';
import { insert, Live, MANY, read, TABLES, tick, WHOLE } from './support/streamed';

let bed: TestBed;
let a: Client;
let b: Client;
let c: Client;

beforeAll(async () => {
  bed = await TestBed.make(
    'streamed',
    `${TABLES}
     CREATE TABLE docs (id int PRIMARY KEY, title text, body text);
     ALTER TABLE docs ALTER body SET STORAGE EXTERNAL;
     CREATE TABLE full_docs (LIKE docs INCLUDING STORAGE);
     ALTER TABLE full_docs REPLICA IDENTITY FULL;
     CREATE TABLE pile (id int);`,
  );
  [a, b, c] = [await bed.database.client(), await bed.database.client(), await bed.database.client()];
});

afterEach(async () => {
  Live.end();
  await bed.sql('TRUNCATE rows, docs, full_docs, pile');
});

afterAll(() => bed.drop());

/** Two large interleaved transactions, with small ones and a large rolled-back one between them. */
async function interleaved(step: () => Promise<void>): Promise<void> {
  for (const client of [a, b, c]) await client.query('BEGIN');
  await a.query(insert(1));
  await b.query(insert(10_001));
  await step();
  await bed.sql(`INSERT INTO rows VALUES (-1, 'between the blocks')`);
  await a.query(`INSERT INTO docs SELECT g, g::text, repeat('x', 9000) FROM generate_series(1, 20) g`);
  await a.query('INSERT INTO full_docs SELECT * FROM docs');
  await c.query(insert(20_001));
  await b.query(`UPDATE rows SET id = id + 1000, v = 'moved' WHERE id BETWEEN 10001 AND 10300`);
  await step();
  await bed.transaction(
    `SELECT pg_logical_emit_message(true, 'small', 'm')`,
    `UPDATE rows SET v = 'again' WHERE id = -1`,
  );
  await a.query(`SELECT pg_logical_emit_message(true, 'a', 'inside')`);
  await a.query(`SELECT pg_logical_emit_message(false, 'a', 'outside')`);
  // Their bodies are unchanged TOAST values.
  await a.query(`UPDATE docs SET title = 'new'`);
  await a.query(`UPDATE full_docs SET title = 'new'`);
  await c.query(insert(30_001));
  await step();
  await c.query('ROLLBACK');
  await a.query(`DELETE FROM rows WHERE id BETWEEN 1 AND ${MANY}`);
  await a.query('DELETE FROM full_docs WHERE id > 10');
  await b.query(insert(12_001));
  await b.query('COMMIT');
  await a.query(`INSERT INTO pile SELECT g FROM generate_series(1, ${MANY}) g`);
  await a.query('TRUNCATE pile, full_docs');
  await step();
  await a.query(insert(14_001));
  await a.query('COMMIT');
  await step();
}

describe.each([false, true])('with messages: %s', (messages) => {
  it('transactions are the same, however they are sent', async () => {
    const slot = await bed.slot();
    const config = { messages };
    const lives = await Live.inAllWays(bed, { config });
    await interleaved(() => tick(bed, lives));

    const whole = await read(bed, slot, WHOLE, await bed.position(), { config });
    const large = whole.transactions.map(({ size }) => size).filter((size) => size > 2);
    expect(large).toEqual([2 * MANY + 300, 4 * MANY + 91 + Number(messages)]);
    expect(whole.counts['streamStart']).toBeUndefined();
    for (const { counts, aborted, transactions } of lives) {
      // In several blocks each.
      expect(aborted).toHaveLength(1);
      expect(counts['streamCommit']).toBeGreaterThanOrEqual(2);
      expect(counts['streamStart']).toBeGreaterThan(8);
      expect(transactions).toStrictEqual(whole.transactions);
    }
  });
});
