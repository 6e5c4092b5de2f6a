import { bufferCount, map, Subject, tap, timer, toArray } from 'rxjs';
import { ackAfter } from '../../lib/operators/ack-after/ack-after';
import { stopAtLsn } from '../../lib/operators/stop-at-lsn';
import { stopOn } from '../../lib/operators/stop-on';
import type { Transaction } from '../../lib/operators/transactions/transaction';
import { transactions } from '../../lib/operators/transactions/transactions';
import { Clock } from '../support/clock';
import { FakeBackend } from '../support/fake-backend';
import { record, streaming } from '../support/streaming';
import { tx, ackEverything, expectNothingLeft } from '../support/replication';

let clock: Clock;
let server: FakeBackend;

beforeEach(() => {
  clock = new Clock();
  server = new FakeBackend(clock);
});

describe('a graceful stop', () => {
  it('with stopOn: four running handlers finish, everything is confirmed, and completion follows', () => {
    const stop$ = new Subject<void>();
    const started: number[] = [];
    const heard = record(
      streaming(server).pipe(
        stopOn(stop$),
        transactions(),
        ackAfter((value: Transaction) => {
          started.push(value.xid);
          return timer(1000 * (5 - value.xid), clock).pipe(map(() => value.xid));
        }, 4),
        tap({ complete: () => expect(server.slot().confirmed).toBe(0x430n) }),
      ),
    );
    clock.advance();
    server.commit(tx(1), tx(2), tx(3), tx(4));
    clock.advance(100);
    expect(started).toEqual([1, 2, 3, 4]);
    stop$.next();
    server.commit(tx(5));
    clock.advance(3800);
    expect(heard.values).toEqual([4, 3, 2]);
    expect(server.slot().confirmed).toBe(0x80n);
    expect(heard.completed).toBe(false);
    expect(server.last.log).not.toContain('copyDone');

    clock.advance(200);
    expect(heard.values).toEqual([4, 3, 2, 1]);
    expect(heard.completed).toBe(true);
    expect(started).toEqual([1, 2, 3, 4]);
    expect(server.last.log.slice(-4)).toEqual(['status 0/430', 'copyDone', 'terminate', 'end']);
    expectNothingLeft(clock, server);
  });

  it('continues feedback while the handlers finish', () => {
    const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const stop$ = new Subject<void>();
    const { subscription } = record(
      streaming(server).pipe(
        stopOn(stop$),
        transactions(),
        ackAfter(() => timer(100_000, clock)),
      ),
    );
    clock.advance();
    server.commit(tx(1));
    stop$.next();
    server.last.statuses.length = 0;
    clock.advance(99_000);
    expect(server.last.statuses.map(({ at }) => at)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => n * 10_000));
    subscription.unsubscribe();
    expectNothingLeft(clock, server);
    expect(warned).toHaveBeenCalledTimes(1);
    warned.mockRestore();
  });

  it('with stopAtLsn and bufferCount(50): the last buffer is flushed, and everything is confirmed on completion', () => {
    let atComplete: bigint | undefined;
    const heard = record(
      streaming(server).pipe(
        stopAtLsn('0/500'),
        transactions(),
        bufferCount(50),
        ackAfter((batch) => timer(100, clock).pipe(map(() => batch.length))),
        tap({ complete: () => (atComplete = server.slot().confirmed) }),
      ),
    );
    clock.advance();
    server.commit(tx(1), tx(2), tx(3), tx(5));
    clock.advance(10);
    expect(heard.completed).toBe(false);
    clock.advance(200);
    expect(heard.values).toEqual([3]);
    expect(heard.completed).toBe(true);
    expect(atComplete).toBe(0x500n);
    expectNothingLeft(clock, server);
  });

  it('with stopAtLsn and toArray(): no deadlock', () => {
    const heard = record(streaming(server).pipe(stopAtLsn('0/500'), transactions(), toArray()));
    clock.advance();
    server.commit(tx(1), tx(2), tx(3));
    server.last.keepalive(0x800n);
    expect(heard.events).toEqual(['next', 'complete']);
    for (const transaction of heard.values[0] ?? []) expect(transaction.ack()).toBe(true);
    clock.advance(10);
    expect(server.slot().confirmed).toBe(0x500n);
    expectNothingLeft(clock, server);
  });

  it('with toArray() and ackAfter: everything is confirmed on completion', () => {
    const heard = record(
      streaming(server).pipe(
        stopAtLsn('0/500'),
        transactions(),
        toArray(),
        ackAfter((all) => [all.length]),
      ),
    );
    clock.advance();
    server.commit(tx(1), tx(2), tx(3));
    server.last.keepalive(0x800n);
    clock.advance(10);
    expect(heard.values).toEqual([3]);
    expect(heard.completed).toBe(true);
    expect(server.slot().confirmed).toBe(0x500n);
    expectNothingLeft(clock, server);
  });

  it('completes only after the final status update, even if nothing is left to drain', () => {
    const heard = ackEverything(streaming(server).pipe(stopAtLsn('0/130')));
    clock.advance();
    server.commit(tx(1));
    expect(heard.completed).toBe(false);
    clock.advance(10);
    expect(heard.completed).toBe(true);
    expect(server.slot().confirmed).toBe(0x130n);
    expectNothingLeft(clock, server);
  });

  it('never confirms anything beyond the stop', () => {
    const stop$ = new Subject<void>();
    const heard = record(
      streaming(server).pipe(
        tap((message) => {
          if (message.kind === 'commit' && message.commitLsn === 0x100n) stop$.next();
        }),
        stopOn(stop$),
      ),
    );
    clock.advance();
    server.commit(tx(1), tx(2));
    server.last.keepalive(0x900n, true);
    expect(heard.values.at(-1)).toMatchObject({ kind: 'commit', commitLsn: 0x100n });
    for (const message of heard.values) message.ack();
    clock.advance(10);
    expect(heard.completed).toBe(true);
    expect(server.slot().confirmed).toBe(0x130n);
    expectNothingLeft(clock, server);
  });
});
