import { setTimeout as delay } from 'node:timers/promises';
import { concatMap, filter, firstValueFrom, tap } from 'rxjs';
import { logicalReplication, transactions, type PgoutputConfig, type StatusUpdate } from '../../lib/index';
import { FaultProxy } from '../support/proxy';
import { startServer, type TestServer } from '../support/server';
import { waitForFailure } from './support/life';
import { TestBed, Gate, Recorder, waitUntil } from './support/bed';
import { LoopClock } from '../support/loop-clock';

/** A server of its own: while other specs write, a server is never silent. */
let server: TestServer;
let bed: TestBed;
let slot: string;
let observed: ObservedConnection;

beforeAll(async () => {
  server = await startServer();
  bed = await TestBed.make(
    'liveness',
    `CREATE TABLE numbers (id int);
     CREATE TABLE elsewhere (id int);
     CREATE PUBLICATION pub FOR TABLE numbers`,
    server,
  );
});

beforeEach(async () => {
  slot = await bed.slot();
  observed = await ObservedConnection.make();
});

afterEach(() => observed.close());

afterAll(() => server.dispose());

/** A connection through a proxy that records when either side sent data, and can drop everything. */
class ObservedConnection {
  /** The times of status updates that requested a reply. */
  readonly asked: number[] = [];
  /** Starts with the silence. */
  clock: LoopClock | undefined;
  /** The clock's time at the first request after the silence began. */
  askedAfter: number | undefined;
  /** Whether a status update was sent, which means that the stream has started. */
  streams = false;
  /** The times of data from the server. */
  readonly heard: number[] = [];
  readonly #proxy: FaultProxy;
  #silent = false;

  private constructor(proxy: FaultProxy) {
    this.#proxy = proxy;
    proxy.filter = (frame, from) => {
      if (from === 'client' && isStatusUpdate(frame)) this.streams = true;
      if (from === 'client' && isQuestion(frame)) {
        this.asked.push(performance.now());
        this.askedAfter ??= this.clock?.elapsed;
      }
      if (this.#silent) return [];
      if (from === 'server') this.heard.push(performance.now());
      return frame;
    };
  }

  static async make(): Promise<ObservedConnection> {
    return new ObservedConnection(await FaultProxy.before(bed.database.url));
  }

  /** @param walSenderTimeout the server's setting for this connection */
  stream(walSenderTimeout: string, more: Partial<PgoutputConfig> = {}) {
    const connection = {
      connectionString: this.#proxy.through(bed.database.url),
      options: `-c wal_sender_timeout=${walSenderTimeout}`,
    };
    return logicalReplication({ ...bed.config(slot), connection, ...more });
  }

  /** From now on nothing is forwarded, but data is still recorded. */
  silence(): void {
    this.#silent = true;
    this.clock = new LoopClock();
  }

  /** From now on nothing is forwarded, not even the end of a connection. */
  stall(): void {
    this.#proxy.stall();
  }

  get lastHeard(): number {
    return this.heard.at(-1) ?? NaN;
  }

  /** The longest time since then in which the server sent nothing, in ms. */
  longestSilence(since: number): number {
    const times = this.heard.filter((at) => at >= since);
    return Math.max(...times.map((at, i) => at - (times[i - 1] ?? since)));
  }

  close(): Promise<void> {
    this.clock?.stop();
    return this.#proxy.close();
  }
}

function isStatusUpdate(frame: Buffer): boolean {
  return frame.length === 39 && frame[0] === 0x64 && frame[5] === 0x72;
}

/** Whether it is a standby status update that requests a reply. */
function isQuestion(frame: Buffer): boolean {
  return isStatusUpdate(frame) && frame[38] === 1;
}

const answered = () =>
  waitUntil(
    () => Promise.resolve(observed.asked.length > 0 && observed.lastHeard > observed.asked.at(-1)!),
    (isSo) => isSo,
  );

describe('a peer that has disappeared without closing', () => {
  it('is requested to reply after half of livenessTimeout, and given up after all of it', async () => {
    const failure = waitForFailure(observed.stream('0', { livenessTimeout: 1000 }));
    // Nothing happens as long as it replies.
    await answered();
    observed.silence();
    const { lastHeard } = observed;
    observed.asked.length = 0;

    expect(await failure).toMatchObject({
      code: 'LIVENESS_TIMEOUT',
      retryable: true,
      message: expect.stringContaining('1000 ms') as unknown,
    });
    const [first = NaN] = observed.asked;
    const took = performance.now() - lastHeard;
    process.stdout.write(`Asked after ${Math.round(first - lastHeard)} ms, given up after ${Math.round(took)} ms\n`);
    // The reply came just after a tick, and time is measured in ticks of 250 ms.
    expect(first - lastHeard).toBeGreaterThan(450);
    expect(observed.askedAfter).toBeLessThan(900);
    expect(took).toBeGreaterThan(950);
    expect(observed.clock?.stop()).toBeLessThan(1500);
  });

  it('is not given up before one and a half times its wal_sender_timeout plus a second, and the error is retryable', async () => {
    const source = observed.stream('1s', { livenessTimeout: 100 });
    const failure = waitForFailure(source);
    await waitUntil(
      () => Promise.resolve(observed.streams),
      (isSo) => isSo,
    );
    observed.stall();
    const clock = new LoopClock();
    const { lastHeard } = observed;
    expect(await failure).toMatchObject({ code: 'LIVENESS_TIMEOUT', retryable: true });
    const took = performance.now() - lastHeard;
    process.stdout.write(`With a wal_sender_timeout of 1 s given up after ${Math.round(took)} ms\n`);
    expect(took).toBeGreaterThan(2450);
    expect(clock.stop()).toBeLessThan(3500);
    // The server has noticed, too, and sooner.
    await bed.released(slot);
    await bed.sql('INSERT INTO numbers VALUES (1)');
    expect(await firstValueFrom(source.pipe(filter(({ kind }) => kind === 'insert')))).toMatchObject({
      new: { id: 1 },
    });
  });
});

describe('while reading is paused', () => {
  const LIVENESS = 400;

  /** A stream of transactions whose window is full until the gate opens. */
  async function full() {
    for (const id of [1, 2, 3]) await bed.sql('INSERT INTO numbers VALUES ($1)', [id]);
    const gate = new Gate();
    const updates: StatusUpdate[] = [];
    const config: Partial<PgoutputConfig> = {
      livenessTimeout: LIVENESS,
      maxUnacked: 1,
      statusObserver: { next: (update) => void updates.push(update) },
    };
    const recorder = new Recorder(
      observed.stream('0', config).pipe(
        transactions(),
        concatMap(async (tx) => {
          await gate.opened;
          return tx.ack();
        }),
      ),
    );
    await waitUntil(
      () => Promise.resolve(updates.at(-1)?.paused),
      (paused) => paused === true,
    );
    return { gate, recorder, updates };
  }

  it('silence is no error, and the stream continues afterwards', async () => {
    const { gate, recorder, updates } = await full();
    observed.asked.length = 0;
    updates.length = 0;
    await delay(4 * LIVENESS);
    expect(observed.asked).toEqual([]);
    expect(updates.length).toBeGreaterThan(4);
    expect(updates.every(({ paused }) => paused)).toBe(true);
    gate.open();
    expect(await recorder.take(3)).toEqual([true, true, true]);
    // From now on the server must reply again.
    await answered();
    recorder.unsubscribe();
  });

  it('a peer that disappears is detected after reading resumes, after the whole timeout', async () => {
    const { gate, recorder } = await full();
    observed.silence();
    await delay(2 * LIVENESS);
    const start = performance.now();
    gate.open();
    await expect(recorder.completed()).rejects.toMatchObject({ code: 'LIVENESS_TIMEOUT' });
    expect(performance.now() - start).toBeGreaterThan(LIVENESS - LIVENESS / 4);
    expect(recorder.values).toEqual([true, true, true]);
  });

  it('a handler that blocks the event loop for longer than the timeout causes no error', async () => {
    const blocked = new Gate();
    const recorder = new Recorder(
      observed.stream('0', { livenessTimeout: LIVENESS }).pipe(
        filter(({ kind }) => kind === 'insert'),
        tap(() => {
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3 * LIVENESS);
          blocked.open();
        }),
      ),
    );
    await answered();
    await bed.sql('INSERT INTO numbers VALUES (1)');
    await blocked.opened;
    await bed.sql('INSERT INTO numbers VALUES (2)');
    expect(await recorder.take(2)).toHaveLength(2);
    recorder.unsubscribe();
  });
});

it('a server that is silent for longer than livenessTimeout because it decodes a large unpublished transaction causes no error', async () => {
  await bed.sql('INSERT INTO elsewhere SELECT generate_series(1, 1000000)');
  await bed.sql('INSERT INTO numbers VALUES (1)');
  const livenessTimeout = 100;
  const start = performance.now();
  const stream = observed.stream('20s', { livenessTimeout });
  expect(await firstValueFrom(stream.pipe(filter(({ kind }) => kind === 'insert')))).toMatchObject({ new: { id: 1 } });
  const took = performance.now() - start;
  const silence = observed.longestSilence(start);
  process.stdout.write(
    `PostgreSQL ${bed.server.version}: silent for ${Math.round(silence)} ms of ${Math.round(took)} ms\n`,
  );
  expect(silence).toBeGreaterThan(2 * livenessTimeout);
});
