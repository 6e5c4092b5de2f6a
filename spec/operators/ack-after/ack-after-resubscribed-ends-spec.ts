import {
  concatMap,
  defer,
  type Observable,
  of,
  ReplaySubject,
  retry,
  Subject,
  takeUntil,
  throwError,
  timer,
} from 'rxjs';
import { ackAfter } from '../../../lib/operators/ack-after/ack-after';
import { reconnect } from '../../../lib/operators/reconnect/reconnect';
import { stopAtLsn } from '../../../lib/operators/stop-at-lsn';
import { stopOn } from '../../../lib/operators/stop-on';
import type { Transaction } from '../../../lib/operators/transactions/transaction';
import { transactions } from '../../../lib/operators/transactions/transactions';
import { Clock, microtasks } from '../../support/clock';
import { FakeBackend } from '../../support/fake-backend';
import { record, streaming } from '../../support/streaming';
import { WorkLog, tx, end } from '../support/work-log';

let clock: Clock;
let server: FakeBackend;
let works: WorkLog;

const again = () => reconnect<number>({ initialDelay: 100, maxDelay: 100, retryable: () => true, scheduler: clock });

beforeEach(() => {
  clock = new Clock();
  server = new FakeBackend(clock);
  works = new WorkLog(clock);
  jest.spyOn(Math, 'random').mockReturnValue(1);
});

/** Transactions processed by `work`, with a stream that is resubscribed. */
function run(work: (tx: Transaction) => Observable<number> | Promise<number>, concurrent = 1) {
  const heard = record(streaming(server).pipe(transactions(), ackAfter(work, concurrent), again()));
  clock.advance();
  return heard;
}

describe('ackAfter, when work outlives their stream', () => {
  it('does so with retry(), too, wherever the error comes from', async () => {
    let finish: (value: number) => void = () => undefined;
    const promises: number[] = [];
    let failures = 0;
    const { values, subscription } = record(
      streaming(server).pipe(
        transactions(),
        ackAfter(({ xid }) => {
          if (xid === 2 && failures++ === 0) return throwError(() => new Error('mine'));
          promises.push(xid);
          return new Promise<number>((resolve) => {
            finish = resolve;
          });
        }, 2),
        retry({ delay: () => timer(10, clock) }),
      ),
    );
    clock.advance();
    server.commit(tx(1), tx(2));
    clock.advance(100);
    expect(promises).toEqual([1, 2]);
    finish(2);
    await microtasks();
    expect(values).toEqual([2]);
    subscription.unsubscribe();
  });

  it('unsubscribes its Observables when it is unsubscribed, and reattaches its Promises, which cannot be cancelled', async () => {
    let finish: (value: number) => void = () => undefined;
    let promises = 0;
    const source = streaming(server).pipe(
      transactions(),
      ackAfter(({ xid }) => {
        if (xid === 1) return works.work(xid, 500);
        promises++;
        return new Promise<number>((resolve) => {
          finish = resolve;
        });
      }, 2),
    );
    const first = record(source);
    clock.advance();
    server.commit(tx(1), tx(2));
    clock.advance(10);
    first.subscription.unsubscribe();
    expect(works.running.size).toBe(0);
    clock.advance(10);
    expect(server.slot().confirmed).toBe(0x80n);

    const second = record(source);
    clock.advance(10);
    expect([works.started, promises]).toEqual([[1, 1], 1]);
    finish(7);
    await microtasks();
    expect(second.values).toEqual([7]);
    clock.advance(1000);
    expect([second.values, server.slot().confirmed]).toEqual([[7, 1], end(2)]);
    second.subscription.unsubscribe();
  });

  it('reattaches nothing after an error that is not retried', () => {
    const heard = record(
      streaming(server).pipe(
        transactions(),
        ackAfter(({ xid }) => works.work(xid, 500)),
      ),
    );
    clock.advance();
    server.commit(tx(1));
    server.last.close(new Error('reset'));
    clock.advance(1000);
    expect([heard.events, works.finished, clock.pending]).toEqual([['error'], [1], 0]);
  });

  it('emits the error of work that fails while it is being started', () => {
    const nothing = new Error('not an Observable');
    const heard = record(
      streaming(server).pipe(
        transactions(),
        ackAfter(() => defer(() => throwError(() => nothing))),
      ),
    );
    clock.advance();
    server.commit(tx(1));
    expect(heard.error).toBe(nothing);
    expect(server.slot().confirmed).toBe(0x80n);
  });

  it('reattaches running work whose start has unsubscribed', async () => {
    const enough = new Subject<void>();
    let finish: () => void = () => undefined;
    let promises = 0;
    const source = streaming(server).pipe(
      transactions(),
      ackAfter(({ xid }) => {
        enough.next();
        if (xid === 1) return works.work(xid, 100);
        promises++;
        return new Promise<number>((resolve) => {
          finish = () => {
            resolve(xid);
          };
        });
      }),
    );
    record(source.pipe(takeUntil(enough)));
    clock.advance();
    server.commit(tx(1));
    clock.advance(1000);
    // An Observable is not subscribed to after that.
    expect(works.started).toEqual([]);

    server.wal.length = 0;
    server.wal.push(tx(2));
    record(source.pipe(takeUntil(enough)));
    clock.advance(10);
    const third = record(source);
    clock.advance(10);
    expect([promises, third.values]).toEqual([1, []]);
    finish();
    await microtasks();
    expect(third.values).toEqual([2]);
    third.subscription.unsubscribe();
  });

  it('reattaches an async generator, which cannot be cancelled either', async () => {
    let runs = 0;
    let finish: () => void = () => undefined;
    const source = streaming(server).pipe(
      transactions(),
      ackAfter(async function* ({ xid }) {
        runs++;
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
        yield xid;
      }),
    );
    const first = record(source);
    clock.advance();
    server.commit(tx(1));
    clock.advance(10);
    first.subscription.unsubscribe();
    clock.advance(10);
    const second = record(source);
    clock.advance(10);
    finish();
    await microtasks();
    expect([runs, second.values]).toEqual([1, [1]]);
    second.subscription.unsubscribe();
  });

  it.each([
    ['between two attempts', 50],
    ['while it connects again', 100],
  ])('unsubscribes running work when the subscriber unsubscribes %s', (_, ms) => {
    const { subscription } = run(({ xid }) => works.work(xid, 1_000_000));
    server.commit(tx(1));
    clock.advance(10);
    server.latency = 500;
    server.last.close(new Error('reset'));
    clock.advance(ms);
    expect(works.running.size).toBe(1);
    subscription.unsubscribe();
    expect(works.running.size).toBe(0);
    clock.advance(10_000);
    expect(clock.pending).toBe(0);
  });

  it('unsubscribes running work when reconnect() has given up', () => {
    const heard = record(
      streaming(server).pipe(
        transactions(),
        ackAfter(({ xid }) => (xid === 1 ? works.work(xid, 1_000_000) : throwError(() => new Error('mine'))), 2),
        reconnect({ scheduler: clock }),
      ),
    );
    clock.advance();
    server.commit(tx(1), tx(2));
    clock.advance(10);
    expect([heard.events, works.running.size]).toEqual([['error'], 0]);
  });

  it.each([
    ['text', () => 'busy'],
    [
      'the same Error each time',
      (
        (busy) => () =>
          busy
      )(new Error('busy')),
    ],
  ])('lets reconnect() see its progress, even if the error is %s', (_, failure) => {
    const attempts: number[] = [];
    const failed = new Set<number>();
    const { subscription } = record(
      streaming(server).pipe(
        transactions(),
        ackAfter(({ xid }) => {
          if (failed.has(xid)) return of(xid);
          failed.add(xid);
          return throwError(failure);
        }),
        reconnect({
          initialDelay: 10,
          maxRetries: 2,
          retryable: () => true,
          scheduler: clock,
          attemptObserver: { next: ({ attempt }) => attempts.push(attempt) },
        }),
      ),
    );
    clock.advance();
    server.commit(...[1, 2, 3, 4, 5, 6].map(tx));
    clock.advance(1000);
    expect([attempts, server.slot().confirmed]).toEqual([[1, 1, 1, 1, 1, 1], end(6)]);
    subscription.unsubscribe();
  });

  it('reattaches nothing after a stop, whatever the error', () => {
    const stop = new Subject<void>();
    let runs = 0;
    const heard = record(
      streaming(server).pipe(
        stopOn(stop),
        transactions(),
        ackAfter(() => {
          runs++;
          return timer(100, clock).pipe(concatMap(() => throwError(() => 'busy')));
        }),
        again(),
      ),
    );
    clock.advance();
    server.commit(tx(1));
    clock.advance(10);
    stop.next();
    clock.advance(10_000);
    expect([runs, heard.error]).toEqual([1, 'busy']);
  });

  it('does not complete when it is stopped while disconnected', () => {
    const stop = new ReplaySubject<void>(1);
    const heard = record(
      streaming(server).pipe(
        stopOn(stop),
        transactions(),
        ackAfter(({ xid }) => works.work(xid, 1000)),
        again(),
      ),
    );
    clock.advance();
    server.commit(tx(1));
    clock.advance(10);
    server.last.close(new Error('reset'));
    stop.next();
    clock.advance(10_000);
    expect(heard).toMatchObject({ completed: false, error: { code: 'CONNECTION_LOST' } });
    expect(works.running.size).toBe(0);
  });

  it('repeats a replay that confirms nothing', () => {
    server.commit(tx(1), tx(2));
    const seen: number[] = [];
    const replay = streaming(server, { confirm: false }).pipe(
      stopAtLsn(0x300n),
      transactions(),
      ackAfter(({ xid }) => seen.push(xid)),
    );
    for (let times = 0; times < 2; times++) {
      const { completed } = record(replay);
      expect(completed).toBe(false);
      clock.advance();
      server.last.keepalive(0x300n);
      clock.advance(1000);
    }
    expect(seen).toEqual([1, 2, 1, 2]);
  });
});
