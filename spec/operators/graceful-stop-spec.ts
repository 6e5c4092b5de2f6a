import { getEventListeners } from 'node:events';
import {
  concatMap,
  defer,
  map,
  merge,
  NEVER,
  of,
  ReplaySubject,
  retry,
  Subject,
  tap,
  throwError,
  timer,
  type MonoTypeOperatorFunction,
  type Observable,
} from 'rxjs';
import type { PgoutputConfig } from '../../lib/config/stream-config';
import { ackAfter } from '../../lib/operators/ack-after/ack-after';
import { reconnect } from '../../lib/operators/reconnect/reconnect';
import { stopAtLsn } from '../../lib/operators/stop-at-lsn';
import { stopOn } from '../../lib/operators/stop-on';
import type { StopNotifier } from '../../lib/operators/stop-request';
import type { Transaction } from '../../lib/operators/transactions/transaction';
import { transactions } from '../../lib/operators/transactions/transactions';
import { Clock } from '../support/clock';
import { FakeBackend, transaction } from '../support/fake-backend';
import { record, streaming, type RecordedEvents } from '../support/streaming';

const tx = (xid: number) => transaction({ xid, commitLsn: BigInt(xid) * 0x100n, rows: [`row ${xid}`] });
const end = (xid: number) => BigInt(xid) * 0x100n + 0x30n;

let clock: Clock;
let server: FakeBackend;

beforeEach(() => {
  clock = new Clock();
  server = new FakeBackend(clock);
  jest.spyOn(Math, 'random').mockReturnValue(1);
});

afterEach(() => jest.restoreAllMocks());

/** The notifiers, and whether they are subscribed to. */
interface Asking {
  readonly notifier: StopNotifier;
  stop(): void;
  listeners(): number;
}

const NOTIFIERS: Readonly<Record<string, () => Asking>> = {
  'a Subject': () => {
    const subject = new Subject<void>();
    return {
      notifier: subject,
      stop: () => {
        subject.next();
      },
      listeners: () => (subject.observed ? 1 : 0),
    };
  },
  'an AbortSignal': () => {
    const controller = new AbortController();
    return {
      notifier: controller.signal,
      stop: () => {
        controller.abort();
      },
      listeners: () => getEventListeners(controller.signal, 'abort').length,
    };
  },
  'a notifier that emits as it is subscribed to': () => {
    const subject = new ReplaySubject<void>(1);
    return {
      notifier: defer(() => subject),
      stop: () => {
        subject.next();
      },
      listeners: () => (subject.observed ? 1 : 0),
    };
  },
};

const DELAY = 100_000;

/** The operators after the stop: `retry` and `reconnect` wait for long before they retry. */
const BELOW: Readonly<Record<string, () => MonoTypeOperatorFunction<number>>> = {
  'nothing below': () => tap(),
  'retry below': () => retry({ delay: () => timer(DELAY, clock), count: 3 }),
  'reconnect below': () => reconnect({ initialDelay: DELAY, maxDelay: DELAY, retryable: () => true, scheduler: clock }),
};

type Work = (tx: Transaction) => Observable<number>;

interface Scenario extends RecordedEvents<number>, Asking {
  readonly source: Observable<number>;
}

function scenario(
  asking: Asking,
  below: MonoTypeOperatorFunction<number>,
  work: Work = ({ xid }) => of(xid),
  config: Partial<PgoutputConfig> = {},
  concurrent = 1,
): Scenario {
  const source = streaming(server, config).pipe(
    stopOn(asking.notifier),
    transactions(),
    ackAfter((tx) => work(tx), concurrent),
    below,
  );
  return Object.defineProperties(record(source), {
    ...Object.getOwnPropertyDescriptors(asking),
    source: { value: source },
  }) as Scenario;
}

/** Enough time for running work, and not for a retry. */
function settle(): void {
  clock.advance(DELAY / 4);
}

function lose(): void {
  server.last.close(new Error('reset'));
}

const slow =
  (ms = 1000): Work =>
  ({ xid }) =>
    timer(ms, clock).pipe(map(() => xid));

const failing =
  (ms = 1000): Work =>
  () =>
    timer(ms, clock).pipe(concatMap(() => throwError(() => 'the work’s')));

/** Verifies that no connection, timer or listener is left. */
function expectQuiet(asking: Asking): void {
  expect([asking.listeners(), clock.pending, server.connections.filter(({ closed }) => !closed)]).toEqual([0, 0, []]);
}

describe.each(Object.keys(NOTIFIERS))('a stop by %s', (kind) => {
  const asking = (): Asking => NOTIFIERS[kind]!();

  describe.each(Object.keys(BELOW))('with %s', (name) => {
    const below = (): MonoTypeOperatorFunction<number> => BELOW[name]!();

    it.each<[where: string, config: Partial<PgoutputConfig>, prepare: () => void]>([
      ['while connecting', {}, () => (server.latency = 1000)],
      ['while a host does not answer', {}, () => (server.behaviour.reachable = false)],
      ['while startLsn is running', { startLsn: () => NEVER }, () => undefined],
      [
        'while the slot is being made',
        { ensureSlot: true, slot: 'new' },
        () => (server.behaviour.creationWaits = true),
      ],
      ['while no messages arrive', {}, () => undefined],
    ])('%s completes, and leaves nothing behind', (_, config, prepare) => {
      prepare();
      const heard = scenario(asking(), below(), undefined, config);
      clock.advance(500);
      heard.stop();
      settle();
      expect(heard.events).toEqual(['complete']);
      expectQuiet(heard);
    });

    it('while the previous subscription is closing completes without connecting', () => {
      const heard = scenario(asking(), below(), slow());
      clock.advance();
      server.behaviour.onCopyDone = 'ignore';
      server.latency = 100;
      heard.subscription.unsubscribe();
      const again = record(heard.source);
      heard.stop();
      settle();
      expect(again.events).toEqual(['complete']);
      expect(server.connections).toHaveLength(1);
      expectQuiet(heard);
    });

    it('lets running work finish, and completes when it is confirmed, however often it is requested', () => {
      const heard = scenario(asking(), below(), slow());
      clock.advance();
      server.commit(tx(1));
      heard.stop();
      clock.advance(500);
      server.commit(tx(2));
      heard.stop();
      expect(heard.events).toEqual([]);
      settle();
      expect([heard.values, heard.completed, server.slot().confirmed]).toEqual([[1], true, end(1)]);
      expectQuiet(heard);
    });

    it('ends with the error of work that fails in the meantime', () => {
      const heard = scenario(asking(), below(), failing());
      clock.advance();
      server.commit(tx(1));
      heard.stop();
      clock.advance(DELAY * 10);
      expect([heard.events, heard.error, server.slot().confirmed]).toEqual([['error'], 'the work’s', 0x80n]);
      expect(server.connections).toHaveLength(1);
      expectQuiet(heard);
    });

    it('ends with the error of a connection that is lost in the meantime', () => {
      const heard = scenario(asking(), below(), slow());
      clock.advance();
      server.commit(tx(1));
      heard.stop();
      clock.advance(500);
      lose();
      clock.advance(DELAY * 10);
      expect(heard).toMatchObject({ events: ['error'], error: { code: 'CONNECTION_LOST' } });
      expect(server.connections).toHaveLength(1);
      expectQuiet(heard);
    });
  });

  describe('while delivered transactions are being processed, with reconnect', () => {
    const below = (): MonoTypeOperatorFunction<number> => BELOW['reconnect below']!();

    it.each<[what: string, work: Work, end: () => void, error: unknown]>([
      ['work that fails meanwhile', failing(), settle, 'the work’s'],
      ['a connection that is lost meanwhile', slow(), lose, expect.objectContaining({ code: 'CONNECTION_LOST' })],
    ])('ends immediately with the error of %s, without a retry', (_, work, fail, error) => {
      const heard = scenario(asking(), below(), work);
      clock.advance();
      server.commit(tx(1));
      heard.stop();
      clock.advance(500);
      fail();
      settle();
      expect([heard.events, heard.error]).toEqual([['error'], error]);
      expectQuiet(heard);
    });
  });

  describe('while reconnect waits to retry', () => {
    const below = (): MonoTypeOperatorFunction<number> => BELOW['reconnect below']!();

    it("ends the wait immediately with the connection's error if something may be unconfirmed", () => {
      const heard = scenario(asking(), below());
      clock.advance();
      server.commit(tx(1));
      lose();
      heard.stop();
      expect(heard).toMatchObject({ events: ['next', 'error'], error: { code: 'CONNECTION_LOST' } });
      expectQuiet(heard);
    });

    it('ends it with the error of the failed work', () => {
      const heard = scenario(asking(), below(), failing());
      clock.advance();
      server.commit(tx(1));
      clock.advance(2000);
      heard.stop();
      settle();
      expect([heard.events, heard.error]).toEqual([['error'], 'the work’s']);
      expectQuiet(heard);
    });

    it('takes effect directly after the project has failed, while its session is closing', () => {
      const heard = scenario(asking(), below(), failing(0));
      clock.advance();
      server.latency = 100;
      server.commit(tx(1));
      clock.advance(1);
      heard.stop();
      settle();
      expect([heard.events, heard.error]).toEqual([['error'], 'the work’s']);
      expectQuiet(heard);
    });

    it('completes if nothing was delivered', () => {
      const heard = scenario(asking(), below());
      clock.advance();
      lose();
      heard.stop();
      expect(heard.events).toEqual(['complete']);
      expectQuiet(heard);
    });

    it('completes if no connection was established', () => {
      server.behaviour.refusal = Object.assign(new Error('no'), { code: 'ECONNREFUSED' });
      const heard = scenario(asking(), below());
      clock.advance();
      expect([heard.events, heard.listeners()]).toEqual([[], 1]);
      heard.stop();
      expect(heard.events).toEqual(['complete']);
      expectQuiet(heard);
    });

    it('has no effect after reconnect was unsubscribed', () => {
      const heard = scenario(asking(), below());
      clock.advance();
      lose();
      expect(heard.listeners()).toBe(1);
      heard.subscription.unsubscribe();
      expectQuiet(heard);
    });
  });

  describe('after a retry of reconnect', () => {
    const below = (): MonoTypeOperatorFunction<number> => BELOW['reconnect below']!();

    it('that is still connecting, ends with the previous error', () => {
      const heard = scenario(asking(), below(), slow());
      clock.advance();
      server.commit(tx(1));
      lose();
      server.latency = 1000;
      clock.advance(DELAY);
      expect(server.connections).toHaveLength(2);
      heard.stop();
      settle();
      expect(heard).toMatchObject({ events: ['error'], error: { code: 'CONNECTION_LOST' } });
      expectQuiet(heard);
    });

    it('completes once everything delivered before has been confirmed', () => {
      const heard = scenario(asking(), below(), slow());
      clock.advance();
      server.commit(tx(1));
      lose();
      clock.advance(DELAY + 500);
      heard.stop();
      settle();
      expect([heard.events, server.slot().confirmed]).toEqual([['next', 'complete'], end(1)]);
      expectQuiet(heard);
    });

    it('completes, and confirms what the server had not received before the connection was lost', () => {
      const heard = scenario(asking(), below());
      clock.advance();
      server.commit(tx(1));
      server.slot().confirmed = 0x80n;
      lose();
      clock.advance(DELAY);
      heard.stop();
      settle();
      expect([heard.events, server.slot().confirmed]).toEqual([['next', 'complete'], end(1)]);
      expectQuiet(heard);
    });

    it('waits for work that has been running since then', () => {
      const heard = scenario(asking(), below(), slow(DELAY * 2));
      clock.advance();
      server.commit(tx(1));
      lose();
      clock.advance(DELAY + 1);
      heard.stop();
      clock.advance(DELAY / 2);
      expect(heard.events).toEqual([]);
      clock.advance(DELAY);
      expect([heard.events, server.slot().confirmed]).toEqual([['next', 'complete'], end(1)]);
      expectQuiet(heard);
    });

    it('ends with the error, once redelivered transactions are confirmed, if not all were redelivered', () => {
      const heard = scenario(asking(), below(), slow(), {}, 4);
      clock.advance();
      server.commit(tx(1), tx(2), tx(3));
      lose();
      // The server has only the first one ready at the stop.
      const later = server.wal.splice(1);
      clock.advance(DELAY + 100);
      heard.stop();
      settle();
      server.wal.push(...later);
      expect(heard).toMatchObject({ events: ['next', 'error'], error: { code: 'CONNECTION_LOST' } });
      expect(server.slot().confirmed).toBe(end(1));
      expectQuiet(heard);
    });
  });
});

describe.each(['an AbortSignal', 'a notifier that emits as it is subscribed to'])('%s', (kind) => {
  const asking = (): Asking => NOTIFIERS[kind]!();

  it.each(Object.keys(BELOW))('that stops before the subscription completes it without connecting, with %s', (name) => {
    const already = asking();
    already.stop();
    const heard = scenario(already, BELOW[name]!());
    expect(heard.events).toEqual(['complete']);
    expect(server.connections).toHaveLength(0);
    expectQuiet(heard);
  });

  it('ends what retry() resubscribes to, with the error of the failed work', () => {
    const heard = scenario(asking(), retry({ delay: () => timer(1000, clock), count: 3 }), failing());
    clock.advance();
    server.commit(tx(1));
    clock.advance(1100);
    heard.stop();
    settle();
    expect([heard.events, heard.error, server.connections.length]).toEqual([['error'], 'the work’s', 1]);
    expectQuiet(heard);
  });

  it('ends what retry() resubscribes to, with the error of the lost connection', () => {
    const heard = scenario(asking(), retry({ delay: () => timer(1000, clock), count: 3 }), slow());
    clock.advance();
    server.commit(tx(1));
    lose();
    heard.stop();
    settle();
    expect(heard).toMatchObject({ events: ['error'], error: { code: 'CONNECTION_LOST' } });
    expect(server.connections).toHaveLength(1);
    expectQuiet(heard);
  });
});

describe('stopOn', () => {
  it('may stop the same stream again', () => {
    const asking = NOTIFIERS['a Subject']!();
    const first = scenario(asking, tap());
    clock.advance();
    server.commit(tx(1));
    asking.stop();
    settle();
    expect(first.events).toEqual(['next', 'complete']);
    const second = record(first.source);
    clock.advance();
    server.commit(tx(2));
    asking.stop();
    settle();
    expect([second.values, second.completed, server.slot().confirmed]).toEqual([[2], true, end(2)]);
    expectQuiet(asking);
  });

  it('does not restart the notifier with each retry of reconnect', () => {
    const source = streaming(server).pipe(
      stopOn(timer(1000, clock)),
      reconnect({ initialDelay: 0, maxDelay: 0, scheduler: clock }),
    );
    const heard = record(source);
    for (const ms of [240, 240, 240, 240]) {
      clock.advance(ms);
      lose();
    }
    clock.advance(100);
    expect([heard.events, server.connections.length]).toEqual([['complete'], 5]);
  });

  it.each<[what: string, one: boolean]>([
    ['before the merge', false],
    ['after the merge', true],
  ])('stops two merged streams, %s, and completes once both are confirmed', (_, below) => {
    const other = new FakeBackend(clock);
    other.systemId = '7300000000000000002';
    const asking = NOTIFIERS['a Subject']!();
    const one = streaming(server);
    const two = streaming(other);
    const merged = below
      ? merge(one, two).pipe(stopOn(asking.notifier))
      : merge(one.pipe(stopOn(asking.notifier)), two.pipe(stopOn(asking.notifier)));
    const heard = record(
      merged.pipe(
        transactions(),
        ackAfter(({ xid }) => timer(xid * 1000, clock).pipe(map(() => xid)), 4),
        BELOW['reconnect below']!(),
      ),
    );
    clock.advance();
    server.commit(transaction({ xid: 1, commitLsn: 0x100n }));
    other.commit(transaction({ xid: 3, commitLsn: 0x100n }));
    asking.stop();
    clock.advance(1100);
    expect(heard.events).toEqual(['next']);
    clock.advance(2000);
    expect([heard.values, heard.completed]).toEqual([[1, 3], true]);
    expect([server.slot().confirmed, other.slot().confirmed]).toEqual([end(1), end(1)]);
  });

  it('ends the wait of two merged streams of which one was lost', () => {
    const other = new FakeBackend(clock);
    const asking = NOTIFIERS['a Subject']!();
    const heard = record(
      merge(streaming(server).pipe(stopOn(asking.notifier)), streaming(other).pipe(stopOn(asking.notifier))).pipe(
        transactions(),
        ackAfter(() => NEVER, 4),
        BELOW['reconnect below']!(),
      ),
    );
    clock.advance();
    other.commit(tx(1));
    lose();
    clock.advance(10);
    asking.stop();
    clock.advance(100);
    expect(heard).toMatchObject({ events: ['error'], error: { code: 'CONNECTION_LOST' } });
    expectQuiet(asking);
  });

  it('without ackAfter completes when nothing more is delivered, and accepts later acknowledgements', () => {
    const asking = NOTIFIERS['a Subject']!();
    const heard = record(streaming(server).pipe(stopOn(asking.notifier), reconnect({ scheduler: clock })));
    clock.advance();
    server.commit(tx(1));
    asking.stop();
    expect(heard.completed).toBe(true);
    clock.advance(1000);
    for (const message of heard.values) expect(message.ack()).toBe(true);
    settle();
    expect(server.slot().confirmed).toBe(end(1));
    expectQuiet(asking);
  });

  it.each<unknown>([undefined, null, 7, {}, () => undefined])('rejects %p, which is not a notifier', (notifier) => {
    expect(() => stopOn(notifier as Observable<unknown>)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', option: 'stopOn' }),
    );
  });
});

describe('stopAtLsn', () => {
  it('completes once everything before the end is confirmed, over any number of retries', () => {
    const heard = record(
      streaming(server).pipe(
        stopAtLsn(0x300n),
        transactions(),
        ackAfter(slow(), 4),
        reconnect({ initialDelay: 10, maxDelay: 10, scheduler: clock }),
      ),
    );
    clock.advance();
    server.commit(tx(1), tx(2), tx(3));
    for (const ms of [200, 200, 200]) {
      clock.advance(ms);
      // It is already draining.
      lose();
    }
    settle();
    expect([heard.values, heard.completed, server.slot().confirmed]).toEqual([[1, 2], true, 0x300n]);
  });

  it('is retried if the server has not responded to CopyDone', () => {
    const closed: unknown[] = [];
    const heard = record(
      streaming(server, { closeObserver: { next: ({ error }) => closed.push(error) } }).pipe(
        stopAtLsn(0x300n),
        transactions(),
        ackAfter(({ xid }) => of(xid)),
        reconnect({ initialDelay: 10, maxDelay: 10, scheduler: clock }),
      ),
    );
    clock.advance();
    server.behaviour.onCopyDone = 'ignore';
    server.commit(tx(1), tx(3));
    clock.advance(10);
    server.slot().confirmed = 0x80n;
    lose();
    server.behaviour.onCopyDone = 'reply';
    settle();
    expect([heard.values, heard.completed, server.slot().confirmed]).toEqual([[1], true, 0x300n]);
    expect(closed).toEqual([expect.objectContaining({ code: 'CONNECTION_LOST' }), undefined]);
  });
});

describe('with a stored position, completion leaves the slot at the stored position', () => {
  it.each<[what: string, stop: 'stopOn' | 'stopAtLsn', keepalive: boolean]>([
    ['no messages arrive', 'stopOn', false],
    ['only keepalives arrive', 'stopOn', true],
    ['no transaction is before the LSN', 'stopAtLsn', true],
  ])('even if %s', (_, stop, keepalive) => {
    const asking = NOTIFIERS['a Subject']!();
    const stored = 0x2000n;
    const heard = record(
      streaming(server, { startLsn: () => stored }).pipe(
        stop === 'stopOn' ? stopOn(asking.notifier) : stopAtLsn(stored),
        transactions(),
        ackAfter(({ endLsn }) => of(endLsn)),
      ),
    );
    clock.advance();
    if (keepalive) server.last.keepalive(stored);
    clock.advance(10);
    asking.stop();
    settle();
    expect([heard.completed, server.slot().confirmed]).toEqual([true, stored]);
    expect(server.violations).toEqual([]);
  });

  it('also after progress transactions', () => {
    const asking = NOTIFIERS['a Subject']!();
    let stored = 0x2000n;
    const heard = record(
      streaming(server, { startLsn: () => stored }).pipe(
        stopOn(asking.notifier),
        transactions(),
        ackAfter(({ endLsn }) => of((stored = endLsn))),
      ),
    );
    clock.advance();
    server.last.keepalive(0x3000n);
    server.last.keepalive(0x4000n);
    asking.stop();
    settle();
    expect([heard.completed, server.slot().confirmed]).toEqual([true, stored]);
    expect(stored).toBeGreaterThan(0x2000n);
  });

  it('and otherwise fails', () => {
    const asking = NOTIFIERS['a Subject']!();
    const heard = scenario(asking, BELOW['reconnect below']!(), undefined, { startLsn: () => 0x2000n });
    clock.advance();
    server.slot().confirmed = 0x80n;
    lose();
    asking.stop();
    settle();
    expect(heard).toMatchObject({ events: ['error'], error: { code: 'CONNECTION_LOST' } });
  });

  it('and confirms nothing with confirm: false', () => {
    const asking = NOTIFIERS['a Subject']!();
    const heard = scenario(asking, tap(), undefined, { startLsn: () => 0x2000n, confirm: false });
    clock.advance();
    asking.stop();
    settle();
    expect([heard.completed, server.slot().confirmed]).toEqual([true, 0x80n]);
  });
});
