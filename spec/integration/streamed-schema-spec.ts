import type { Client } from 'pg';
import { TestBed } from './support/bed';
import { insert, Live, MANY, read, TABLES, tick, WHOLE, type Reading } from './support/streamed';

let bed: TestBed;
let a: Client;

beforeAll(async () => {
  bed = await TestBed.make('shapes', TABLES);
  a = await bed.database.client();
});

afterEach(async () => {
  Live.end();
  await a.query('ROLLBACK');
  await bed.sql('DROP TABLE rows');
  await bed.sql('CREATE TABLE rows (id int PRIMARY KEY, v text)');
});

afterAll(() => bed.drop());

/** Runs statements of one transaction, each read before the next, in all ways, and compares with the transaction as a whole. */
async function compared(...statements: string[]): Promise<Reading['transactions']> {
  const slot = await bed.slot();
  const lives = await Live.inAllWays(bed);
  await a.query('BEGIN');
  for (const statement of statements) {
    await a.query(statement);
    await tick(bed, lives);
  }
  await a.query('COMMIT');
  await bed.sql(`INSERT INTO rows (id) VALUES (-1)`);
  await tick(bed, lives);
  const whole = await read(bed, slot, WHOLE, await bed.position());
  for (const { transactions, counts } of lives) {
    expect(counts['streamCommit']).toBeGreaterThanOrEqual(1);
    expect(transactions).toStrictEqual(whole.transactions);
  }
  return whole.transactions.filter(({ changes: [first] }) => !(first && 'table' in first && first.table === 'ticks'));
}

/** The distinct column sets of the rows of the last transaction but one. */
function columnsOf(transactions: Reading['transactions']): string[] {
  const changes = transactions.at(-2)?.changes ?? [];
  const rows = changes.map((change) =>
    'new' in change ? `${change.table}(${Object.keys(change.new).join()})` : change.kind,
  );
  return rows.filter((row, i) => row !== rows[i - 1]);
}

describe('each change is decoded with the table at that time', () => {
  it('when a column is added, dropped and renamed within the transaction', async () => {
    const transactions = await compared(
      insert(1),
      'ALTER TABLE rows ADD w int DEFAULT 7',
      insert(1001),
      'ALTER TABLE rows RENAME v TO text',
      insert(2001),
      'ALTER TABLE rows DROP w',
      insert(3001),
    );
    expect(columnsOf(transactions)).toEqual(['rows(id,v)', 'rows(id,v,w)', 'rows(id,text,w)', 'rows(id,text)']);
    expect(transactions.at(-1)?.changes).toMatchObject([{ table: 'rows', new: { id: -1, text: null } }]);
  });

  it('when a type changes, with and without a rewrite of the table', async () => {
    const transactions = await compared(
      insert(1),
      'ALTER TABLE rows ALTER v TYPE bytea USING v::bytea',
      `INSERT INTO rows SELECT g, '\\x0102' FROM generate_series(1001, 1400) g`,
      'ALTER TABLE rows ALTER id TYPE bigint',
      'UPDATE rows SET id = id + 10000 WHERE id > 1000',
    );
    const { changes = [] } = transactions.at(-2) ?? {};
    expect(changes[0]).toMatchObject({ new: { id: 1, v: expect.stringMatching(/^[0-9a-f]{32}$/) } });
    expect(changes[MANY]).toMatchObject({ new: { id: 1001, v: Buffer.from([1, 2]) } });
    expect(changes.at(-1)).toMatchObject({ kind: 'update', key: { id: '1400' }, new: { id: '11400' } });
  });

  it('when the table is renamed', async () => {
    const transactions = await compared(
      insert(1),
      'ALTER TABLE rows RENAME TO lines',
      'DELETE FROM lines',
      'ALTER TABLE lines RENAME TO rows',
      insert(1),
    );
    const tables = (transactions.at(-2)?.changes ?? []).map((change) => ('table' in change ? change.table : ''));
    expect([tables[0], tables[MANY], tables[2 * MANY]]).toEqual(['rows', 'lines', 'rows']);
  });

  it('when the savepoint that changed it is rolled back', async () => {
    const transactions = await compared(
      insert(1),
      'SAVEPOINT s',
      'ALTER TABLE rows ADD w int; ALTER TABLE rows RENAME v TO text',
      `INSERT INTO rows SELECT g, md5(g::text), 7 FROM generate_series(1001, 1400) g`,
      'ROLLBACK TO s',
      insert(2001),
      'SAVEPOINT s2',
      'ALTER TABLE rows DROP v',
      'INSERT INTO rows SELECT g FROM generate_series(3001, 3400) g',
      'ROLLBACK TO s2',
      'ALTER TABLE rows RENAME TO lines',
      'ALTER TABLE lines RENAME TO rows',
      insert(4001),
    );
    expect(columnsOf(transactions)).toEqual(['rows(id,v)']);
    expect(transactions.at(-2)?.size).toBe(3 * MANY);
  });

  it('when the transaction that changed it is rolled back as a whole', async () => {
    const lives = await Live.inAllWays(bed);
    await bed.sql(insert(1, 3));
    await a.query('BEGIN; ALTER TABLE rows ADD w int; ALTER TABLE rows RENAME v TO text');
    await a.query(`INSERT INTO rows SELECT g, md5(g::text), 7 FROM generate_series(1001, 1400) g`);
    await tick(bed, lives);
    await a.query('ROLLBACK');
    await bed.sql(insert(4, 6));
    await tick(bed, lives);
    for (const { transactions, counts } of lives) {
      expect(counts['streamAbort']).toBe(1);
      const rows = transactions.flatMap(({ changes }) => changes.map((change) => ('new' in change ? change.new : {})));
      expect(rows.filter((row) => 'v' in row).map((row) => row['id'])).toEqual([1, 2, 3, 4, 5, 6]);
    }
  });

  it('when its schema is renamed while a transaction that was streamed before is open', async () => {
    await bed.sql('CREATE SCHEMA one');
    await bed.sql('CREATE TABLE one.things (id int PRIMARY KEY, v text)');
    const lives = await Live.inAllWays(bed);
    await a.query('BEGIN');
    await a.query(insert(1).replace('rows', 'one.things'));
    await tick(bed, lives);
    await bed.sql('ALTER SCHEMA one RENAME TO two');
    await bed.sql('INSERT INTO two.things VALUES (-1)');
    await a.query('COMMIT');
    await bed.sql('INSERT INTO two.things VALUES (-2)');
    await tick(bed, lives);
    for (const { transactions, counts } of lives) {
      expect(counts['streamCommit']).toBeGreaterThanOrEqual(1);
      const small = transactions.flatMap(({ changes, size }) => (size === 1 ? changes : []));
      expect(small).toMatchObject([
        { table: 'ticks' },
        { table: 'two.things', new: { id: -1 } },
        { table: 'two.things', new: { id: -2 } },
        { table: 'ticks' },
      ]);
    }
    await bed.sql('DROP SCHEMA two CASCADE');
  });
});

it('TRUNCATE within the transaction', async () => {
  await bed.sql('CREATE TABLE IF NOT EXISTS others (id int)');
  const transactions = await compared(
    insert(1),
    'TRUNCATE rows, others RESTART IDENTITY CASCADE',
    insert(1),
    'SAVEPOINT s',
    'TRUNCATE rows',
    insert(1),
    'ROLLBACK TO s',
    'TRUNCATE others',
  );
  const truncates = (transactions.at(-2)?.changes ?? []).filter(({ kind }) => kind === 'truncate');
  expect(truncates).toMatchObject([
    { tables: ['rows', 'others'], cascade: true, restartIdentity: true, ordinal: MANY },
    { tables: ['others'], cascade: false, restartIdentity: false, ordinal: 2 * MANY + 1 },
  ]);
});

it('types that are created in the transaction', async () => {
  const transactions = await compared(
    insert(1),
    `CREATE TYPE mood AS ENUM ('sad', 'happy')`,
    'CREATE DOMAIN whole AS int CHECK (VALUE >= 0)',
    `ALTER TABLE rows ADD m mood DEFAULT 'sad', ADD w whole DEFAULT 3`,
    insert(1001),
    `ALTER TYPE mood ADD VALUE 'glad'`,
    'SAVEPOINT s',
    `CREATE DOMAIN small AS numeric`,
    'ALTER TABLE rows ADD s small DEFAULT 1',
    insert(2001),
    'ROLLBACK TO s',
    insert(3001),
  );
  const { changes = [] } = transactions.at(-2) ?? {};
  expect(changes.at(-1)).toMatchObject({ new: { id: 3000 + MANY, m: 'sad', w: 3 } });
  expect(columnsOf(transactions)).toEqual(['rows(id,v)', 'rows(id,v,m,w)']);
});

it('a table that is created in the transaction', async () => {
  const transactions = await compared(
    'CREATE TABLE fresh (id int PRIMARY KEY, v text)',
    insert(1).replace('rows', 'fresh'),
    'UPDATE fresh SET id = -id',
    'DROP TABLE fresh',
    'CREATE TABLE fresh (v text)',
    `INSERT INTO fresh SELECT 'again' FROM generate_series(1, ${MANY})`,
  );
  expect(columnsOf(transactions)).toEqual(['fresh(id,v)', 'fresh(v)']);
  await bed.sql('DROP TABLE fresh');
});
