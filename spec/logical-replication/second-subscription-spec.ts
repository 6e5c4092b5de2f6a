import { endWith, groupBy, mergeMap, share, Subject, throwError, timer } from 'rxjs';
import { ackAfter } from '../../lib/operators/ack-after/ack-after';
import { stopAtLsn } from '../../lib/operators/stop-at-lsn';
import { stopOn } from '../../lib/operators/stop-on';
import { transactions } from '../../lib/operators/transactions/transactions';
import { Clock } from '../support/clock';
import { FakeBackend } from '../support/fake-backend';
import { names, record, streaming } from '../support/streaming';
import { tx, getCode, ackEverything, expectNothingLeft } from '../support/replication';

let clock: Clock;
let server: FakeBackend;

beforeEach(() => {
  clock = new Clock();
  server = new FakeBackend(clock);
});

describe('a second subscription', () => {
  it('while another subscription is active is an error that names share()', () => {
    const source = streaming(server);
    const first = record(source);
    const early = record(source);
    clock.advance();
    const late = record(source);
    for (const { error } of [early, late]) {
      expect(getCode(error)).toBe('ALREADY_SUBSCRIBED');
      expect(error).toHaveProperty('message', expect.stringContaining('share()'));
    }
    expect(server.connections).toHaveLength(1);
    expect(first.events).toEqual([]);
    expect(server.last.streaming).toBe(true);

    first.subscription.unsubscribe();
    expectNothingLeft(clock, server);
  });

  it('waits while the first one is closing', () => {
    const source = streaming(server);
    const first = record(source);
    clock.advance();
    server.behaviour.onCopyDone = 'ignore';
    first.subscription.unsubscribe();
    const second = record(source);
    const third = record(source);
    clock.advance(4999);
    expect(server.connections).toHaveLength(1);
    expect(second.events).toEqual([]);
    expect(getCode(third.error)).toBe('ALREADY_SUBSCRIBED');

    server.behaviour.onCopyDone = 'reply';
    clock.advance(1);
    expect(server.connections).toHaveLength(2);
    expect(server.last.streaming).toBe(true);
    second.subscription.unsubscribe();
    expectNothingLeft(clock, server);
  });

  it('stops waiting when it is unsubscribed', () => {
    const source = streaming(server);
    const first = record(source);
    clock.advance();
    first.subscription.unsubscribe();
    record(source).subscription.unsubscribe();
    clock.advance(10_000);
    expect(server.connections).toHaveLength(1);

    const third = record(source);
    clock.advance();
    expect(server.last.streaming).toBe(true);
    third.subscription.unsubscribe();
    expectNothingLeft(clock, server);
  });

  it('waits while the first one, which has completed, drains', () => {
    const source = streaming(server);
    const first = record(source.pipe(stopAtLsn(0x130n)));
    clock.advance();
    server.commit(tx(1));
    expect(first.completed).toBe(true);

    const second = record(source);
    clock.advance(100);
    expect(second.error).toBeUndefined();
    expect(server.connections).toHaveLength(1);
    for (const message of first.values) message.ack();
    clock.advance();
    expect(server.connections).toHaveLength(2);
    expect(server.last.startLsn).toBe(0x130n);
    second.subscription.unsubscribe();
    expectNothingLeft(clock, server);
  });

  it('shares the first one with share()', () => {
    const source = streaming(server).pipe(share());
    const first = ackEverything(source);
    const second = ackEverything(source);
    clock.advance();
    server.commit(tx(1));
    expect(names(first.values)).toEqual(['tx 1']);
    expect(names(second.values)).toEqual(['tx 1']);
    first.subscription.unsubscribe();
    clock.advance(100);
    expect(server.last.streaming).toBe(true);
    second.subscription.unsubscribe();
    clock.advance(100);
    expect(server.connections).toHaveLength(1);
    expectNothingLeft(clock, server);
  });

  it('lets the work of one branch of share() finish after a stop, although another branch unsubscribes', () => {
    const stop$ = new Subject<void>();
    const source = streaming(server).pipe(stopOn(stop$), transactions(), share());
    const first = record(source.pipe(ackAfter(() => timer(5000, clock))));
    const second = record(source.pipe(ackAfter(() => timer(1000, clock))));
    clock.advance();
    server.commit(tx(1));
    stop$.next();
    first.subscription.unsubscribe();
    clock.advance(1100);
    expect(second.events).toEqual(['next', 'complete']);
    expect(server.slot().confirmed).toBe(0x130n);
    expectNothingLeft(clock, server);
  });

  it('completes branches that end while the stream continues', () => {
    const heard = record(
      streaming(server).pipe(
        transactions(),
        groupBy((transaction) => transaction.xid, { duration: (group) => group }),
        mergeMap((group) => {
          const done = group.pipe(ackAfter(() => []));
          return done.pipe(endWith(group.key));
        }),
      ),
    );
    clock.advance();
    server.commit(tx(1), tx(2));
    clock.advance(10);
    expect(heard.values).toEqual([1, 2]);
    heard.subscription.unsubscribe();
    expectNothingLeft(clock, server);
  });

  it('is possible in the error handler of failed work', () => {
    const source = streaming(server).pipe(transactions());
    const again: unknown[] = [];
    source.pipe(ackAfter(() => throwError(() => 'mine'))).subscribe({
      error: () => {
        source.pipe(ackAfter(() => [])).subscribe({ error: (error) => again.push(error) });
      },
    });
    clock.advance();
    server.commit(tx(1));
    clock.advance(100);
    expect(again).toEqual([]);
    expect(server.slot().confirmed).toBe(0x130n);
    expect(server.connections).toHaveLength(2);
  });

  it('can unsubscribe one branch of share() without affecting the other', () => {
    const source = streaming(server).pipe(share());
    const first = record(
      source.pipe(
        transactions(),
        ackAfter(() => timer(1000, clock)),
      ),
    );
    const second = record(source.pipe(transactions()));
    clock.advance();
    server.commit(tx(1));
    first.subscription.unsubscribe();
    server.commit(tx(2));
    expect(names(second.values)).toEqual(['tx 1', 'tx 2']);
    expect(second.events).toEqual(['next', 'next']);
    second.subscription.unsubscribe();
    expectNothingLeft(clock, server);
  });
});
