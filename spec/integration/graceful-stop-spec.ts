import { from, NEVER, Subject, throwError, type Observable } from 'rxjs';
import {
  ackAfter,
  failedTransactions,
  formatLsn,
  reconnect,
  stopAtLsn,
  stopOn,
  transactions,
  type Lsn,
  type OpenInfo,
  type PgoutputConfig,
  type ReconnectAttempt,
  type StopNotifier,
  type Transaction,
} from '../../lib/index';
import { NUMBERS, Proxy } from './support/life';
import { TestBed, waitUntil } from './support/bed';

let bed: TestBed;

beforeAll(async () => {
  bed = await TestBed.make('stops', NUMBERS);
});

afterAll(() => bed.drop());

const insert = (id: number) => bed.sql('INSERT INTO numbers VALUES ($1)', [id]);

/** The end of a stream that would wait for minutes before it retries. */
class Run {
  readonly attempts: ReconnectAttempt[] = [];
  readonly done: number[] = [];
  readonly outcome: Promise<unknown>;

  constructor(
    slot: string,
    notifier: StopNotifier,
    work: (tx: Transaction) => unknown = () => undefined,
    more: Partial<PgoutputConfig> = {},
    initialDelay = 600_000,
  ) {
    jest.spyOn(Math, 'random').mockReturnValue(1);
    const source = bed.stream(slot, more).pipe(
      stopOn(notifier),
      transactions(),
      ackAfter((tx) => {
        this.done.push(tx.xid);
        return work(tx) as Observable<unknown>;
      }),
      reconnect({
        initialDelay,
        maxDelay: initialDelay,
        retryable: () => true,
        attemptObserver: { next: (attempt) => this.attempts.push(attempt) },
      }),
    );
    this.outcome = new Promise((resolve) => {
      source.subscribe({
        error: resolve,
        complete: () => {
          resolve('complete');
        },
      });
    });
  }

  async failed(): Promise<ReconnectAttempt> {
    const [attempt] = await waitUntil(
      () => Promise.resolve(this.attempts),
      ({ length }) => length > 0,
    );
    return attempt!;
  }

  async worked(count: number): Promise<void> {
    await waitUntil(
      () => Promise.resolve(this.done),
      ({ length }) => length >= count,
    );
  }
}

afterEach(() => jest.restoreAllMocks());

describe('a stop while reconnect waits', () => {
  it("to retry a failed project ends with the project's error, which names the transaction", async () => {
    const slot = await bed.slot();
    const before = await bed.confirmed(slot);
    const failure = new Error('the database of the consumer is away');
    const controller = new AbortController();
    const run = new Run(slot, controller.signal, () => throwError(() => failure));
    await insert(1);
    const { transactions: failed } = await run.failed();
    expect(failed).toMatchObject([{ xid: run.done[0], tables: ['numbers'] }]);
    controller.abort();
    expect(await run.outcome).toBe(failure);
    expect(failedTransactions(failure)).toEqual(failed);
    await bed.released(slot);
    expect(await bed.confirmed(slot)).toBe(before);
  });

  it('after the server has closed the connection ends with that error if something is unconfirmed', async () => {
    const slot = await bed.slot();
    const stop = new Subject<void>();
    const run = new Run(slot, stop, () => NEVER);
    await insert(2);
    await run.worked(1);
    await bed.sql('SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1', [slot]);
    const { error } = await run.failed();
    stop.next();
    expect(await run.outcome).toBe(error);
    expect(stop.observed).toBe(false);
  });

  it('for a slot that another connection uses completes', async () => {
    const slot = await bed.slot();
    const holder = bed.stream(slot).subscribe();
    await waitUntil(
      () => bed.sql('SELECT FROM pg_replication_slots WHERE slot_name = $1 AND active', [slot]),
      ({ length }) => length === 1,
    );
    const stop = new Subject<void>();
    const run = new Run(slot, stop);
    expect(await run.failed()).toMatchObject({ error: { code: 'SLOT_ACTIVE' } });
    stop.next();
    expect(await run.outcome).toBe('complete');
    holder.unsubscribe();
  });
});

it('a stop after a retry confirms what the server had not received before the connection was lost', async () => {
  const slot = await bed.slot();
  const proxy = await Proxy.before(bed.database.url);
  const url = new URL(bed.database.url);
  url.port = String(proxy.port);
  const stop = new Subject<void>();
  const opened: OpenInfo[] = [];
  const openObserver = { next: (info: OpenInfo) => opened.push(info) };
  const isOpen = (times: number) =>
    waitUntil(
      () => Promise.resolve(opened),
      ({ length }) => length === times,
    );
  const run = new Run(slot, stop, undefined, { connection: url.href, openObserver }, 1);
  await isOpen(1);
  const before = await bed.confirmed(slot);
  proxy.discardClientData();
  await insert(4);
  await run.worked(1);
  proxy.cut();
  await run.failed();
  expect(await bed.confirmed(slot)).toBe(before);
  await isOpen(2);
  stop.next();
  const outcome = await run.outcome;
  await proxy.close();
  expect([outcome, run.done.length]).toEqual(['complete', 1]);
  await bed.released(slot);
  expect(await bed.confirmed(slot)).toBeGreaterThan(before);
});

describe('with a stored position', () => {
  /** A slot that is behind its store, as after a crash of the server. */
  async function behind(id: number): Promise<{ slot: string; stored: Lsn }> {
    const slot = await bed.slot();
    await insert(id);
    return { slot, stored: await bed.position() };
  }

  const ids: unknown[] = [];
  const save = (tx: Transaction): Observable<unknown> => {
    for (const change of tx) if (change.kind === 'insert') ids.push(change.new['id']);
    return from([]);
  };

  beforeEach(() => {
    ids.length = 0;
  });

  it('stopOn leaves the slot at the stored position, even if nothing was received', async () => {
    const { slot, stored } = await behind(5);
    const stop = new Subject<void>();
    let stands = stored;
    const run = new Run(slot, stop, (tx) => (stands = tx.endLsn), { startLsn: () => formatLsn(stored) });
    await bed.confirmedAtLeast(slot, stored);
    stop.next();
    expect(await run.outcome).toBe('complete');
    await bed.released(slot);
    expect(await bed.confirmed(slot)).toBe(stands);
  });

  it('stopAtLsn does so, too, and the next start continues after it', async () => {
    const { slot, stored } = await behind(6);
    await insert(7);
    const read = (end: Lsn) =>
      new Promise<unknown>((resolve) => {
        bed
          .stream(slot, { startLsn: () => stored })
          .pipe(stopAtLsn(end), transactions(), ackAfter(save))
          .subscribe({
            error: resolve,
            complete: () => {
              resolve('complete');
            },
          });
      });
    expect(await read(stored)).toBe('complete');
    await bed.released(slot);
    expect([await bed.confirmed(slot), ids]).toEqual([stored, []]);
    expect(await read(await bed.position())).toBe('complete');
    expect(ids).toEqual([7]);
  });
});
