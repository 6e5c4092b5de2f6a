import type { Client } from 'pg';
import { ackAfter, reconnect, type PgoutputConfig } from '../../../lib/index';
import { Random } from '../../../lib/testing/random';
import { uniqueName } from '../../support/server';
import { Recorder, TestBed, waitUntil } from '../support/bed';
import { Store, streamUnits } from './support';

const SETUP = `CREATE TABLE item (id int PRIMARY KEY, name text, long text);
  ALTER TABLE item ALTER long SET STORAGE EXTERNAL;
  CREATE TABLE pair (id int PRIMARY KEY, name text);
  CREATE TABLE done (id int PRIMARY KEY);
  INSERT INTO item SELECT i, 'n' || i, repeat(chr(97 + i % 26), 3000) FROM generate_series(1, 4000) i;
  INSERT INTO pair SELECT i, 'n' FROM generate_series(1, 2000) i;
  CREATE PUBLICATION pub FOR TABLE item, pair, done;`;

/** A client that inserts, updates, moves and deletes rows, also in subtransactions, until it is stopped. */
class Writer {
  readonly #random: Random;
  readonly #first: number;
  #stopped = false;
  readonly ended: Promise<void>;

  constructor(client: Client, index: number, seed: number) {
    this.#random = new Random(seed * 31 + index);
    this.#first = index * 1_000_000;
    this.ended = this.#run(client);
  }

  stop(): Promise<void> {
    this.#stopped = true;
    return this.ended;
  }

  async #run(client: Client): Promise<void> {
    for (let n = this.#first; !this.#stopped; n++) {
      await client.query('BEGIN');
      for (let i = this.#pick(4); i >= 0; i--) await client.query(this.#statement(n * 10 + i));
      if (this.#pick(4) === 0) {
        await client.query('SAVEPOINT s');
        await client.query(this.#statement(n * 10 + 7));
        await client.query(this.#pick(2) === 0 ? 'ROLLBACK TO s' : 'RELEASE s');
      }
      await client.query(this.#pick(8) === 0 ? 'ROLLBACK' : 'COMMIT');
    }
    await client.end();
  }

  #statement(id: number): string {
    const some = `(SELECT id FROM item WHERE id % 97 = ${this.#pick(97)} ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)`;
    switch (this.#pick(6)) {
      case 0:
        return `INSERT INTO item VALUES (${id}, 'new', repeat('z', 3000))`;
      case 1:
        return `UPDATE item SET name = name || '!' WHERE id = ${some}`;
      case 2:
        return `UPDATE item SET id = ${-id - 1} WHERE id = ${some}`;
      case 3:
        return `DELETE FROM item WHERE id = ${some}`;
      case 4:
        return `UPDATE pair SET name = 'w${id}' WHERE id = (SELECT id FROM pair WHERE id % 89 = ${this.#pick(89)} ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)`;
      default:
        return `UPDATE item SET long = repeat('y', 2500) WHERE id = ${some}`;
    }
  }

  #pick(count: number): number {
    return this.#random.between(0, count - 1);
  }
}

/** Copies while clients write, with faults, and compares what was applied with the source. */
async function copyUnderFire(seed: number, faults: number, more: Partial<PgoutputConfig>): Promise<void> {
  const bed = await TestBed.make('copy_writers', SETUP);
  try {
    const slot = uniqueName('slot');
    const store = new Store();
    const random = new Random(seed);
    const writers = await Promise.all([1, 2, 3].map(async (n) => new Writer(await bed.database.client(), n, seed)));
    let left = faults;
    let wait = 0;
    const recorder = new Recorder(
      streamUnits(bed, slot, more, { concurrency: 2 }).pipe(
        ackAfter(async (unit) => {
          store.apply(unit);
          if (left === 0 || wait-- > 0) return;
          left--;
          wait = random.between(0, 7);
          // A session of the copy or of the stream, at random.
          await bed.sql(
            `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
              WHERE datname = current_database() AND application_name = 'rxjs-pg-replication' ORDER BY md5(pid::text || $1) LIMIT 1`,
            [String(random.between(0, 1_000_000))],
          );
        }),
        reconnect({ initialDelay: 10 }),
      ),
    );
    const failed = recorder.completed();
    failed.catch(() => undefined);
    await Promise.race([
      failed,
      waitUntil(
        () => Promise.resolve(left === 0 && store.ends > 0),
        (isSo) => isSo,
        60_000,
      ),
    ]);
    await Promise.all(writers.map((writer) => writer.stop()));
    await bed.sql('INSERT INTO done VALUES (1)');
    await waitUntil(
      () => Promise.resolve(store.rows('done').length),
      (count) => count === 1,
      60_000,
    );
    recorder.unsubscribe();
    await bed.released(slot);
    for (const table of ['item', 'pair'])
      expect(store.rows(table)).toEqual(await bed.sql(`SELECT * FROM ${table} ORDER BY id`));
  } finally {
    await bed.drop();
  }
}

describe('a copy while clients write, applied in order, equals the source row by row', () => {
  it('without faults', () => copyUnderFire(1, 0, {}), 120_000);

  it('with sessions that are terminated at random', () => copyUnderFire(2, 8, {}), 120_000);

  it(
    'with streamed transactions and binary values',
    () => copyUnderFire(3, 4, { streaming: 'on' as never, binary: true }),
    120_000,
  );
});
