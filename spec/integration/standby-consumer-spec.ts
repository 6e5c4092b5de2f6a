import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from 'pg';
import type { Subscription } from 'rxjs';
import { ackAfter, formatLsn, reconnect, ReplicationError, transactions, type Checkpoint } from '../../lib/index';
import type { Transaction } from '../../lib/operators/transactions/transaction';
import { TestBed, waitUntil } from './support/bed';

/** The tables of the store: rows with the xid that wrote them, and the position. */
const STORE = `CREATE TABLE orders (id bigserial PRIMARY KEY, note text);
  CREATE TABLE stored (id bigint, place bigserial);
  CREATE TABLE progress (slot text PRIMARY KEY, end_lsn pg_lsn NOT NULL, checkpoint jsonb NOT NULL);
  CREATE PUBLICATION pub FOR TABLE orders`;

let bed: TestBed;

beforeAll(async () => {
  bed = await TestBed.make('standby_consumer', STORE);
});

afterAll(() => bed.drop());

const TAKEOVERS = 8;
/** The number of transactions during each takeover. */
const TRANSACTIONS = 60;

/** A process: a separate connection to the store, and a stream that reconnects. */
class Consumer {
  readonly errors: string[] = [];
  readonly ends: unknown[] = [];
  asked = 0;
  #subscription: Subscription | undefined;

  constructor(
    readonly slot: string,
    readonly store: Client,
  ) {}

  start(): void {
    this.#subscription = bed
      .stream(this.slot, { startLsn: () => this.#load() })
      .pipe(
        transactions(),
        ackAfter((tx) => this.#save(tx)),
        reconnect({
          initialDelay: 20,
          maxDelay: 60,
          attemptObserver: {
            next: ({ error }) => this.errors.push(error instanceof ReplicationError ? error.code : String(error)),
          },
        }),
      )
      .subscribe({ error: (error: unknown) => this.ends.push(error), complete: () => this.ends.push('complete') });
  }

  stop(): void {
    this.#subscription?.unsubscribe();
  }

  async #load(): Promise<Checkpoint | undefined> {
    this.asked++;
    const { rows } = await this.store.query<{ checkpoint: Checkpoint }>(
      'SELECT checkpoint FROM progress WHERE slot = $1',
      [this.slot],
    );
    return rows[0]?.checkpoint;
  }

  /** In one statement, which rejects a transaction that the store already has. */
  async #save(tx: Transaction): Promise<void> {
    const ids = tx.changes.flatMap((change) => (change.kind === 'insert' ? [change.new['id']] : []));
    await this.store.query(
      `WITH moved AS (
         INSERT INTO progress VALUES ($1, $2, $3)
         ON CONFLICT (slot) DO UPDATE SET end_lsn = excluded.end_lsn, checkpoint = excluded.checkpoint
           WHERE progress.end_lsn <= $4
         RETURNING 1
       ) INSERT INTO stored (id) SELECT unnest($5::bigint[]) WHERE EXISTS (SELECT FROM moved)`,
      [this.slot, formatLsn(tx.endLsn), JSON.stringify(tx.checkpoint), formatLsn(tx.commitLsn), ids],
    );
  }
}

describe('two processes on one slot, with a stored position', () => {
  it('alternate under load: the waiting one never fails, and each transaction is stored once', async () => {
    const slot = await bed.slot();
    const clients = await Promise.all([bed.database.client(), bed.database.client(), bed.database.client()]);
    const [writer, ...stores] = clients;
    const consumers = stores.map((store) => new Consumer(slot, store));
    for (const consumer of consumers) consumer.start();

    // Commits do not wait for the disk: a thousand per second, or as many as the machine supports.
    await writer.query('SET synchronous_commit = off');
    const write = async (): Promise<void> => {
      for (let n = 0; n < TRANSACTIONS; n++) await writer.query('INSERT INTO orders (note) VALUES ($1)', ['a note']);
    };
    const active = async (): Promise<number> => {
      const rows = await waitUntil(
        () =>
          bed.sql<{ active_pid: number }>(
            'SELECT active_pid FROM pg_replication_slots WHERE slot_name = $1 AND active',
            [slot],
          ),
        (found) => found.length === 1,
      );
      return rows[0]?.active_pid ?? 0;
    };

    for (let takeover = 0; takeover < TAKEOVERS; takeover++) {
      const pid = await active();
      const written = write();
      await delay(50);
      const [first, second] = consumers as [Consumer, Consumer];
      if (takeover % 2 === 0) {
        // The connection of the active process is cut; either may get the slot next.
        await bed.sql('SELECT pg_terminate_backend($1)', [pid]);
      } else {
        const one = takeover % 4 === 1 ? first : second;
        one.stop();
        await delay(100);
        one.start();
      }
      await written;
    }
    const total = TAKEOVERS * TRANSACTIONS;
    const rows = await waitUntil(
      () => bed.sql<{ id: string }>('SELECT id FROM stored ORDER BY place'),
      (stored) => stored.length >= total,
      60_000,
    );
    for (const consumer of consumers) consumer.stop();
    await bed.released(slot);
    await Promise.all(clients.map((client) => client.end()));

    expect(consumers.flatMap(({ ends }) => ends)).toEqual([]);
    expect(consumers.flatMap(({ errors }) => errors)).toContain('SLOT_ACTIVE');
    expect(new Set(consumers.flatMap(({ errors }) => errors))).not.toContain('SLOT_AHEAD');
    expect(rows.map(({ id }) => Number(id))).toEqual(Array.from({ length: total }, (_, n) => n + 1));
  }, 120_000);

  it('the waiting one does not query the store until the slot is free', async () => {
    const slot = await bed.slot();
    const stores = await Promise.all([bed.database.client(), bed.database.client()]);
    const [first, second] = stores.map((store) => new Consumer(slot, store)) as [Consumer, Consumer];
    first.start();
    await waitUntil(
      () => bed.sql('SELECT FROM pg_replication_slots WHERE slot_name = $1 AND active', [slot]),
      (rows) => rows.length === 1,
    );
    second.start();
    await waitUntil(
      () => Promise.resolve(second.errors.length),
      (count) => count >= 3,
      60_000,
    );
    expect([new Set(second.errors), second.asked]).toEqual([new Set(['SLOT_ACTIVE']), 0]);
    first.stop();
    await waitUntil(
      () => Promise.resolve(second.asked),
      (asked) => asked === 1,
      60_000,
    );
    second.stop();
    await bed.released(slot);
    await Promise.all(stores.map((store) => store.end()));
  }, 120_000);
});
