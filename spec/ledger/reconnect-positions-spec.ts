import { defer, EMPTY, type Observable, of, throwError } from 'rxjs';
import type { PgoutputConfig } from '../../lib/config/stream-config';
import { ackAfter } from '../../lib/operators/ack-after/ack-after';
import { reconnect } from '../../lib/operators/reconnect/reconnect';
import type { ReconnectAttempt } from '../../lib/operators/reconnect/reconnect-options';
import type { Transaction } from '../../lib/operators/transactions/transaction';
import { transactions } from '../../lib/operators/transactions/transactions';
import { Clock } from '../support/clock';
import { FakeBackend } from '../support/fake-backend';
import { record, streaming } from '../support/streaming';
import { getCode, expectNothingLeft, tx } from '../support/replication';
import { Store } from './support/store';

let clock: Clock;
let server: FakeBackend;

beforeEach(() => {
  clock = new Clock();
  server = new FakeBackend(clock);
});

/** Every subscription reads its position from this store. */
function storing(store: Store, config: Partial<PgoutputConfig> = {}): Observable<Transaction> {
  return streaming(server, { startLsn: () => of(store.position), ...config }).pipe(transactions());
}

describe('reconnect, with a server', () => {
  const attempts: ReconnectAttempt[] = [];
  const options = {
    scheduler: new Clock(),
    attemptObserver: { next: (one: ReconnectAttempt) => attempts.push(one) },
  };

  beforeEach(() => {
    attempts.length = 0;
    options.scheduler = clock;
  });

  it('retries while the server is unreachable, and continues without a gap or a repetition', () => {
    const saved: number[] = [];
    const heard = record(
      streaming(server).pipe(
        transactions(),
        ackAfter((tx) => {
          saved.push(tx.xid);
        }),
        reconnect({ ...options, maxDelay: 5000 }),
      ),
    );
    clock.advance();
    server.commit(tx(1), tx(2));
    clock.advance(10);
    server.behaviour.refusal = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    server.last.error({ S: 'FATAL', V: 'FATAL', C: '57P01' });
    server.commit(tx(3));
    clock.advance(60_000);
    expect(server.last.streaming).toBe(false);
    server.behaviour.refusal = undefined;
    clock.advance(5100);
    server.commit(tx(4));
    expect([saved, heard.events]).toEqual([[1, 2, 3, 4], []]);
    expect(attempts[0]?.error).toMatchObject({ code: 'SERVER_SHUTDOWN' });
    expect(attempts[1]?.error).toMatchObject({ code: 'CONNECTION_REFUSED' });
    expect(server.last.startLsn).toBe(0x230n);
    clock.advance(10);
    expect(server.slot().confirmed).toBe(0x430n);
    heard.subscription.unsubscribe();
    expectNothingLeft(clock, server);
  });

  it('retries while the slot is active for another process, as long as the server may need to notice that it is gone', () => {
    server.walSenderTimeout = 30_000;
    server.slot().owner = 4711;
    const heard = record(streaming(server).pipe(reconnect({ ...options, maxRetries: 1, maxDelay: 2000 })));
    clock.advance(29_000);
    expect(heard.events).toEqual([]);
    server.slot().owner = undefined;
    clock.advance(2100);
    expect([heard.events, server.last.streaming]).toEqual([[], true]);
    expect(new Set(attempts.map(({ error }) => getCode(error)))).toEqual(new Set(['SLOT_ACTIVE']));
    heard.subscription.unsubscribe();
    expectNothingLeft(clock, server);
  });

  it('gives up if the slot stays active for another process', () => {
    server.walSenderTimeout = 30_000;
    server.slot().owner = 4711;
    const heard = record(streaming(server).pipe(reconnect({ ...options, maxRetries: 1, maxDelay: 2000 })));
    clock.advance(33_000);
    expect(getCode(heard.error)).toBe('SLOT_ACTIVE');
    expect(clock.pending).toBe(0);
  });

  it('gives up on a transaction whose work always fails, though those before it are delivered each time', () => {
    const poison = new Error('poison');
    const tried: number[] = [];
    const heard = record(
      streaming(server).pipe(
        transactions(),
        ackAfter((tx) => {
          tried.push(tx.xid);
          return tx.xid === 3 ? throwError(() => poison) : EMPTY;
        }),
        reconnect({ ...options, retryable: () => true, maxRetries: 3 }),
      ),
    );
    clock.advance();
    server.commit(tx(1), tx(2), tx(3), tx(4));
    clock.advance(60_000);
    expect([heard.error === poison, tried]).toEqual([true, [1, 2, 3, 3, 3, 3]]);
    expect(attempts.map(({ attempt, error }) => [attempt, error])).toEqual([1, 2, 3].map((n) => [n, poison]));
    expect(server.slot().confirmed).toBe(0x230n);
    expectNothingLeft(clock, server);
  });

  it('resets the number of attempts once the failing work has succeeded', () => {
    let tries = 0;
    const heard = record(
      streaming(server).pipe(
        transactions(),
        ackAfter(() => (++tries % 3 === 0 ? EMPTY : throwError(() => new Error('busy')))),
        reconnect({ ...options, retryable: () => true, maxRetries: 2 }),
      ),
    );
    clock.advance();
    server.commit(tx(1), tx(2), tx(3));
    clock.advance(60_000);
    expect([heard.events, tries, server.slot().confirmed]).toEqual([[], 9, 0x330n]);
    expect(attempts.map(({ attempt }) => attempt)).toEqual([1, 2, 1, 2, 1, 2]);
    heard.subscription.unsubscribe();
    expectNothingLeft(clock, server);
  });

  it('reads the stored position again at each attempt', () => {
    const store = new Store();
    const heard = record(
      defer(() => storing(store)).pipe(
        ackAfter((tx) => store.save(tx)),
        reconnect(options),
      ),
    );
    clock.advance();
    for (const n of [1, 2, 3]) {
      server.commit(tx(n));
      server.last.close(new Error('ECONNRESET'));
      clock.advance(2000);
      expect(server.last.startLsn).toBe(store.lsn);
    }
    expect([heard.events, store.rows, store.lsn]).toEqual([[], ['tx 1', 'tx 2', 'tx 3'], 0x330n]);
    heard.subscription.unsubscribe();
    expectNothingLeft(clock, server);
  });

  it('gives up if the slot was dropped meanwhile', () => {
    const heard = record(streaming(server).pipe(reconnect(options)));
    clock.advance();
    server.slots.clear();
    server.last.close(new Error('ECONNRESET'));
    clock.advance(2000);
    expect(getCode(heard.error)).toBe('SLOT_LOST');
    expectNothingLeft(clock, server);
  });
});
