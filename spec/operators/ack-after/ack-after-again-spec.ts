import fc from 'fast-check';
import {
  bufferTime,
  bufferWhen,
  concat,
  concatMap,
  defer,
  filter,
  ignoreElements,
  map,
  merge,
  Observable,
  of,
  ReplaySubject,
  retry,
  Subject,
  takeUntil,
  tap,
  throwError,
  timer,
} from 'rxjs';
import { ackAfter } from '../../../lib/operators/ack-after/ack-after';
import { reconnect } from '../../../lib/operators/reconnect';
import { stopAtLsn } from '../../../lib/operators/stop-at-lsn';
import { stopOn } from '../../../lib/operators/stop-on';
import type { Transaction } from '../../../lib/operators/transactions/transaction';
import { transactions } from '../../../lib/operators/transactions/transactions';
import { Clock, microtasks } from '../../support/clock';
import { FakeBackend, transaction } from '../../support/fake-backend';
import { record, streaming } from '../../support/streaming';

/** Works that take so long each, and what is known of them. */
class Works {
  readonly started: number[] = [];
  readonly finished: number[] = [];
  readonly running = new Set<number>();
  most = 0;

  constructor(readonly clock: Clock) {}

  /** A work of so many ms, which fails at its end where that is said. */
  work(xid: number, ms: number, failure?: unknown): Observable<number> {
    return new Observable<number>((subscriber) => {
      this.start(xid);
      const end = timer(ms, this.clock).subscribe(() => {
        this.running.delete(xid);
        if (failure !== undefined) {
          subscriber.error(failure);
          return;
        }
        this.finished.push(xid);
        subscriber.next(xid);
        subscriber.complete();
      });
      return () => {
        this.running.delete(xid);
        end.unsubscribe();
      };
    });
  }

  start(xid: number): void {
    if (this.running.has(xid)) throw new Error(`the work of ${xid} runs twice at once`);
    this.started.push(xid);
    this.running.add(xid);
    this.most = Math.max(this.most, this.running.size);
  }
}

const tx = (xid: number) => transaction({ xid, commitLsn: BigInt(xid) * 0x100n, rows: [`row ${xid}`] });
const end = (xid: number) => BigInt(xid) * 0x100n + 0x30n;

describe('ackAfter, when its stream comes back', () => {
  let clock: Clock;
  let server: FakeBackend;
  let works: Works;
  const again = () => reconnect<number>({ initialDelay: 100, maxDelay: 100, retryable: () => true, scheduler: clock });

  beforeEach(() => {
    clock = new Clock();
    server = new FakeBackend(clock);
    works = new Works(clock);
    jest.spyOn(Math, 'random').mockReturnValue(1);
  });

  afterEach(() => jest.restoreAllMocks());

  /** Transactions under `work`, with a stream that comes back. */
  function run(work: (tx: Transaction) => Observable<number> | Promise<number>, concurrent = 1) {
    const heard = record(streaming(server).pipe(transactions(), ackAfter(work, concurrent), again()));
    clock.advance();
    return heard;
  }

  it('joins a work that still runs', () => {
    const { values, subscription } = run(({ xid }) => works.work(xid, 1000));
    server.commit(tx(1), tx(2));
    clock.advance(500);
    server.last.close(new Error('reset'));
    clock.advance(400);
    expect([server.connections.length, works.started, values]).toEqual([2, [1], []]);
    clock.advance(100);
    expect([works.started, values]).toEqual([[1, 2], [1]]);
    clock.advance(10);
    expect(server.slot().confirmed).toBe(end(1));
    clock.advance(1000);
    expect([works.started, values]).toEqual([
      [1, 2],
      [1, 2],
    ]);
    expect(server.slot().confirmed).toBe(end(2));
    subscription.unsubscribe();
  });

  it('acknowledges what was done while it was away without doing it again, and passes its result on', () => {
    const { values, subscription } = run(({ xid }) => works.work(xid, 50));
    server.commit(tx(1));
    clock.advance(10);
    server.last.close(new Error('reset'));
    clock.advance(80);
    expect([works.finished, values]).toEqual([[1], []]);
    clock.advance(100);
    expect([works.started, values, server.slot().confirmed]).toEqual([[1], [1], end(1)]);
    subscription.unsubscribe();
  });

  it('acknowledges again what was done and could not be confirmed yet, without doing it again', () => {
    const { values, subscription } = run(({ xid }) => works.work(xid, xid === 1 ? 1000 : 10), 2);
    server.commit(tx(1), tx(2), tx(3));
    clock.advance(100);
    expect(values).toEqual([2, 3]);
    server.last.close(new Error('reset'));
    clock.advance(1000);
    expect([works.started, values]).toEqual([
      [1, 2, 3],
      [2, 3, 1],
    ]);
    expect(server.slot().confirmed).toBe(end(3));
    subscription.unsubscribe();
  });

  it('does again what failed, joins the others, and confirms what they finish', () => {
    let failures = 0;
    const { values, subscription } = run(({ xid }) => {
      const fails = xid === 2 && failures++ === 0;
      return works.work(xid, fails ? 100 : 1000 + xid, fails ? new Error('mine') : undefined);
    }, 4);
    server.commit(tx(1), tx(2), tx(3), tx(4), tx(5));
    clock.advance(110);
    expect(server.slot().confirmed).toBe(0x80n);
    clock.advance(1000);
    // Of the four the failed one alone was started again; the fifth had its turn when the first had ended.
    expect(works.started).toEqual([1, 2, 3, 4, 2, 5]);
    expect(values).toEqual([1, 3, 4]);
    expect(server.slot().confirmed).toBe(end(1));
    clock.advance(2000);
    expect([values, server.slot().confirmed, works.most]).toEqual([[1, 3, 4, 2, 5], end(5), 4]);
    subscription.unsubscribe();
  });

  it('does again what fails while nobody waits for it', () => {
    let failures = 0;
    const { values, subscription } = run(({ xid }) =>
      works.work(xid, 50, failures++ === 0 ? new Error('mine') : undefined),
    );
    server.commit(tx(1));
    clock.advance(10);
    server.last.close(new Error('reset'));
    clock.advance(1000);
    expect([works.started, values, server.slot().confirmed]).toEqual([[1, 1], [1], end(1)]);
    subscription.unsubscribe();
  });

  it('fails with a joined work that fails', () => {
    let failures = 0;
    const { values, subscription } = run(({ xid }) =>
      works.work(xid, 500, failures++ === 0 ? new Error('mine') : undefined),
    );
    server.commit(tx(1));
    clock.advance(10);
    server.last.close(new Error('reset'));
    clock.advance(480);
    expect(server.connections).toHaveLength(2);
    clock.advance(1000);
    expect([works.started, values, server.connections.length]).toEqual([[1, 1], [1], 3]);
    subscription.unsubscribe();
  });

  it('never works on more at a time, those of the lost stream included', () => {
    const { subscription } = run(({ xid }) => works.work(xid, 300), 2);
    server.commit(tx(1), tx(2), tx(3), tx(4));
    clock.advance(10);
    server.last.close(new Error('reset'));
    clock.advance(2000);
    expect([works.started, works.most, server.slot().confirmed]).toEqual([[1, 2, 3, 4], 2, end(4)]);
    subscription.unsubscribe();
  });

  it('waits with other work until a place is free, though what runs does not come again', () => {
    let position = 0n;
    const source = streaming(server, { startLsn: () => of(position) }).pipe(
      transactions(),
      ackAfter(({ kind, xid }) => (kind === 'progress' ? of(0) : works.work(xid, 1000))),
      again(),
    );
    const { subscription } = record(source);
    clock.advance();
    server.commit(tx(1), tx(2));
    clock.advance(10);
    // The work has stored its result, and then the store has said so, but the work has not come to its end.
    position = end(1);
    server.last.close(new Error('reset'));
    clock.advance(500);
    expect(works.started).toEqual([1]);
    clock.advance(600);
    expect([works.started, works.most]).toEqual([[1, 2], 1]);
    subscription.unsubscribe();
  });

  it('knows the single messages of the flat stream', () => {
    const seen: string[] = [];
    const { subscription } = record(
      streaming(server).pipe(
        ackAfter((message) => {
          if (message.kind !== 'insert') return of(0);
          seen.push(String(message.new['name']));
          return timer(100, clock);
        }),
        again(),
      ),
    );
    clock.advance();
    server.commit(transaction({ commitLsn: 0x100n, rows: ['a', 'b', 'c'] }));
    clock.advance(150);
    // a is done, b runs; both come again, as their transaction is not confirmed.
    server.last.close(new Error('reset'));
    clock.advance(1000);
    expect([seen, server.slot().confirmed]).toEqual([['a', 'b', 'c'], 0x130n]);
    subscription.unsubscribe();
  });

  it('gives a batch without what was done in another one, and waits for what runs in another one', () => {
    const batches: number[][] = [];
    const { subscription } = record(
      streaming(server).pipe(
        transactions(),
        bufferTime(100, clock),
        ackAfter((batch) => {
          if (batch.length === 0) return of(0);
          batches.push(batch.map(({ xid }) => xid));
          return timer(500, clock);
        }, 2),
        again(),
      ),
    );
    clock.advance();
    server.commit(tx(1), tx(2));
    clock.advance(150);
    server.commit(tx(3));
    clock.advance(100);
    expect(batches).toEqual([[1, 2], [3]]);
    server.last.close(new Error('reset'));
    server.wal.push(tx(4));
    clock.advance(2000);
    expect([batches, server.slot().confirmed]).toEqual([[[1, 2], [3], [4]], end(4)]);
    subscription.unsubscribe();
  });

  it('lets what it cannot recognise wait until the works of the lost stream have ended', () => {
    const { subscription } = record(
      streaming(server).pipe(
        transactions(),
        map(({ xid, ack }) => ({ xid, ack })),
        ackAfter(({ xid }) => works.work(xid, 500), 2),
        again(),
      ),
    );
    clock.advance();
    server.commit(tx(1), tx(2), tx(3));
    clock.advance(10);
    server.last.close(new Error('reset'));
    clock.advance(450);
    expect(works.started).toEqual([1, 2]);
    clock.advance(2000);
    expect(works.started).toEqual([1, 2, 1, 2, 3]);
    expect(server.slot().confirmed).toBe(end(3));
    subscription.unsubscribe();
  });

  it('does so with retry() as well, wherever the error comes from', async () => {
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

  it('calls its Observables off when it is unsubscribed, and joins its Promises, which cannot be, when it is back', async () => {
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

  it('takes up nothing after an error that nobody answers', () => {
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

  it('passes on the error of a work that fails while it is being started', () => {
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

  it('knows merged streams apart, though their transactions commit at the same positions', () => {
    const other = new FakeBackend(clock);
    other.systemId = '7300000000000000002';
    const { subscription } = record(
      merge(streaming(server), streaming(other)).pipe(
        transactions(),
        ackAfter(({ xid }) => works.work(xid, 10), 4),
      ),
    );
    clock.advance();
    // The first of the one stream holds up those behind it, so that they have to be remembered.
    server.commit(...[1, 2, 3].map((n) => transaction({ xid: n, commitLsn: BigInt(n) * 0x100n })));
    other.commit(...[1, 2, 3].map((n) => transaction({ xid: n + 10, commitLsn: BigInt(n) * 0x100n })));
    clock.advance(1000);
    expect([...works.finished].sort((a, b) => a - b)).toEqual([1, 2, 3, 11, 12, 13]);
    expect([server.slot().confirmed, other.slot().confirmed]).toEqual([end(3), end(3)]);
    subscription.unsubscribe();
  });

  it('completes behind merged streams once all of them have closed', () => {
    const other = new FakeBackend(clock);
    const heard = record(
      merge(
        streaming(server).pipe(stopAtLsn(0x200n), transactions()),
        streaming(other, { slot: 'orders' }).pipe(stopAtLsn(0x200n), transactions()),
      ).pipe(ackAfter(({ xid }) => works.work(xid, xid * 100), 4)),
    );
    clock.advance();
    server.commit(transaction({ xid: 1, commitLsn: 0x100n }), tx(2));
    other.commit(transaction({ xid: 3, commitLsn: 0x100n }), tx(2));
    clock.advance(200);
    expect([heard.values, heard.completed]).toEqual([[1], false]);
    clock.advance(1000);
    expect([heard.values, heard.completed]).toEqual([[1, 3], true]);
    expect([server.slot().confirmed, other.slot().confirmed]).toEqual([0x200n, 0x200n]);
  });

  it('waits for the end of each of them, though slots of two clusters have one name', () => {
    const other = new FakeBackend(clock);
    other.systemId = '7300000000000000002';
    server.latency = 500;
    const heard = record(
      merge(streaming(server).pipe(stopAtLsn(0x200n)), streaming(other).pipe(stopAtLsn(0x200n))).pipe(
        transactions(),
        ackAfter(({ xid }) => works.work(xid, 10), 4),
      ),
    );
    clock.advance(5000);
    server.commit(transaction({ xid: 1, commitLsn: 0x100n }), tx(2));
    other.commit(transaction({ xid: 3, commitLsn: 0x100n }), tx(2));
    clock.advance(400);
    // The work is done, and the slower server has not answered the farewell yet.
    expect([heard.values, heard.completed]).toEqual([[1, 3], false]);
    clock.advance(1000);
    expect(heard.completed).toBe(true);
  });

  it('does another transaction that a new timeline has at the same position', () => {
    const { values, subscription } = run(({ xid }) => works.work(xid, 100));
    server.commit(transaction({ xid: 1, commitLsn: 0x100n }));
    clock.advance(10);
    server.last.close(new Error('reset'));
    server.wal.length = 0;
    server.wal.push(transaction({ xid: 2, commitLsn: 0x100n }));
    clock.advance(1000);
    expect([works.finished, values]).toEqual([[1, 2], [2]]);
    subscription.unsubscribe();
  });

  it('keeps a part of a batch waiting while another part lets the batch be joined', () => {
    const running: number[] = [];
    let overlaps = 0;
    const sizes = [2, 1, 1];
    const { subscription } = record(
      streaming(server).pipe(
        transactions(),
        bufferWhen(() => timer(50, clock)),
        concatMap((batch) => (sizes.shift() === 1 ? batch.map((one) => [one]) : [batch])),
        ackAfter((batch) => {
          for (const { xid } of batch) {
            if (running.includes(xid)) overlaps++;
            running.push(xid);
          }
          return timer(500, clock).pipe(
            tap(() => {
              for (const { xid } of batch) running.splice(running.indexOf(xid), 1);
            }),
          );
        }, 2),
        again(),
      ),
    );
    clock.advance();
    server.commit(tx(1), tx(2));
    clock.advance(60);
    server.last.close(new Error('reset'));
    clock.advance(3000);
    expect([overlaps, server.slot().confirmed]).toEqual([0, end(2)]);
    subscription.unsubscribe();
  });

  it('knows what was done although it comes again in a batch that fails', () => {
    const given: number[][] = [];
    let failures = 0;
    // Alone, then with the next one, then both again.
    const sizes = [1, 2, 2];
    const { subscription } = record(
      streaming(server).pipe(
        transactions(),
        bufferWhen(() => timer(50, clock)),
        map((batch) => batch.slice(0, sizes[given.length] ?? 2)),
        filter((batch) => batch.length > 0),
        ackAfter((batch) => {
          given.push(batch.map(({ xid }) => xid));
          const fails = batch.some(({ xid }) => xid === 2) && failures++ === 0;
          return timer(100, clock).pipe(concatMap((n) => (fails ? throwError(() => new Error('mine')) : of(n))));
        }),
        again(),
      ),
    );
    clock.advance();
    server.commit(tx(1));
    clock.advance(60);
    server.last.close(new Error('reset'));
    server.wal.push(tx(2));
    clock.advance(200);
    // The second work runs, of a batch with the first transaction, which was done while the stream was away.
    server.last.close(new Error('reset'));
    clock.advance(3000);
    expect([given, server.slot().confirmed]).toEqual([[[1], [2], [2]], end(2)]);
    subscription.unsubscribe();
  });

  it('joins what was started by somebody who unsubscribed inside it, where it runs on', async () => {
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
    // An Observable is not subscribed to any more.
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

  it('joins an async generator, which cannot be called off either', async () => {
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
    ['while it is being made again', 100],
  ])('calls off what runs on when somebody unsubscribes %s', (_, ms) => {
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

  it('calls off what runs on when reconnect() has given up', () => {
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
    ['a text', () => 'busy'],
    [
      'the same Error each time',
      (
        (busy) => () =>
          busy
      )(new Error('busy')),
    ],
  ])('lets reconnect() know how far it has come, though what fails is %s', (_, failure) => {
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

  it('is not taken up again after a stop was asked for, whatever it fails with', () => {
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

  it('does not say that it is complete when it is stopped while it is away', () => {
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

  it('does a replay again that confirms nothing', () => {
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

  it('does every transaction once, whatever happens to the stream and however long it takes', () => {
    const plan = fc.record({
      concurrent: fc.integer({ min: 1, max: 5 }),
      works: fc.array(fc.record({ ms: fc.integer({ min: 0, max: 400 }), fails: fc.nat({ max: 2 }) }), {
        minLength: 1,
        maxLength: 12,
      }),
      cuts: fc.array(fc.integer({ min: 1, max: 600 }), { maxLength: 6 }),
    });
    fc.assert(
      fc.property(plan, (given) => {
        clock = new Clock();
        server = new FakeBackend(clock);
        works = new Works(clock);
        const failures = given.works.map(({ fails }) => fails);
        const { values, subscription } = run(({ xid }) => {
          const { ms } = given.works[xid - 1]!;
          const fails = failures[xid - 1]!-- > 0;
          return fails
            ? works.work(xid, ms, new Error('mine'))
            : concat(works.work(xid, ms), timer(0, clock).pipe(ignoreElements()));
        }, given.concurrent);
        server.commit(...given.works.map((_, i) => tx(i + 1)));
        for (const ms of given.cuts) {
          clock.advance(ms);
          server.last.close(new Error('reset'));
        }
        clock.advance(20_000);
        const all = given.works.map((_, i) => i + 1);
        // As a server does that has caught up: what was acknowledged just before a cut is told by this.
        server.last.keepalive(end(all.length));
        clock.advance(200);
        expect([...works.finished].sort((a, b) => a - b)).toEqual(all);
        expect([...values].sort((a, b) => a - b)).toEqual(all);
        expect(works.most).toBeLessThanOrEqual(given.concurrent);
        expect(server.slot().confirmed).toBe(end(all.length));
        subscription.unsubscribe();
      }),
      { numRuns: 300 },
    );
  });
});
