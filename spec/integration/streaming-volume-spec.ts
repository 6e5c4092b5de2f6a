import { createHash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { map, timer } from 'rxjs';
import { ackAfter, transactions, type Row, type Transaction } from '../../lib/index';
import { TestBed, Recorder } from './support/bed';

describe('large volumes', () => {
  let bed: TestBed;

  beforeAll(async () => {
    bed = await TestBed.make(
      'volume',
      `CREATE TABLE rows (id int, note text);
       CREATE TABLE writes (writer int, round int, part int, parts int);
       CREATE TABLE blobs (id int, part int, content text);
       ALTER TABLE blobs ALTER content SET STORAGE EXTERNAL;
       CREATE PUBLICATION pub FOR TABLE rows, writes, blobs;`,
    );
  });

  afterAll(() => bed.drop());

  const ROWS = 200_000;

  it(`takes a transaction of ${ROWS} rows, flat and grouped`, async () => {
    const [flat, grouped] = [await bed.slot(), await bed.slot()];
    await bed.sql(`INSERT INTO rows SELECT g, 'row ' || g FROM generate_series(0, ${ROWS - 1}) g`);

    let rows = 0;
    let inOrder = true;
    const changes = new Recorder(
      bed.stream(flat).pipe(
        map((message) => {
          if (message.kind === 'insert') {
            inOrder &&= message.ordinal === rows && message.new['id'] === rows && message.new['note'] === `row ${rows}`;
            rows++;
          }
          message.ack();
          return message.kind === 'commit' ? message.endLsn : undefined;
        }),
      ),
    );
    const end = await changes.find((lsn) => lsn !== undefined);
    expect({ rows, inOrder }).toEqual({ rows: ROWS, inOrder: true });
    await bed.confirmedAtLeast(flat, end!);
    changes.unsubscribe();

    const whole = new Recorder(bed.stream(grouped).pipe(transactions()));
    const [transaction] = await whole.take(1);
    expect(transaction!.size).toBe(ROWS);
    expect(transaction!.changes.every((change, i) => change.kind === 'insert' && change.new['id'] === i)).toBe(true);
    expect(await bed.confirmed(grouped)).toBeLessThanOrEqual(transaction!.commitLsn);
    transaction!.ack();
    await bed.confirmedAtLeast(grouped, end!);
    whole.unsubscribe();
  });

  it('groups a transaction 200 times as large as the window', async () => {
    const slot = await bed.slot();
    await bed.sql(`INSERT INTO rows SELECT g, repeat('x', 100) FROM generate_series(1, 2000) g`);
    await bed.sql("INSERT INTO rows VALUES (0, 'next')");
    const recorder = new Recorder(
      bed.stream(slot, { maxUnacked: 10, maxUnackedBytes: 2_000 }).pipe(
        transactions(),
        ackAfter((transaction) => [transaction]),
      ),
    );
    const [large, next] = await recorder.take(2);
    expect([large!.size, next!.size]).toEqual([2000, 1]);
    await bed.confirmedAtLeast(slot, next!.endLsn);
    recorder.unsubscribe();
  });

  it('delivers the commits of 20 concurrent writers complete and in commit order', async () => {
    const WRITERS = 20;
    const ROUNDS = 25;
    const slot = await bed.slot();
    const recorder = new Recorder(
      bed.stream(slot).pipe(
        transactions(),
        ackAfter((transaction) => [transaction], 3),
      ),
    );

    const write = async (writer: number): Promise<void> => {
      const client = await bed.database.client();
      for (let round = 0; round < ROUNDS; round++) {
        const parts = 1 + ((writer + round) % 5);
        await client.query('BEGIN');
        for (let part = 0; part < parts; part++) {
          await client.query('INSERT INTO writes VALUES ($1, $2, $3, $4)', [writer, round, part, parts]);
          await turn();
        }
        await client.query((writer + round) % 7 === 0 ? 'ROLLBACK' : 'COMMIT');
      }
      await client.end();
    };
    await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)));

    const pairs = Array.from({ length: WRITERS * ROUNDS }, (_, i) => [i % WRITERS, Math.floor(i / WRITERS)] as const);
    const committed = pairs.filter(([writer, round]) => (writer + round) % 7 !== 0);
    const delivered = await recorder.take(committed.length);

    const rounds = Array.from({ length: WRITERS }, (): unknown[] => []);
    for (const transaction of delivered) {
      const rows = transaction.changes.map((change): Row => (change.kind === 'insert' ? change.new : {}));
      const { writer, round } = rows[0] as { writer: number; round: number };
      const parts = 1 + ((writer + round) % 5);
      expect(rows).toEqual(Array.from({ length: parts }, (_, part) => ({ writer, round, part, parts })));
      rounds[writer]!.push(round);
    }
    expect(rounds).toEqual(
      rounds.map((_, writer) => committed.filter((pair) => pair[0] === writer).map(([, round]) => round)),
    );
    const lsns = delivered.map(({ commitLsn }) => commitLsn);
    expect(lsns.every((lsn, i) => i === 0 || lsn > lsns[i - 1]!)).toBe(true);
    await bed.confirmedAtLeast(slot, delivered.at(-1)!.endLsn);
    expect(recorder.values).toHaveLength(committed.length);
    recorder.unsubscribe();
  });

  it('delivers many transactions of 10 MB to a slow handler', async () => {
    const COUNT = 8;
    const slot = await bed.slot();
    const recorder = new Recorder(
      bed.stream(slot).pipe(
        transactions(),
        ackAfter((transaction) => timer(100).pipe(map(() => ({ transaction, digest: digestOf(transaction) })))),
      ),
    );
    for (let id = 0; id < COUNT; id++) {
      await bed.sql(
        `INSERT INTO blobs SELECT ${id}, g, repeat(md5('${id} ' || g), 32768) FROM generate_series(0, 9) g`,
      );
    }

    const delivered = await recorder.take(COUNT);
    const digests = await bed.sql(
      "SELECT id, md5(string_agg(content, '' ORDER BY part)) FROM blobs GROUP BY id ORDER BY id",
    );
    expect(delivered.map(({ digest }) => digest)).toEqual(digests);
    await bed.confirmedAtLeast(slot, delivered.at(-1)!.transaction.endLsn);
    recorder.unsubscribe();
  });
});

function digestOf(transaction: Transaction): Row {
  const hash = createHash('md5');
  let id: unknown;
  for (const change of transaction) {
    if (change.kind !== 'insert') continue;
    id = change.new['id'];
    hash.update(change.new['content'] as string);
  }
  return { id, md5: hash.digest('hex') };
}
