import { EMPTY, from, NEVER, of, retry, Subject, tap, throwError, timer } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { ackAfter } from '../../lib/operators/ack-after/ack-after';
import { stopOn } from '../../lib/operators/stop-on';
import { transactions } from '../../lib/operators/transactions/transactions';
import { Clock, microtasks } from '../support/clock';
import { FakeBackend, transaction } from '../support/fake-backend';
import { names, record, streaming, streamingRaw } from '../support/streaming';
import { createKeepalive, createMarbles } from './support/messages';

const tx = (n: number) => transaction({ commitLsn: BigInt(n) * 0x100n, rows: [`tx ${n}`], xid: n });

describe('stopOn, without a session', () => {
  const values = { ...createMarbles(), k: createKeepalive(0x900n) };

  it.each<[what: string, source: string, notifier: string, expected: string, subscription: string]>([
    ['completes at once outside a transaction', ' -b-i-c--b-i-c-', '------x', '-b-i-c|', '^-----!'],
    ['completes at once before the first message', '------b-i-c-', '  ---x', '---|', '^--!'],
    ['lets a transaction finish', '-b-i-i-c-b-i-c-', '  ----x', '-b-i-i-(c|)', '^------!'],
    ['does not complete at a keepalive inside a transaction', '-b-k-i-c-b-', ' --x', '-b-k-i-(c|)', '^------!'],
    ['completes after a keepalive', '-b-i-c-k-', '   --------x', '-b-i-c-k|', '^-------!'],
    ['does nothing when the notifier completes without a value', '-b-i-c-k-|', '--|', '-b-i-c-k-|', '^--------!'],
    ['fails with the notifier, at once', '-b-i-c-k-|', '--#', '-b#', '^-!'],
    ['passes errors on', '-b-i-#', '---------x', '-b-i-#', '^----!'],
    ['passes completion on', '-b-i-|', '---------x', '-b-i-|', '^----!'],
  ])('%s', (_, sourceMarbles, notifierMarbles, expected, subscription) => {
    new TestScheduler((actual, wanted) => expect(actual).toEqual(wanted)).run(
      ({ cold, expectObservable, expectSubscriptions }) => {
        const source = cold(sourceMarbles.trim(), values);
        const notifier = cold(notifierMarbles.trim());
        expectObservable(source.pipe(stopOn(notifier))).toBe(expected, values);
        expectSubscriptions(source.subscriptions).toBe(subscription);
      },
    );
  });
});

describe('stopOn, in a session', () => {
  let clock: Clock;
  let server: FakeBackend;

  beforeEach(() => {
    clock = new Clock();
    server = new FakeBackend(clock);
  });

  it('does not connect if the notifier emits on subscribe', () => {
    const heard = record(streaming(server).pipe(stopOn(of(1))));
    expect(heard.events).toEqual(['complete']);
    expect(server.connections).toHaveLength(0);
  });

  it('does not connect if the notifier fails on subscribe', () => {
    const heard = record(streaming(server).pipe(stopOn(throwError(() => 'mine'))));
    expect(heard.error).toBe('mine');
    expect(server.connections).toHaveLength(0);
  });

  it.each([EMPTY, NEVER])('continues to stream if the notifier never emits', (notifier) => {
    const heard = record(streaming(server).pipe(stopOn(notifier)));
    clock.advance();
    server.commit(tx(1));
    expect(heard.values).toHaveLength(4);
    heard.subscription.unsubscribe();
  });

  it('completes while connecting, and leaves nothing behind', () => {
    server.latency = 10;
    const stop$ = new Subject<void>();
    const heard = record(streaming(server).pipe(stopOn(stop$)));
    clock.advance(35);
    stop$.next();
    expect(heard.events).toEqual(['complete']);
    clock.advance(10);
    expect(server.last.destroyed).toBe(true);
    expect(stop$.observed).toBe(false);
  });

  it('accepts a promise', async () => {
    const heard = record(streaming(server).pipe(stopOn(Promise.resolve(1))));
    clock.advance();
    await microtasks();
    clock.advance(10);
    expect(heard.events).toEqual(['complete']);
    expect(server.last.closed).toBe(true);
  });

  it('within a transaction waits for its Commit, and emits nothing after it', () => {
    const stop$ = new Subject<void>();
    const heard = record(streaming(server).pipe(stopOn(stop$)));
    clock.advance();
    const { payloads } = tx(1);
    server.last.push(...payloads.slice(0, 3));
    stop$.next();
    expect(heard.events).not.toContain('complete');
    server.last.push(...payloads.slice(3), ...tx(2).payloads);
    expect(heard.values.map(({ kind }) => kind)).toEqual(['begin', 'relation', 'insert', 'commit']);
    expect(heard.completed).toBe(true);
    for (const message of heard.values) message.ack();
    clock.advance(10);
    expect(server.slot().confirmed).toBe(0x130n);
    expect(server.last.closed).toBe(true);
  });

  it('may be triggered by the handler of a message, which is delivered before the completion', () => {
    const stop$ = new Subject<void>();
    const heard = record(streaming(server).pipe(stopOn(stop$), transactions()), (transaction) => {
      stop$.next();
      transaction.ack();
    });
    clock.advance();
    server.commit(tx(1), tx(2));
    clock.advance(10);
    expect(heard.events).toEqual(['next', 'complete']);
    expect(server.slot().confirmed).toBe(0x130n);
  });

  it('may be triggered by an operator: the message is still delivered before the completion', () => {
    const stop$ = new Subject<void>();
    const heard = record(
      streaming(server).pipe(
        stopOn(stop$),
        tap((message) => {
          if (message.kind === 'commit') stop$.next();
        }),
      ),
    );
    clock.advance();
    server.commit(tx(1), tx(2));
    expect(heard.events).toEqual(['next', 'next', 'next', 'next', 'complete']);
    heard.subscription.unsubscribe();
  });

  it('stops once, even if the notifier emits again', () => {
    const stop$ = new Subject<void>();
    const heard = record(streaming(server).pipe(stopOn(stop$)));
    clock.advance();
    server.commit(tx(1));
    stop$.next();
    expect(stop$.observed).toBe(false);
    stop$.next();
    expect(heard.events.filter((event) => event === 'complete')).toHaveLength(1);
    heard.values.forEach((message) => message.ack());
    clock.advance(10);
    expect(server.last.closed).toBe(true);
  });

  it('fails with the notifier’s error and closes the session', () => {
    const stop$ = new Subject<void>();
    const heard = record(streaming(server).pipe(stopOn(stop$)));
    clock.advance();
    stop$.error('mine');
    expect(heard.error).toBe('mine');
    clock.advance(10);
    expect(server.last.log.slice(-3)).toEqual(['copyDone', 'terminate', 'end']);
  });

  it('unsubscribes from the notifier when the stream ends', () => {
    const stop$ = new Subject<void>();
    const heard = record(streaming(server).pipe(stopOn(stop$)));
    clock.advance();
    server.last.close(new Error('reset'));
    expect(heard.events).toEqual(['error']);
    expect(stop$.observed).toBe(false);
  });

  it('ends within a transaction, although the stream was lost and retry() waits', () => {
    const stop$ = new Subject<void>();
    const heard = record(
      streaming(server).pipe(retry({ delay: () => timer(600_000, clock) }), stopOn(stop$), transactions()),
    );
    clock.advance();
    server.commit(tx(1));
    server.last.push(...tx(2).payloads.slice(0, 3));
    server.last.close(new Error('reset'));
    stop$.next();
    expect(heard).toMatchObject({ events: ['next', 'error'], error: { code: 'CONNECTION_LOST' } });
    clock.advance(1_200_000);
    expect(server.connections).toHaveLength(1);
  });

  it('then lets ackAfter fail immediately, because it is unknown whether the server has received the confirmation', () => {
    const stop$ = new Subject<void>();
    const heard = record(
      streaming(server).pipe(
        retry({ delay: () => timer(600_000, clock) }),
        stopOn(stop$),
        transactions(),
        ackAfter(() => []),
      ),
    );
    clock.advance();
    server.commit(tx(1));
    server.last.close(new Error('reset'));
    stop$.next();
    expect(heard.error).toMatchObject({ code: 'CONNECTION_LOST', retryable: true });
  });

  it('works before retry()', () => {
    const stop$ = new Subject<void>();
    const heard = record(streaming(server).pipe(stopOn(stop$), retry(1), transactions()));
    clock.advance();
    server.last.close(new Error('reset'));
    clock.advance();
    server.commit(tx(1));
    stop$.next();
    expect(names(heard.values)).toEqual(['tx 1']);
    expect(heard.completed).toBe(true);
    heard.values[0]?.ack();
    clock.advance(10);
    expect(server.last.closed).toBe(true);
  });

  it('stops the stream of another plugin', () => {
    server.addSlot('orders', { plugin: 'test_decoding' });
    const stop$ = new Subject<void>();
    const heard = record(streamingRaw(server).pipe(stopOn(stop$)));
    clock.advance();
    server.last.push(Buffer.from('BEGIN 1'));
    stop$.next();
    expect(heard.completed).toBe(true);
    heard.values[0]?.ack();
    clock.advance(10);
    expect(server.last.closed).toBe(true);
    expect(record(from([]).pipe(stopOn(stop$))).completed).toBe(true);
  });
});
