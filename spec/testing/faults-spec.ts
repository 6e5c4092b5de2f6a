import { retry, type MonoTypeOperatorFunction } from 'rxjs';
import { ackAfter, logicalReplication, reconnect, transactions } from '../../lib';
import { faults, FakeWalSender, table, transaction, type FaultKind, type Step } from '../../lib/testing';
import { Clock } from '../support/clock';
import { FakeBackend } from '../support/fake-backend';
import { streaming } from '../support/streaming';
import { performStep } from '../../lib/testing/steps';

const orders = table('orders', { id: 'int4' });
const TRANSACTIONS = 12;
const COMMIT_TIME = new Date('2024-05-06T07:08:09Z');
const commits = (count: number) =>
  Array.from({ length: count }, (_, id) => transaction([orders.insert({ id })], { commitTime: COMMIT_TIME }));

const withoutWaits = (steps: readonly Step[]) => steps.filter((step) => !('wait' in step));

describe('a fault program', () => {
  it('is the same for the same seed, and differs for another', () => {
    const transactions = commits(3);
    const programs = Array.from({ length: 50 }, (_, seed) => faults(seed, { transactions }));
    for (const program of programs) expect(faults(program.seed, { transactions })).toEqual(program);
    expect(new Set(programs.map(({ steps }) => JSON.stringify(steps))).size).toBe(50);
  });

  it('has faults of all kinds, or of the requested ones', () => {
    const kindsOf = (steps: readonly Step[]) => new Set(steps.flatMap((step) => Object.keys(step)));
    const all = kindsOf(faults(1, { count: 500 }).steps);
    expect([...all].sort()).toEqual([
      'cut',
      'error',
      'glue',
      'halfClose',
      'keepalive',
      'notice',
      'occupy',
      'refuse',
      'reset',
      'split',
      'stall',
      'wait',
    ]);
    const kinds: FaultKind[] = ['cut', 'stall'];
    expect([...kindsOf(faults(1, { count: 50, kinds }).steps)].sort()).toEqual([...kinds, 'wait']);
    expect(faults(1).steps).toHaveLength(20);
  });

  it('pauses after each step, up to the maximum', () => {
    const waits = (pause?: number) =>
      faults(1, { count: 300, ...(pause !== undefined && { pause }) }).steps.filter((_, index) => index % 2 === 1);
    const lengths = (pause?: number) => [...new Set(waits(pause).map((step) => ('wait' in step ? step.wait : -1)))];
    expect(lengths().sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(lengths(0)).toEqual([0]);
  });

  it('commits the transactions in order, each once', () => {
    const transactions = commits(20);
    for (let seed = 0; seed < 50; seed++) {
      const { steps } = faults(seed, { transactions });
      expect(steps).toHaveLength(60);
      expect(steps.flatMap((step) => ('commit' in step ? [step.commit] : []))).toEqual(transactions);
    }
  });

  it('has faults before, between and after them', () => {
    const places = Array.from({ length: 200 }, (_, seed) =>
      withoutWaits(faults(seed, { transactions: commits(1), count: 4 }).steps).findIndex((step) => 'commit' in step),
    );
    expect([...new Set(places)].sort()).toEqual([0, 1, 2, 3, 4]);
  });

  it('produces the same bytes at the same times in the same segments', async () => {
    for (let seed = 0; seed < 20; seed++) expect(await transcript(seed)).toEqual(await transcript(seed));
    expect(await transcript(1)).not.toEqual(await transcript(2));
  });
});

/** The bytes that a client receives in virtual time, with their times. */
async function transcript(seed: number): Promise<string[]> {
  const clock = new Clock();
  const server = new FakeBackend(clock);
  const seen: string[] = [];
  const { connect } = server;
  const spied = Object.assign(server, {
    connect: (...[target, events]: Parameters<typeof connect>) =>
      connect(target, {
        ...events,
        connected: (channel) => {
          events.connected(channel);
        },
        data: (bytes) => {
          seen.push(`${clock.now()} ${bytes.toString('hex')}`);
          events.data(bytes);
        },
        closed: (cause) => {
          seen.push(`${clock.now()} closed ${cause?.message ?? ''}`);
          events.closed(cause);
        },
      }),
  });
  const subscription = streaming(spied)
    .pipe(
      transactions(),
      ackAfter(() => undefined),
      retry({ delay: 1 }),
    )
    .subscribe();
  clock.advance(1);
  for (const step of faults(seed, { transactions: commits(5), kinds: VISIBLE }).steps) {
    if ('wait' in step) clock.advance(step.wait);
    else void performStep(server, step);
  }
  subscription.unsubscribe();
  return Promise.resolve(seen);
}

const VISIBLE: FaultKind[] = ['keepalive', 'notice', 'error', 'split', 'glue', 'stall', 'cut', 'reset'];

describe('a stream with ackAfter', () => {
  const SEEDS = 200;
  const AT_ONCE = 20;

  it.each([
    ['reconnect', (): MonoTypeOperatorFunction<number> => reconnect({ initialDelay: 5, maxDelay: 20 })],
    ['retry', (): MonoTypeOperatorFunction<number> => retry({ delay: 5 })],
  ])(
    `and %s does each work once and in order, whatever ${SEEDS} programs do`,
    async (_, again) => {
      let connections = 0;
      for (let first = 0; first < SEEDS; first += AT_ONCE) {
        const seeds = Array.from({ length: AT_ONCE }, (_, i) => first + i);
        connections += (await Promise.all(seeds.map((seed) => run(seed, again())))).reduce(
          (sum, count) => sum + count,
          0,
        );
      }
      // A program without any effect would be meaningless.
      expect(connections).toBeGreaterThan(SEEDS * 2);
    },
    60_000,
  );
});

/** Waits until everything is confirmed, as long as there is progress, so that only a server that nothing reaches fails. */
async function whenConfirmed(server: FakeWalSender): Promise<void> {
  const progress = () => `${server.connections.length} ${server.slot().confirmedFlushLsn}`;
  for (let before = progress(); ; before = progress()) {
    try {
      await server.whenConfirmed(server.walPosition);
      return;
    } catch (error) {
      if (progress() === before) throw error;
    }
  }
}

/** @returns the number of connections */
async function run(seed: number, again: MonoTypeOperatorFunction<number>): Promise<number> {
  const server = await FakeWalSender.listen({ slots: ['orders'], publications: ['orders_pub'] });
  const started: number[] = [];
  const acknowledged: number[] = [];
  const subscription = logicalReplication({ connection: server.url, slot: 'orders', publications: ['orders_pub'] })
    .pipe(
      transactions(),
      ackAfter(async (tx) => {
        const [change] = tx.changes;
        const id = change?.kind === 'insert' ? Number(change.new['id']) : -1;
        started.push(id);
        // Some take longer, so that they are running when a connection ends.
        if (id % 3 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
        return id;
      }),
      again,
    )
    // A project's result is emitted once its transaction is acknowledged.
    .subscribe((id) => acknowledged.push(id));
  try {
    await server.play(faults(seed, { transactions: commits(TRANSACTIONS), count: 15 }));
    await whenConfirmed(server);
    server.verify();
    const all = Array.from({ length: TRANSACTIONS }, (_, id) => id);
    expect({ seed, started, acknowledged }).toEqual({ seed, started: all, acknowledged: all });
  } finally {
    subscription.unsubscribe();
    await server.close();
  }
  return server.connections.length;
}
