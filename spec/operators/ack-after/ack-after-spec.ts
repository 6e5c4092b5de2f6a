import {
  asyncScheduler,
  bufferCount,
  bufferTime,
  concat,
  delay,
  EMPTY,
  from,
  map,
  merge,
  NEVER,
  Observable,
  of,
  retry,
  Subject,
  take,
  tap,
  throwError,
  timer,
} from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import type { ConfigError, ReplicationError } from '../../../lib/common/errors';
import { ackAfter } from '../../../lib/operators/ack-after/ack-after';
import { stopAtLsn } from '../../../lib/operators/stop-at-lsn';
import { stopOn } from '../../../lib/operators/stop-on';
import type { Transaction } from '../../../lib/operators/transactions/transaction';
import { transactions } from '../../../lib/operators/transactions/transactions';
import { captureError } from '../../support/capture-error';
import { Clock, microtasks } from '../../support/clock';
import { FakeBackend, transaction } from '../../support/fake-backend';
import { record, streaming } from '../../support/streaming';

/** A value that records its acknowledgement. */
class Item {
  acknowledged = 0;

  constructor(
    readonly name: string,
    readonly counts = true,
  ) {}

  readonly ack = (): boolean => {
    this.acknowledged++;
    return this.counts;
  };
}

const code = (error: unknown) => (error as ReplicationError | undefined)?.code;

describe('ackAfter, in marble diagrams', () => {
  const items = () => ({ a: new Item('a'), b: new Item('b'), c: new Item('c') });

  type Helpers = Parameters<Parameters<TestScheduler['run']>[0]>[0];

  function run(spec: (helpers: Helpers) => void): void {
    new TestScheduler((actual, expected) => expect(actual).toEqual(expected)).run(spec);
  }

  it('processes values one after the other, in order, and completes after the last', () => {
    run(({ cold, expectObservable, expectSubscriptions }) => {
      const values = items();
      const works = { a: cold('---x|'), b: cold('-y--|'), c: cold('z|') };
      const source = cold('                abc|', values);
      const result = source.pipe(ackAfter(({ name }) => works[name as 'a']));
      expectObservable(result).toBe('      ----x---y(z|)');
      expectSubscriptions(works.a.subscriptions).toBe('^---!');
      expectSubscriptions(works.b.subscriptions).toBe('----^---!');
      expectSubscriptions(works.c.subscriptions).toBe('--------^!');
      expectSubscriptions(source.subscriptions).toBe('^--!');
    });
  });

  it('processes up to `concurrent` values at a time', () => {
    run(({ cold, expectObservable, expectSubscriptions }) => {
      const values = items();
      const works = { a: cold('----x|'), b: cold('-y|'), c: cold('---z|') };
      const source = cold('                abc---|', values);
      expectObservable(source.pipe(ackAfter(({ name }) => works[name as 'a'], 2))).toBe('---y-x-(z|)');
      expectSubscriptions(works.b.subscriptions).toBe('-^-!');
      expectSubscriptions(works.c.subscriptions).toBe('---^---!');
    });
  });

  it('acknowledges each value when its own work completes, in any order', () => {
    run(({ cold, expectObservable, flush }) => {
      const values = items();
      const works = { a: cold('-----|'), b: cold('-|'), c: cold('-----#') };
      expectObservable(cold('(abc)', values).pipe(ackAfter(({ name }) => works[name as 'a'], 3))).toBe('-----#');
      flush();
      expect([values.a, values.b, values.c].map(({ acknowledged }) => acknowledged)).toEqual([1, 1, 0]);
    });
  });

  it('emits the work’s results immediately, but the last one only after the acknowledgement', () => {
    run(({ cold, expectObservable }) => {
      const values = items();
      const work = cold('-x-y--z---|');
      const result = cold('a|', values).pipe(
        ackAfter(() => work),
        map((result) => `${result}${values.a.acknowledged}`),
      );
      expectObservable(result).toBe('---x--y---(z|)', { x: 'x0', y: 'y0', z: 'z1' });
    });
  });

  it('emits an error of the source immediately; running work continues', () => {
    run(({ cold, expectObservable, expectSubscriptions, flush }) => {
      const values = items();
      const work = cold('---x---|');
      expectObservable(cold('a---#', values).pipe(ackAfter(() => work))).toBe('----#');
      expectSubscriptions(work.subscriptions).toBe('^------!');
      flush();
      expect(values.a.acknowledged).toBe(0);
    });
  });

  it('fails immediately with failed work, and starts no more; the others continue', () => {
    run(({ cold, expectObservable, expectSubscriptions, flush }) => {
      const values = items();
      const works = { a: cold('------|'), b: cold('--#'), c: cold('|') };
      const source = cold('abc', values);
      expectObservable(source.pipe(ackAfter(({ name }) => works[name as 'a'], 2))).toBe('---#');
      expectSubscriptions(works.a.subscriptions).toBe('^-----!');
      expectSubscriptions(works.c.subscriptions).toBe([]);
      expectSubscriptions(source.subscriptions).toBe('^--!');
      flush();
      expect([values.a, values.b, values.c].map(({ acknowledged }) => acknowledged)).toEqual([0, 0, 0]);
    });
  });

  it('fails with an error thrown by the projection', () => {
    run(({ cold, expectObservable, flush }) => {
      const values = items();
      const project = ({ name }: Item) => {
        if (name === 'b') throw 'error';
        return [name];
      };
      expectObservable(cold('abc', values).pipe(ackAfter(project))).toBe('a#', { a: 'a' });
      flush();
      expect([values.a, values.b, values.c].map(({ acknowledged }) => acknowledged)).toEqual([1, 0, 0]);
    });
  });

  it('unsubscribes from its work when it is unsubscribed', () => {
    run(({ cold, expectObservable, expectSubscriptions, flush }) => {
      const values = items();
      const work = cold('---x---|');
      const source = cold('abc', values);
      expectObservable(source.pipe(ackAfter(() => work, 2)), '-----!').toBe('');
      expectSubscriptions(work.subscriptions).toBe(['^----!', '-^---!']);
      expectSubscriptions(source.subscriptions).toBe('^----!');
      flush();
      expect(values.a.acknowledged).toBe(0);
    });
  });
});

describe('ackAfter', () => {
  it.each<[what: string, project: (item: Item) => Observable<string> | string[] | Promise<string> | undefined]>([
    ['an observable', ({ name }) => of(name)],
    ['an array', ({ name }) => [name]],
    ['a promise', ({ name }) => Promise.resolve(name)],
  ])('accepts %s from the projection, and emits its values', async (_, project) => {
    const item = new Item('a');
    const heard = record(of(item).pipe(ackAfter(project)));
    await microtasks();
    expect(heard.values).toEqual(['a']);
    expect(heard.completed).toBe(true);
    expect(item.acknowledged).toBe(1);
  });

  it('accepts undefined for synchronous work', () => {
    const item = new Item('a');
    const seen: [string, number][] = [];
    const heard = record(
      of(item, item).pipe(
        ackAfter(({ name }, index) => {
          seen.push([name, index]);
        }),
      ),
    );
    expect(heard.events).toEqual(['complete']);
    expect(seen).toEqual([
      ['a', 0],
      ['a', 1],
    ]);
    expect(item.acknowledged).toBe(2);
  });

  it('accepts an asynchronous function that returns nothing', async () => {
    const item = new Item('a');
    const heard = record(of(item).pipe(ackAfter(async () => microtasks())));
    expect(item.acknowledged).toBe(0);
    await microtasks();
    await microtasks();
    expect(item.acknowledged).toBe(1);
    expect(heard.completed).toBe(true);
  });

  it('fails with a rejected promise', async () => {
    const item = new Item('a');
    const heard = record(of(item).pipe(ackAfter(() => Promise.reject(new Error('mine')))));
    await microtasks();
    expect(heard.error).toEqual(new Error('mine'));
    expect(item.acknowledged).toBe(0);
  });

  it('does not wait if the projection returns a primitive value', () => {
    const returned = [true, 7, 'text', null, undefined];
    const items = returned.map(() => new Item('a'));
    const written: unknown[] = [];
    const heard = record(from(items).pipe(ackAfter((_, index) => void written.push(returned[index]))));
    const counted = record(from(items).pipe(ackAfter((item) => written.push(item))));
    expect([heard.events, counted.events]).toEqual([['complete'], ['complete']]);
    expect(items.map((item) => item.acknowledged)).toEqual(returned.map(() => 2));
  });

  it('does not wait if the projection returns an object that is not an ObservableInput', () => {
    const item = new Item('a');
    const heard = record(of(item).pipe(ackAfter(() => ({ rowCount: 1 }))));
    expect([heard.events, item.acknowledged]).toEqual([['complete'], 1]);
  });

  it('emits the members of an array, for example the rows of a query, and does not wait for them', () => {
    const items = [new Item('a'), new Item('b')];
    const heard = record(from(items).pipe(ackAfter(({ name }) => [{ id: `${name}1` }, { id: `${name}2` }])));
    expect(heard.values).toEqual([{ id: 'a1' }, { id: 'a2' }, { id: 'b1' }, { id: 'b2' }]);
    expect([heard.completed, ...items.map((item) => item.acknowledged)]).toEqual([true, 1, 1]);
  });

  it.each<[what: string, project: () => unknown]>([
    ['an array', () => [1, Promise.resolve(2)]],
    ['a Set', () => new Set([Promise.resolve(1)])],
    ['an Observable', () => of(1).pipe(map((n) => Promise.resolve(n)))],
  ])('rejects Promises among the results of %s, because it would not wait for them', (_, project) => {
    const item = new Item('a');
    const heard = record(of(item).pipe(ackAfter(project)));
    expect([code(heard.error), item.acknowledged]).toEqual(['CONFIG_INVALID', 0]);
    expect(String(heard.error)).toContain('Promise.all()');
  });

  it('stops a source that emits while it is being subscribed to', () => {
    const items = Array.from({ length: 10 }, () => new Item('a'));
    const heard = record(
      from(items).pipe(
        ackAfter(() => [1]),
        take(1),
      ),
    );
    expect(heard.events).toEqual(['next', 'complete']);
    expect(items.filter((item) => item.acknowledged > 0)).toHaveLength(1);
  });

  it('acknowledges every member of an array, in order; an empty one has none', () => {
    const order: string[] = [];
    const item = (name: string) => ({ ack: () => order.push(name) > 0 });
    const heard = record(
      of(item('a'), item('b'), item('c')).pipe(
        bufferCount(2),
        (batches) => concat(of([]), batches),
        ackAfter((batch) => [batch.length]),
      ),
    );
    expect(heard.values).toEqual([0, 2, 1]);
    expect(order).toEqual(['a', 'b', 'c']);
  });

  it.each([0, -1, 0.5, NaN])('rejects a concurrency of %d', (concurrent) => {
    expect(captureError(() => ackAfter(() => undefined, concurrent))).toMatchObject({
      code: 'CONFIG_INVALID',
      option: 'ackAfter.concurrent',
    } satisfies Partial<ConfigError>);
  });

  it('runs 20,000 pieces of synchronous work without growing the stack', () => {
    const count = 20_000;
    const item = new Item('a');
    const projects: (() => unknown)[] = [() => undefined, () => EMPTY, () => of(1), () => [1]];
    for (const project of projects) {
      item.acknowledged = 0;
      const heard = record(from(Array<Item>(count).fill(item)).pipe(ackAfter(project)));
      expect(heard.completed).toBe(true);
      expect(item.acknowledged).toBe(count);
    }
  });

  it.each([1, 4])(
    'runs asynchronous work once and then synchronous work thousands of times, %i at a time',
    (concurrent) => {
      const count = 20_000;
      const gate = new Subject<number>();
      const item = new Item('a');
      const heard = record(
        from(Array<Item>(count).fill(item)).pipe(
          ackAfter((_, index) => (index < concurrent ? gate : of(index)), concurrent),
        ),
      );
      expect(item.acknowledged).toBe(0);
      gate.complete();
      expect(item.acknowledged).toBe(count);
      expect(heard.values).toHaveLength(count - concurrent);
      expect(heard.completed).toBe(true);
    },
  );

  it('starts no more work after unsubscribing', () => {
    let started = 0;
    const item = new Item('a');
    const heard = record(
      from(Array<Item>(100).fill(item)).pipe(
        ackAfter(() => of(++started)),
        take(3),
      ),
    );
    expect(heard.values).toEqual([1, 2, 3]);
    expect(started).toBe(3);
    expect(item.acknowledged).toBe(3);
  });

  it.each([{ tx: 1 }, 'text', null, undefined, [{ ack: 1 }]])(
    'rejects %j, which has no ack(), before any work',
    (value) => {
      const values: Item[] = [JSON.parse(JSON.stringify({ value })).value];
      let started = 0;
      const heard = record(
        from(values).pipe(
          ackAfter(() => {
            started++;
          }),
        ),
      );
      expect([code(heard.error), started]).toEqual(['CONFIG_INVALID', 0]);
    },
  );

  it('fails if an acknowledgement came too late', () => {
    const heard = record(of(new Item('a', false), new Item('b')).pipe(ackAfter(() => [1])));
    expect(code(heard.error)).toBe('ACK_TOO_LATE');
    expect(heard.error).toHaveProperty('retryable', false);
  });

  it('unsubscribes from work that continues to emit after unsubscribing', () => {
    let torn = false;
    const endless = new Observable<number>((subscriber) => {
      for (let i = 0; !subscriber.closed; i++) subscriber.next(i);
      return () => {
        torn = true;
      };
    });
    const heard = record(
      merge(of(new Item('a')), NEVER).pipe(
        ackAfter(() => endless),
        take(5),
      ),
    );
    expect(heard.values).toEqual([0, 1, 2, 3, 4]);
    expect(torn).toBe(true);
  });
});

describe('ackAfter, in a session', () => {
  let clock: Clock;
  let server: FakeBackend;

  beforeEach(() => {
    clock = new Clock();
    server = new FakeBackend(clock);
  });

  const tx = (n: number) => transaction({ commitLsn: BigInt(n) * 0x100n, rows: [`tx ${n}`], xid: n });
  const after = (ms: number) => (value: Transaction) => timer(ms * value.xid, clock).pipe(map(() => value.xid));

  it('confirms a transaction when its work is done', () => {
    const { subscription } = record(streaming(server).pipe(transactions(), ackAfter(after(1000))));
    clock.advance();
    server.commit(tx(1), tx(2));
    clock.advance(999);
    expect(server.slot().confirmed).toBe(0x80n);
    clock.advance(10);
    expect(server.slot().confirmed).toBe(0x130n);
    clock.advance(2000);
    expect(server.slot().confirmed).toBe(0x230n);
    subscription.unsubscribe();
  });

  it('confirms in commit order, although the work finishes in another order', () => {
    const { values, subscription } = record(
      streaming(server).pipe(
        transactions(),
        ackAfter(({ xid }) => timer(1000 * (5 - xid), clock).pipe(map(() => xid)), 4),
      ),
    );
    clock.advance();
    server.commit(tx(1), tx(2), tx(3), tx(4));
    const confirmed = [1, 2, 3, 4].map(() => {
      clock.advance(1000);
      clock.advance(10);
      return server.slot().confirmed;
    });
    expect(values).toEqual([4, 3, 2, 1]);
    expect(confirmed).toEqual([0x80n, 0x80n, 0x80n, 0x430n]);
    subscription.unsubscribe();
  });

  it('accepts single messages of the flat stream', () => {
    const { subscription } = record(streaming(server).pipe(ackAfter(() => timer(10, clock))));
    clock.advance();
    server.commit(tx(1));
    clock.advance(100);
    expect(server.slot().confirmed).toBe(0x130n);
    subscription.unsubscribe();
  });

  it('accepts the arrays of bufferTime, including empty ones, and loses none of their members', () => {
    const { values, subscription } = record(
      streaming(server).pipe(
        transactions(),
        bufferTime(100, clock),
        ackAfter((batch) => [batch.length]),
      ),
    );
    clock.advance();
    server.commit(tx(1), tx(2));
    clock.advance(250);
    server.commit(tx(3));
    clock.advance(100);
    expect(values).toEqual([2, 0, 1]);
    expect(server.slot().confirmed).toBe(0x330n);
    subscription.unsubscribe();
  });

  it('confirms nothing of failed work, nor of anything after it', () => {
    const heard = record(
      streaming(server).pipe(
        transactions(),
        ackAfter(({ xid }) => (xid === 2 ? throwError(() => 'mine') : of(xid)), 4),
      ),
    );
    clock.advance();
    server.commit(tx(1), tx(2), tx(3));
    expect(heard.values).toEqual([1]);
    expect(heard.error).toBe('mine');
    clock.advance(10);
    expect(server.slot().confirmed).toBe(0x130n);
    expect(server.last.log.slice(-4)).toEqual(['status 0/130', 'copyDone', 'terminate', 'end']);
  });

  it('repeats it after retry()', () => {
    let attempts = 0;
    const { values, subscription } = record(
      streaming(server).pipe(
        transactions(),
        ackAfter(({ xid }) => (xid === 2 && ++attempts < 3 ? throwError(() => 'mine') : of(xid))),
        retry({ delay: () => timer(100, clock) }),
      ),
    );
    clock.advance();
    server.commit(tx(1), tx(2), tx(3));
    clock.advance(1000);
    expect(values).toEqual([1, 2, 3]);
    expect(attempts).toBe(3);
    expect(server.slot().confirmed).toBe(0x330n);
    subscription.unsubscribe();
  });

  it('unsubscribes from its work when it is unsubscribed, and confirms none of it', () => {
    let torn = 0;
    const work = () =>
      new Observable<never>(() => () => {
        torn++;
      });
    const { subscription } = record(streaming(server).pipe(transactions(), ackAfter(work, 2)));
    clock.advance();
    server.commit(tx(1), tx(2), tx(3));
    subscription.unsubscribe();
    expect(torn).toBe(2);
    clock.advance(10);
    expect(server.last.log.slice(-3)).toEqual(['copyDone', 'terminate', 'end']);
    expect(server.slot().confirmed).toBe(0x80n);
  });

  it("emits the stream's error immediately, and no results after it", () => {
    const heard = record(streaming(server).pipe(transactions(), ackAfter(after(1000))));
    clock.advance();
    server.commit(tx(1));
    server.last.close(new Error('reset'));
    expect(code(heard.error)).toBe('CONNECTION_LOST');
    clock.advance(5000);
    expect(heard.events).toEqual(['error']);
    expect(clock.pending).toBe(0);
  });

  it('completes only when the session has closed, with everything confirmed', () => {
    server.latency = 500;
    let atComplete: bigint | undefined;
    const heard = record(
      streaming(server).pipe(
        stopAtLsn(0x230n),
        transactions(),
        ackAfter(after(1000)),
        tap({ complete: () => (atComplete = server.slot().confirmed) }),
      ),
    );
    clock.advance(10_000);
    server.commit(tx(1), tx(2));
    clock.advance(3000);
    expect(server.last.log.slice(-2)).toEqual(['status 0/230', 'copyDone']);
    expect(heard.events).toEqual(['next', 'next']);
    clock.advance(500);
    expect(heard.events).toEqual(['next', 'next', 'complete']);
    expect(atComplete).toBe(0x230n);
  });

  it('fails if the connection is lost while the session drains', () => {
    const heard = record(streaming(server).pipe(stopAtLsn(0x230n), transactions(), ackAfter(after(1000))));
    clock.advance();
    server.commit(tx(1), tx(2));
    clock.advance(1500);
    server.last.close(new Error('reset'));
    expect(heard.values).toEqual([1]);
    expect(code(heard.error)).toBe('CONNECTION_LOST');
    clock.advance(5000);
    expect(clock.pending).toBe(0);
  });

  it('fails if the server does not confirm the end within closeTimeout', () => {
    server.behaviour.onCopyDone = 'ignore';
    const heard = record(
      streaming(server, { closeTimeout: 700 }).pipe(stopAtLsn(0x130n), transactions(), ackAfter(after(100))),
    );
    clock.advance();
    server.commit(tx(1));
    clock.advance(799);
    expect(heard.events).toEqual(['next']);
    clock.advance(1);
    expect(code(heard.error)).toBe('CLOSE_TIMEOUT');
  });

  it('closes a draining session when work fails, although an operator before it has consumed the completion', () => {
    const heard = record(
      streaming(server).pipe(
        stopAtLsn(0x230n),
        transactions(),
        delay(1000, clock),
        ackAfter(() => throwError(() => 'mine')),
      ),
    );
    clock.advance();
    server.commit(tx(1), tx(2));
    clock.advance(500);
    expect(heard.events).toEqual([]);
    clock.advance(600);
    expect(heard.error).toBe('mine');
    expect(server.last.closed).toBe(true);
    expect(server.slot().owner).toBeUndefined();
  });

  it('closes a draining session when it is unsubscribed', () => {
    const stop$ = new Subject<void>();
    const { subscription } = record(streaming(server).pipe(stopOn(stop$), transactions(), ackAfter(after(1000))));
    clock.advance();
    server.commit(tx(1));
    stop$.next();
    clock.advance(500);
    subscription.unsubscribe();
    clock.advance(10);
    expect(server.last.log.slice(-3)).toEqual(['copyDone', 'terminate', 'end']);
    expect(server.slot().confirmed).toBe(0x80n);
    expect(clock.pending).toBe(0);
  });

  it('reports that take(n) before it makes acknowledgements too late', () => {
    const heard = record(streaming(server).pipe(transactions(), take(2), ackAfter(after(1000))));
    clock.advance();
    server.commit(tx(1), tx(2), tx(3));
    clock.advance(5000);
    expect(code(heard.error)).toBe('ACK_TOO_LATE');
    expect(heard.error).toHaveProperty(
      'message',
      expect.stringContaining('place take(), reconnect() and retry() after ackAfter'),
    );
    expect(server.slot().confirmed).toBe(0x80n);
  });

  it('confirms what take(n) after it has counted', () => {
    const heard = record(streaming(server).pipe(transactions(), ackAfter(after(1000)), take(2)));
    clock.advance();
    server.commit(tx(1), tx(2), tx(3));
    clock.advance(5000);
    expect(heard.events).toEqual(['next', 'next', 'complete']);
    expect(server.slot().confirmed).toBe(0x230n);
    expect(server.last.closed).toBe(true);
  });

  it('processes thousands of transactions, the first of them asynchronously', () => {
    const count = 5000;
    const { values, subscription } = record(
      streaming(server).pipe(
        transactions(),
        ackAfter(({ xid }) => (xid === 1 ? timer(100, clock).pipe(map(() => xid)) : of(xid))),
      ),
    );
    clock.advance();
    for (let n = 1; n <= count; n++) server.last.push(...tx(n).payloads);
    expect(server.last.paused).toBe(true);
    clock.advance(1000);
    expect(values).toHaveLength(count);
    expect(server.slot().confirmed).toBe(BigInt(count) * 0x100n + 0x30n);
    subscription.unsubscribe();
    expect(asyncScheduler.now()).toBeGreaterThan(0);
  });

  it('never holds more than the window', () => {
    let inHand = 0;
    let most = 0;
    const { subscription } = record(
      streaming(server, { maxUnacked: 10 }).pipe(
        transactions(),
        tap(() => (most = Math.max(most, ++inHand))),
        ackAfter(() => timer(10, clock).pipe(tap({ complete: () => inHand-- }))),
      ),
    );
    clock.advance();
    server.commit(...Array.from({ length: 200 }, (_, i) => tx(i + 1)));
    clock.advance(5000);
    expect(most).toBe(10);
    expect(server.slot().confirmed).toBe(200n * 0x100n + 0x30n);
    subscription.unsubscribe();
  });
});
