import { setTimeout as delay } from 'node:timers/promises';
import { concatMap, tap, timer, type Observable } from 'rxjs';
import {
  ackAfter,
  logicalReplication,
  transactions,
  type Checkpoint,
  type PgoutputConfig,
  type PluginConfig,
  type ReplicationError,
  type ReplicationMessage,
} from '../../lib/index';
import { startServer, uniqueName, type TestDatabase, type TestServer } from '../support/server';
import { acknowledging, waitForFailure } from './support/life';
import { waitUntil, Gate, Recorder } from './support/bed';

let server: TestServer;
let database: TestDatabase;

beforeAll(async () => {
  server = await startServer();
  database = await server.createDatabase('stops');
  await database.query(
    `CREATE TABLE numbers (id int, pad text);
     CREATE TABLE elsewhere (id int);
     CREATE PUBLICATION pub FOR TABLE numbers`,
  );
});

afterAll(() => server.dispose());

/** A subscription that ends when the server stops, with its status updates and their times. */
class Client {
  readonly failure: Promise<ReplicationError>;
  received = 0;
  readonly #updates: number[] = [];

  constructor(source: (config: Observers) => Observable<unknown>) {
    const statusObserver = { next: () => void this.#updates.push(performance.now()) };
    this.failure = waitForFailure(
      source({ connection: database.url, statusObserver }).pipe(tap(() => this.received++)),
    );
    // The session may close before the spec waits for it.
    this.failure.catch(() => undefined);
  }

  /** The times of the status updates from then on. */
  updatesSince(start: number): number[] {
    return this.#updates.filter((at) => at >= start);
  }
}

type Observers = Pick<PgoutputConfig, 'connection' | 'statusObserver'>;

const pgoutput = (slot: string, config: Observers, more: Partial<PgoutputConfig> = {}) =>
  logicalReplication({ slot, publications: ['pub'], ...config, ...more });

const raw = (slot: string, config: Observers, more: Partial<PluginConfig> = {}) =>
  logicalReplication({ slot, plugin: 'test_decoding', ...config, ...more });

async function makeSlot(plugin = 'pgoutput'): Promise<string> {
  const slot = uniqueName('slot');
  await database.query('SELECT pg_create_logical_replication_slot($1, $2)', [slot, plugin]);
  return slot;
}

/** Transactions of one row each. */
const publish = (count: number) =>
  database.query(`DO $$ BEGIN FOR i IN 1..${count} LOOP INSERT INTO numbers VALUES (i); COMMIT; END LOOP; END $$`);

const ROWS = 20_000;

/** One transaction that exceeds the window and all socket buffers. */
const publishLarge = () =>
  database.query(`INSERT INTO numbers SELECT g, repeat('x', 1000) FROM generate_series(1, ${ROWS}) g`);

/** Resolves when the server has sent everything. */
async function sentEverything(slot: string): Promise<void> {
  const [end] = await database.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn()::text AS lsn');
  await waitUntil(
    () =>
      database.query(
        `SELECT FROM pg_stat_replication JOIN pg_replication_slots ON active_pid = pid
           WHERE slot_name = $1 AND sent_lsn >= $2`,
        [slot, end?.lsn],
      ),
    (rows) => rows.length === 1,
  );
}

/** The maximum number of updates within one second. */
function busiestSecond(times: readonly number[]): number {
  return Math.max(0, ...times.map((start) => times.filter((at) => at >= start && at < start + 1000).length));
}

interface Stop {
  readonly error: ReplicationError;
  /** How long the server took to stop, in ms, and the time until the running work was done. */
  readonly took: number;
  readonly tookAfter: number;
  readonly busiest: number;
  /** How long the server takes to stop without a client, in ms: the unit of the bounds on a busy machine. */
  readonly alone: number;
}

/** Stops the server as `pg_ctl stop -m fast` does, and restarts it. */
async function fastStop(client: Client, meanwhile?: () => Promise<void>): Promise<Stop> {
  const start = performance.now();
  let done = start;
  // A failure must not affect the next spec.
  const limit = setTimeout(() => void server.stop('immediate'), 10_000);
  const stopped = server.stop('fast').then(() => performance.now());
  if (meanwhile) await meanwhile().then(() => (done = performance.now()));
  const end = await stopped;
  clearTimeout(limit);
  const error = await client.failure;
  const busiest = busiestSecond(client.updatesSince(start));
  process.stdout.write(
    `PostgreSQL ${server.version}: a fast stop ${expect.getState().currentTestName?.replace(/^.* (within 2 s|waits) /, '') ?? ''} ` +
      `took ${Math.round(end - start)} ms${meanwhile ? `, ${Math.round(end - done)} ms after the work` : ''}, ` +
      `with ${busiest} status updates in a second\n`,
  );
  await server.start();
  return { error, took: end - start, tookAfter: end - done, busiest, alone: await stopAlone() };
}

/** Stops the server without a client, and restarts it. @returns how long it took to stop, in ms */
async function stopAlone(): Promise<number> {
  const start = performance.now();
  await server.stop('fast');
  const took = performance.now() - start;
  await server.start();
  return took;
}

/** The bound `ms`, or ten times the duration without clients if that is longer. */
const soon = (ms: number, alone: number): number => Math.max(ms, 10 * alone);

const SHUTDOWN = { code: 'SERVER_SHUTDOWN', retryable: true };

interface Shape {
  readonly source: (slot: string, config: Observers) => Observable<unknown>;
  readonly plugin?: string;
  /** Whether it reads everything that was committed before. */
  readonly published?: boolean;
  /** Runs directly before the stop. */
  readonly before?: () => Promise<unknown>;
}

/** A consumer that owns the position. */
function storing(slot: string, config: Observers): Observable<unknown> {
  let stored: Checkpoint | undefined;
  return pgoutput(slot, config, { startLsn: () => [stored] }).pipe(
    transactions(),
    ackAfter(async (tx) => {
      await delay(1);
      stored = tx.checkpoint;
      return tx;
    }),
  );
}

const writeElsewhere = () => database.query('INSERT INTO elsewhere SELECT generate_series(1, 10000)');

const SHAPES: Readonly<Record<string, Shape>> = {
  'a flat stream': { source: (slot, config) => pgoutput(slot, config).pipe(acknowledging()) },
  transactions: {
    source: (slot, config) =>
      pgoutput(slot, config).pipe(
        transactions(),
        ackAfter((tx) => [tx]),
      ),
  },
  'a transaction committed just before': {
    source: (slot, config) => pgoutput(slot, config).pipe(acknowledging()),
    before: () => publish(1000),
  },
  'a quiet slot beside a busy table that is not published': {
    published: false,
    source: (slot, config) => pgoutput(slot, config),
    before: writeElsewhere,
  },
  'a slot that was never confirmed': { published: false, source: (slot, config) => pgoutput(slot, config) },
  'confirm: false, on which nothing waits': {
    source: (slot, config) => pgoutput(slot, config, { confirm: false }),
    before: writeElsewhere,
  },
  'another plugin': {
    plugin: 'test_decoding',
    source: (slot, config) => raw(slot, config).pipe(acknowledging()),
  },
  'another plugin and confirm: false': {
    plugin: 'test_decoding',
    source: (slot, config) => raw(slot, config, { confirm: false }),
  },
  'a consumer that keeps the position': { source: storing, before: writeElsewhere },
  'a consumer that keeps the position, and a quiet slot': { published: false, source: storing, before: writeElsewhere },
  'a consumer that keeps the position and acknowledges flat': {
    source: (slot, config) => pgoutput(slot, config, { startLsn: () => [] }).pipe(acknowledging()),
    before: writeElsewhere,
  },
  'a consumer that keeps the position and confirms nothing': {
    source: (slot, config) => pgoutput(slot, config, { startLsn: () => [], confirm: false }),
    before: writeElsewhere,
  },
};

describe('a fast shutdown of the server takes at most 2 s', () => {
  it.each(Object.entries(SHAPES))('with %s', async (_, { source, plugin, published = true, before }) => {
    const slot = await makeSlot(plugin);
    if (published) await publish(10);
    const client = new Client((config) => source(slot, config));
    await sentEverything(slot);
    await before?.();
    const { error, took, busiest, alone } = await fastStop(client);
    expect(error).toMatchObject(SHUTDOWN);
    expect(client.received >= 10).toBe(published);
    expect(took).toBeLessThan(soon(2000, alone));
    expect(busiest).toBeLessThan(100);
  });
});

describe('a fast shutdown of the server waits', () => {
  it.each<[string, Partial<PgoutputConfig>]>([
    ['running work', {}],
    ['running work of a consumer that owns the position', { startLsn: () => [] }],
  ])('for %s, and ends as soon as that is done', async (_, more) => {
    const slot = await makeSlot();
    await publish(1);
    const gate = new Gate();
    const client = new Client((config) =>
      pgoutput(slot, config, more).pipe(
        transactions(),
        ackAfter((tx, index) => (index === 0 ? [tx] : gate.opened)),
      ),
    );
    // Until something is confirmed, the server waits for nothing else.
    await waitUntil(
      () => Promise.resolve(client.received),
      (received) => received > 0,
    );
    await publish(1);
    await sentEverything(slot);
    const { error, tookAfter, busiest, alone } = await fastStop(client, async () => {
      await delay(1500);
      gate.open();
    });
    expect(error).toMatchObject(SHUTDOWN);
    expect(tookAfter).toBeGreaterThan(0);
    expect(tookAfter).toBeLessThan(soon(1000, alone));
    // The server requests replies continuously; the replies must be rate-limited.
    expect(busiest).toBeLessThan(100);
  });

  it('for the end of a large transaction, at the speed of its handler', async () => {
    const slot = await makeSlot();
    await publishLarge();
    let handled = 0;
    const work = (message: ReplicationMessage): Observable<unknown> | [] => {
      message.ack();
      if (message.kind !== 'insert') return [];
      handled++;
      return handled % 500 === 0 ? timer(50) : [];
    };
    const client = new Client((config) => pgoutput(slot, config).pipe(concatMap(work)));
    await waitUntil(
      () => Promise.resolve(handled),
      (count) => count >= 1000,
    );
    const left = ROWS - handled;
    const { error, took, busiest } = await fastStop(client);
    expect(error).toMatchObject(SHUTDOWN);
    expect(handled).toBe(ROWS);
    expect(took).toBeGreaterThan((left / 500 - 1) * 50);
    expect(busiest).toBeLessThan(100);
  });

  it('at most ackTimeout for a handler that never finishes', async () => {
    const slot = await makeSlot();
    await publish(1);
    const client = new Client((config) =>
      pgoutput(slot, config, { ackTimeout: 1000 }).pipe(
        transactions(),
        ackAfter(() => new Promise<never>(() => undefined)),
      ),
    );
    await sentEverything(slot);
    const { error, took, busiest, alone } = await fastStop(client);
    expect(error).toMatchObject({ code: 'ACK_TIMEOUT', retryable: false });
    expect(took).toBeLessThan(soon(3000, alone));
    expect(busiest).toBeLessThan(100);
  });

  it('no longer after unsubscribing, even within a large transaction', async () => {
    const slot = await makeSlot();
    await publishLarge();
    // Nothing is acknowledged: the window is full, and the rest of the transaction is not read.
    const recorder = new Recorder(pgoutput(slot, { connection: database.url }));
    await recorder.take(500);
    const stopped = server.stop('fast').then(() => performance.now());
    expect(await Promise.race([stopped, delay(500, 'waits')])).toBe('waits');
    const left = performance.now();
    recorder.unsubscribe();
    const took = (await stopped) - left;
    process.stdout.write(`PostgreSQL ${server.version}: a fast stop took ${Math.round(took)} ms after unsubscribing\n`);
    await server.start();
    expect(took).toBeLessThan(soon(1000, await stopAlone()));
  });
});
