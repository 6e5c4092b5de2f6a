import {
  filter,
  firstValueFrom,
  lastValueFrom,
  map,
  Observable,
  Subject,
  take,
  timer,
  toArray,
  type OperatorFunction,
} from 'rxjs';
import {
  ackAfter,
  ofTable,
  transactions,
  type OpenInfo,
  type PgoutputConfig,
  type ReplicationMessage,
  type StatusUpdate,
  type Transaction,
} from '../../lib/index';
import { acknowledge, TestBed, waitUntil, Gate, ofKind, Recorder } from './support/bed';

describe('delivery', () => {
  let bed: TestBed;

  beforeAll(async () => {
    bed = await TestBed.make(
      'delivery',
      `CREATE TABLE jobs (id int);
       CREATE TABLE others (id int);
       CREATE TABLE blobs (id int, content text);
       ALTER TABLE blobs ALTER content SET STORAGE EXTERNAL;
       CREATE PUBLICATION pub FOR TABLE jobs, others, blobs;`,
    );
  });

  afterAll(() => bed.drop());

  /** Commits each id in a separate transaction. */
  async function commit(...ids: readonly number[]): Promise<void> {
    for (const id of ids) await bed.sql(`INSERT INTO jobs VALUES (${id})`);
  }

  describe('with concurrent work', () => {
    it('is confirmed only up to the oldest unfinished one, in whatever order they finish', async () => {
      const slot = await bed.slot();
      await commit(1, 2, 3, 4, 5);
      const updates = new Subject<StatusUpdate>();
      const gates = new Map<number, Gate>();
      const started: Transaction[] = [];
      const recorder = new Recorder(
        bed.stream(slot, { statusInterval: 20, statusObserver: updates }).pipe(
          transactions(),
          ackAfter(async (transaction) => {
            const gate = new Gate();
            started.push(transaction);
            gates.set(idOf(transaction), gate);
            await gate.opened;
            return [idOf(transaction)];
          }, 4),
        ),
      );
      await firstValueFrom(updates.pipe(filter(() => started.length === 4)));

      gates.get(4)!.open();
      gates.get(2)!.open();
      await recorder.take(2);
      // The fifth has started in place of one that finished; the first and the third are still running.
      await firstValueFrom(updates.pipe(filter(() => started.length === 5)));
      await lastValueFrom(updates.pipe(take(2)));
      expect(await bed.confirmed(slot)).toBeLessThanOrEqual(started[0]!.commitLsn);

      gates.get(1)!.open();
      const second = await bed.confirmedAtLeast(slot, started[1]!.endLsn);
      expect(second).toBeLessThanOrEqual(started[2]!.commitLsn);

      gates.get(3)!.open();
      gates.get(5)!.open();
      await bed.confirmedAtLeast(slot, started[4]!.endLsn);
      expect(recorder.values.map(([id]) => id)).toHaveLength(5);
      recorder.unsubscribe();
    });

    it('is never confirmed ahead of running work, with random durations', async () => {
      const COUNT = 150;
      const slot = await bed.slot();
      await commit(...Array.from({ length: COUNT }, (_, i) => i));
      const undone = new Set<Transaction>();
      const recorder = new Recorder(
        bed.stream(slot).pipe(
          transactions(),
          ackAfter((transaction) => {
            undone.add(transaction);
            return timer(Math.random() * 20).pipe(
              map(() => {
                undone.delete(transaction);
                return transaction;
              }),
            );
          }, 4),
        ),
      );

      let looks = 0;
      for (; recorder.values.length < COUNT; looks++) {
        const confirmed = await bed.confirmed(slot);
        // Projects that finished after the query only raise this bound.
        const bounds = [...undone].map(({ commitLsn }) => commitLsn);
        expect(bounds.filter((bound) => bound < confirmed)).toEqual([]);
      }
      expect(looks).toBeGreaterThan(10);
      const last = recorder.values.reduce((a, b) => (a.endLsn > b.endLsn ? a : b));
      await bed.confirmedAtLeast(slot, last.endLsn);
      recorder.unsubscribe();
    });
  });

  it('keeps the connection with a handler slower than wal_sender_timeout, a full window and 10 MB unread', async () => {
    const slot = await bed.slot();
    for (let id = 0; id < 12; id++) await bed.sql(`INSERT INTO blobs VALUES (${id}, repeat('x', 1000000))`);
    await bed.sql(
      `ALTER DATABASE ${bed.database.name} SET statement_timeout = '1s';
       ALTER DATABASE ${bed.database.name} SET idle_in_transaction_session_timeout = '1s';
       ${bed.server.version >= 14 ? `ALTER DATABASE ${bed.database.name} SET idle_session_timeout = '1s';` : ''}
       ${bed.server.version >= 17 ? `ALTER DATABASE ${bed.database.name} SET transaction_timeout = '1s';` : ''}`,
    );
    const opened: OpenInfo[] = [];
    const closed: unknown[] = [];
    const updates: StatusUpdate[] = [];
    const config: Partial<PgoutputConfig> = {
      connection: { connectionString: bed.database.url, options: '-c wal_sender_timeout=2s' },
      maxUnackedBytes: 1_500_000,
      openObserver: { next: (info) => opened.push(info) },
      closeObserver: { next: (info) => closed.push(info) },
      statusObserver: { next: (update) => updates.push(update) },
    };
    const recorder = new Recorder(
      bed.stream(slot, config).pipe(
        transactions(),
        ackAfter((transaction) => timer(idOf(transaction) === 0 ? 4_500 : 0).pipe(map(() => transaction))),
      ),
    );
    const delivered = await recorder.take(12);

    expect(delivered.map(idOf)).toEqual(Array.from({ length: 12 }, (_, id) => id));
    expect(opened).toMatchObject([{ walSenderTimeout: 2_000 }]);
    expect(closed).toEqual([]);
    // A third of 2 s, while the window is full.
    expect(updates.filter(({ paused }) => paused).length).toBeGreaterThanOrEqual(6);
    await bed.confirmedAtLeast(slot, delivered.at(-1)!.endLsn);
    recorder.unsubscribe();
  });

  it('continues in a second subscription after the acknowledged transactions', async () => {
    const COUNT = 60;
    const slot = await bed.slot();
    await commit(...Array.from({ length: COUNT }, (_, i) => i));
    const stream = bed.stream(slot).pipe(transactions(), map(acknowledge), map(idOf));

    const first = await firstValueFrom(stream.pipe(take(25), toArray()));
    // Immediately, when the server may not have received the acknowledgements.
    const second = await firstValueFrom(stream.pipe(take(10), toArray()));
    // Another observable has only the slot's position.
    await bed.released(slot);
    const third = new Recorder(bed.stream(slot).pipe(transactions()));
    await third.take(25);
    third.unsubscribe();

    const rest = third.values.map(idOf);
    expect([...first, ...second, ...rest]).toEqual(Array.from({ length: COUNT }, (_, i) => i));
  });

  it('is repeated for unacknowledged transactions', async () => {
    const slot = await bed.slot();
    await commit(1, 2, 3);
    const stream = bed.stream(slot).pipe(transactions());

    const first = new Recorder(stream);
    const delivered = await first.take(3);
    delivered[0]!.ack();
    delivered[2]!.ack();
    first.unsubscribe();
    expect(delivered[1]!.ack()).toBe(false);

    const second = new Recorder(stream);
    expect((await second.take(2)).map(idOf)).toEqual([2, 3]);
    second.unsubscribe();
  });

  describe('with a filter', () => {
    const wanted: OperatorFunction<ReplicationMessage, ReplicationMessage> = filter(
      (message) => message.kind === 'insert' && message.table === 'jobs',
    );

    async function someOfBoth(): Promise<{ slot: string; end: bigint }> {
      const slot = await bed.slot();
      await bed.transaction('INSERT INTO jobs VALUES (1)', 'INSERT INTO others VALUES (2)');
      await bed.sql('INSERT INTO others VALUES (3)');
      await commit(4);
      return { slot, end: await bed.position() };
    }

    it('holds the slot with filter(), which does not acknowledge dropped messages', async () => {
      const { slot } = await someOfBoth();
      const before = await bed.confirmed(slot);
      const updates = new Subject<StatusUpdate>();
      const recorder = new Recorder(bed.stream(slot, { statusInterval: 20, statusObserver: updates }).pipe(wanted));
      for (const message of await recorder.take(2)) message.ack();
      await lastValueFrom(updates.pipe(take(3)));
      expect(await bed.confirmed(slot)).toBe(before);
      recorder.unsubscribe();
    });

    it('moves the slot with ofTable(), which acknowledges dropped messages', async () => {
      const { slot, end } = await someOfBoth();
      const recorder = new Recorder(bed.stream(slot).pipe(ofTable('jobs')));
      const inserts = ofKind(await recorder.take(2), 'insert');
      expect(inserts.map((insert) => insert.new)).toEqual([{ id: 1 }, { id: 4 }]);
      for (const insert of inserts) insert.ack();
      await bed.confirmedAtLeast(slot, end);
      recorder.unsubscribe();
    });
  });

  it('ends on unsubscribe: the slot is released while work is running', async () => {
    const slot = await bed.slot();
    await commit(1);
    const recorder = new Recorder(
      bed.stream(slot).pipe(
        transactions(),
        ackAfter(() => new Observable<never>()),
      ),
    );
    await waitUntil(
      () => bed.sql('SELECT FROM pg_replication_slots WHERE slot_name = $1 AND active', [slot]),
      (rows) => rows.length === 1,
    );
    recorder.unsubscribe();
    await bed.released(slot);
  });
});

function idOf(transaction: Transaction): number {
  const change = transaction.changes[0];
  return change?.kind === 'insert' ? (change.new['id'] as number) : -1;
}
