import { of, tap, type MonoTypeOperatorFunction, type Observable } from 'rxjs';
import {
  ackAfter,
  logicalReplication,
  parseLsn,
  reconnect,
  transactions,
  type Checkpoint,
  type Lsn,
  type PgoutputConfig,
  type Transaction,
} from '../../lib/index';
import { TestBed, waitUntil, Gate, Recorder } from '../integration/support/bed';
import { getFlushPosition } from '../support/frame-splitter';
import { FaultProxy } from '../support/proxy';
import { LoopClock } from '../support/loop-clock';

let bed: TestBed;

beforeAll(async () => {
  bed = await TestBed.make(
    'cases',
    'CREATE TABLE numbers (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE numbers',
  );
});

afterAll(() => bed.drop());

/** Resources of a case, released even if it fails. */
const leftovers: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of leftovers.splice(0).reverse()) await end();
});

function record<T>(stream: Observable<T>): Recorder<T> {
  const recorder = new Recorder(stream);
  leftovers.push(() => recorder.unsubscribe());
  return recorder;
}

async function openProxy(): Promise<FaultProxy> {
  const proxy = await FaultProxy.before(bed.database.url);
  leftovers.push(() => proxy.close());
  return proxy;
}

/** Commits each number in a separate transaction. */
async function commit(...ids: number[]): Promise<void> {
  for (const id of ids) await bed.sql(`INSERT INTO numbers VALUES (${id})`);
}

function getId(tx: Transaction): number {
  const [change] = tx.changes;
  return change?.kind === 'insert' ? Number(change.new['id']) : NaN;
}

const again = <T>(codes: string[] = []): MonoTypeOperatorFunction<T> =>
  reconnect<T>({
    initialDelay: 20,
    maxDelay: 100,
    retryable: () => true,
    attemptObserver: {
      next: ({ error }) => codes.push(error instanceof Error && 'code' in error ? String(error.code) : String(error)),
    },
  });

it('one of four concurrent works fails: finished ones are confirmed, the running one is not started again', async () => {
  const slot = await bed.slot();
  await commit(1, 2, 3, 4, 5, 6);
  const starts: Lsn[] = [];
  const ends = new Map<number, Lsn>();
  const started: number[] = [];
  const running = new Set<number>();
  const overlaps: number[] = [];
  const [fails, lasts] = [new Gate(), new Gate()];

  const work = async (tx: Transaction): Promise<number> => {
    const id = getId(tx);
    ends.set(id, tx.endLsn);
    if (running.has(id)) overlaps.push(id);
    running.add(id);
    started.push(id);
    const first = started.filter((other) => other === id).length === 1;
    try {
      if (id === 3 && first) {
        await fails.opened;
        throw new Error('once');
      }
      if (id === 4) await lasts.opened;
      return id;
    } finally {
      running.delete(id);
    }
  };
  const codes: string[] = [];
  const recorder = record(
    bed
      .stream(slot, {
        openObserver: {
          next: ({ startLsn, slot: { confirmedFlushLsn = 0n } }) => starts.push(startLsn ?? confirmedFlushLsn),
        },
      })
      .pipe(transactions(), ackAfter(work, 4), again(codes)),
  );
  // 1 and 2 are done, 3 and 4 are running, and 5 and 6 after them are done.
  await recorder.take(4);
  expect([...running].sort()).toEqual([3, 4]);
  fails.open();
  await waitUntil(
    () => Promise.resolve(started),
    (ids) => ids.filter((id) => id === 3).length === 2,
  );
  expect(running).toContain(4);
  lasts.open();
  await recorder.find((id) => id === 4);
  await bed.confirmedAtLeast(slot, ends.get(6)!);
  recorder.unsubscribe();

  expect(codes).toEqual(['Error: once']);
  expect(overlaps).toEqual([]);
  expect([...started].sort()).toEqual([1, 2, 3, 3, 4, 5, 6]);
  expect(starts).toHaveLength(2);
  expect(starts[1]).toBeGreaterThanOrEqual(ends.get(2)!);
  expect(starts[1]).toBeLessThan(ends.get(3)!);
});

describe('a connection that is cut between an acknowledgement and its status update', () => {
  /** Consumes the numbers through a proxy that drops the status update which would confirm `last`. */
  function consumer(proxy: FaultProxy, slot: string, last: number, more: Partial<PgoutputConfig> = {}) {
    const connection = proxy.through(bed.database.url);
    const delivered: number[] = [];
    const cut = new Gate();
    let end: Lsn | undefined;
    proxy.filter = (frame, from) => {
      const flush = from === 'client' ? getFlushPosition(frame) : undefined;
      if (flush === undefined || end === undefined || flush < end) return frame;
      cut.open();
      return 'cut';
    };
    let stored: Checkpoint | undefined;
    const stream = logicalReplication({ connection, slot, publications: ['pub'], ...more }).pipe(
      transactions(),
      tap((tx) => {
        if (tx.kind === 'transaction') delivered.push(getId(tx));
      }),
      ackAfter((tx) => {
        stored = tx.checkpoint;
        if (getId(tx) === last) end = tx.endLsn;
        return [getId(tx)];
      }),
    );
    return { stream, delivered, cut: cut.opened, checkpoint: () => stored };
  }

  it('does not redeliver to the same observable, which keeps the confirmed position', async () => {
    const slot = await bed.slot();
    const proxy = await openProxy();
    const { stream, delivered, cut } = consumer(proxy, slot, 12);
    const codes: string[] = [];
    const recorder = record(stream.pipe(again(codes)));
    await commit(11, 12);
    await cut;
    proxy.filter = undefined;
    await commit(13);
    await recorder.find((id) => id === 13);
    recorder.unsubscribe();
    await bed.released(slot);
    expect(codes[0]).toBe('CONNECTION_LOST');
    expect(delivered).toEqual([11, 12, 13]);
  });

  it.each([
    ['is redelivered to a new process', false, [22, 23]],
    ['is not redelivered to a process that stores its checkpoint', true, [23]],
  ])('%s', async (_, stores, expected) => {
    const slot = await bed.slot();
    const proxy = await openProxy();
    const first = consumer(proxy, slot, 22, stores ? { startLsn: () => of(null) } : {});
    const lost = record(first.stream);
    await commit(21);
    await lost.find((id) => id === 21);
    await bed.confirmedAtLeast(slot, parseLsn(first.checkpoint()?.endLsn ?? ''));
    await commit(22);
    await first.cut;
    await expect(lost.completed()).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    proxy.filter = undefined;

    await commit(23);
    const second = consumer(proxy, slot, NaN, stores ? { startLsn: () => of(first.checkpoint()) } : {});
    const recorder = record(second.stream.pipe(again()));
    await recorder.find((id) => id === 23);
    recorder.unsubscribe();
    await bed.released(slot);
    await bed.sql('DELETE FROM numbers WHERE id BETWEEN 21 AND 23');
    expect(second.delivered).toEqual(expected);
  });
});

it('livenessTimeout detects a peer that disappeared without closing, and the stream is retried', async () => {
  const slot = await bed.slot();
  const proxy = await openProxy();
  const codes: string[] = [];
  const connection = { connectionString: proxy.through(bed.database.url), options: '-c wal_sender_timeout=1000' };
  const recorder = record(
    bed.stream(slot, { connection, livenessTimeout: 1500 }).pipe(
      transactions(),
      ackAfter((tx) => [getId(tx)]),
      again(codes),
    ),
  );
  await commit(31);
  await recorder.take(1);
  proxy.stall();
  const clock = new LoopClock();
  const stalled = performance.now();
  await commit(32);
  await recorder.take(2);
  const took = performance.now() - stalled;
  recorder.unsubscribe();
  expect(recorder.values).toEqual([31, 32]);
  expect(codes[0]).toBe('LIVENESS_TIMEOUT');
  expect(took).toBeGreaterThan(1200);
  expect(clock.stop()).toBeLessThan(5000);
});
