import fc from 'fast-check';
import { concat, ignoreElements, type Observable, of, timer } from 'rxjs';
import { ackAfter } from '../../../lib/operators/ack-after/ack-after';
import { reconnect } from '../../../lib/operators/reconnect/reconnect';
import type { Transaction } from '../../../lib/operators/transactions/transaction';
import { transactions } from '../../../lib/operators/transactions/transactions';
import { Clock } from '../../support/clock';
import { FakeBackend, transaction } from '../../support/fake-backend';
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

describe('ackAfter, after its stream was resubscribed', () => {
  it('reattaches running work', () => {
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

  it('acknowledges what completed while disconnected without repeating it, and emits its result', () => {
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

  it('acknowledges again what was completed and not confirmed, without repeating it', () => {
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

  it('repeats what failed, reattaches the others, and confirms what they complete', () => {
    let failures = 0;
    const { values, subscription } = run(({ xid }) => {
      const fails = xid === 2 && failures++ === 0;
      return works.work(xid, fails ? 100 : 1000 + xid, fails ? new Error('mine') : undefined);
    }, 4);
    server.commit(tx(1), tx(2), tx(3), tx(4), tx(5));
    clock.advance(110);
    expect(server.slot().confirmed).toBe(0x80n);
    clock.advance(1000);
    // Of the four, only the failed one was started again; the fifth started when the first had ended.
    expect(works.started).toEqual([1, 2, 3, 4, 2, 5]);
    expect(values).toEqual([1, 3, 4]);
    expect(server.slot().confirmed).toBe(end(1));
    clock.advance(2000);
    expect([values, server.slot().confirmed, works.maxRunning]).toEqual([[1, 3, 4, 2, 5], end(5), 4]);
    subscription.unsubscribe();
  });

  it('repeats what fails while disconnected', () => {
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

  it('fails with reattached work that fails', () => {
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

  it('never exceeds the concurrency, including work of the lost stream', () => {
    const { subscription } = run(({ xid }) => works.work(xid, 300), 2);
    server.commit(tx(1), tx(2), tx(3), tx(4));
    clock.advance(10);
    server.last.close(new Error('reset'));
    clock.advance(2000);
    expect([works.started, works.maxRunning, server.slot().confirmed]).toEqual([[1, 2, 3, 4], 2, end(4)]);
    subscription.unsubscribe();
  });

  it('delays new work until the concurrency allows, even if the values of running work are not redelivered', () => {
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
    // The work has stored its result and reported it, but has not ended.
    position = end(1);
    server.last.close(new Error('reset'));
    clock.advance(500);
    expect(works.started).toEqual([1]);
    clock.advance(600);
    expect([works.started, works.maxRunning]).toEqual([[1, 2], 1]);
    subscription.unsubscribe();
  });

  it('recognizes single messages of the flat stream', () => {
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
    // a is done, b is running; both are redelivered, because their transaction is not confirmed.
    server.last.close(new Error('reset'));
    clock.advance(1000);
    expect([seen, server.slot().confirmed]).toEqual([['a', 'b', 'c'], 0x130n]);
    subscription.unsubscribe();
  });

  it('processes every transaction once, whatever happens to the stream and however long its work takes', () => {
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
        works = new WorkLog(clock);
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
        // A keepalive of a server that has caught up reveals what was acknowledged just before a cut.
        server.last.keepalive(end(all.length));
        clock.advance(200);
        expect([...works.finished].sort((a, b) => a - b)).toEqual(all);
        expect([...values].sort((a, b) => a - b)).toEqual(all);
        expect(works.maxRunning).toBeLessThanOrEqual(given.concurrent);
        expect(server.slot().confirmed).toBe(end(all.length));
        subscription.unsubscribe();
      }),
      { numRuns: 300 },
    );
  });
});
