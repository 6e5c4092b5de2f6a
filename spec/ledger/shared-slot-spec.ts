import { map, of, timer } from 'rxjs';
import { ackAfter } from '../../lib/operators/ack-after/ack-after';
import { reconnect } from '../../lib/operators/reconnect/reconnect';
import type { ReconnectAttempt } from '../../lib/operators/reconnect/reconnect-options';
import { transactions } from '../../lib/operators/transactions/transactions';
import { Clock } from '../support/clock';
import { FakeBackend, transaction } from '../support/fake-backend';
import { record, streaming } from '../support/streaming';
import { getCode, expectNothingLeft } from '../support/replication';
import { Store } from './support/store';

let clock: Clock;
let server: FakeBackend;

beforeEach(() => {
  clock = new Clock();
  server = new FakeBackend(clock);
});

/** The slot is active for a process that is not part of the spec. */
function expectNothingLeftBut(owner: number): void {
  expect(server.slot().owner).toBe(owner);
  server.slot().owner = undefined;
  expectNothingLeft(clock, server);
}

describe('a slot that is active for another connection', () => {
  it('delays the subscription, and startLsn is not called meanwhile, as the other connection may change the position', () => {
    let asked = 0;
    const startLsn = () => {
      asked++;
      return '0/200';
    };
    server.slot().owner = 4711;
    server.slot().confirmed = 0x300n;
    const heard = record(streaming(server, { startLsn }));
    clock.advance();
    expect(heard.error).toMatchObject({ code: 'SLOT_ACTIVE', retryable: true });
    expect(heard.error).toHaveProperty('message', expect.stringContaining('is active for PID 4711'));
    expect([asked, server.last.startLsn]).toEqual([0, undefined]);
    expectNothingLeftBut(4711);
  });

  it('costs a waiting stream one query of the slot, and none of types and publications', () => {
    server.slot().owner = 4711;
    record(streaming(server, { startLsn: () => '0/200' }));
    clock.advance();
    const looks = server.last.queries.filter((sql) => / FROM pg_catalog\.(?!pg_settings)/.test(sql));
    expect(looks).toEqual([expect.stringContaining('pg_replication_slots')]);
    expectNothingLeftBut(4711);
  });

  it('is an error of its own if it is incompatible or invalidated', () => {
    for (const wrong of [{ plugin: 'wal2json' }, { walStatus: 'lost' }, { type: 'physical' as const }]) {
      server.addSlot('orders', { owner: 4711, ...wrong });
      const heard = record(streaming(server, { startLsn: () => '0/200' }));
      clock.advance();
      expect(heard.error).toMatchObject({ code: expect.stringMatching(/^SLOT_(?:INCOMPATIBLE|INVALIDATED)$/) });
      expectNothingLeftBut(4711);
    }
  });

  it('that advanced it while startLsn was running leads to another attempt, which calls startLsn again', () => {
    const store = new Store();
    store.position = { systemId: server.systemId, timeline: 1, slot: 'orders', endLsn: '0/200' };
    let asked = 0;
    const startLsn = () => {
      // Another process takes the slot first, advances it, and disconnects.
      if (asked++ === 0) {
        server.slot().confirmed = 0x300n;
        return timer(10, clock).pipe(map(() => '0/200'));
      }
      return of('0/300');
    };
    const heard = record(streaming(server, { startLsn }).pipe(reconnect({ scheduler: clock })));
    clock.advance(10);
    expect(server.connections.map((connection) => connection.startLsn)).toEqual([undefined]);
    clock.advance(1000);
    expect([heard.events, asked, server.last.startLsn]).toEqual([[], 2, 0x300n]);
    heard.subscription.unsubscribe();
    expectNothingLeft(clock, server);
  });

  it('since startLsn was called is refused by the server, and retried', () => {
    const startLsn = () => {
      server.slot().owner = 4711;
      return of('0/200');
    };
    const heard = record(streaming(server, { startLsn }));
    clock.advance();
    expect(getCode(heard.error)).toBe('SLOT_ACTIVE');
    expectNothingLeftBut(4711);
  });

  it('that created it at the same time leads to another attempt, as the stored position may have advanced', () => {
    server.slots.clear();
    let asked = 0;
    const startLsn = () => {
      if (asked++ > 0) return '0/5000';
      server.addSlot('orders', { confirmedFlushLsn: 0x5000n });
      return undefined;
    };
    const heard = record(
      streaming(server, { startLsn, ensureSlot: true }).pipe(reconnect({ scheduler: clock, initialDelay: 10 })),
    );
    clock.advance(100);
    expect([heard.events, asked, server.last.startLsn]).toEqual([[], 2, 0x5000n]);
    heard.subscription.unsubscribe();
    expectNothingLeft(clock, server);
  });

  it('may have a position beyond the WAL end that this stream read when it connected', () => {
    server.walPosition = 0x200n;
    const startLsn = () => {
      server.walPosition = 0x300n;
      return of('0/2F0');
    };
    const heard = record(streaming(server, { startLsn }));
    clock.advance();
    expect([heard.events, server.last.startLsn]).toEqual([[], 0x2f0n]);
    heard.subscription.unsubscribe();
    expectNothingLeft(clock, server);
  });

  it('can alternate between two processes under load, and each transaction is stored once', () => {
    const store = new Store();
    const options = { scheduler: clock, initialDelay: 20, maxDelay: 50 };
    const errors: unknown[] = [];
    const attemptObserver = { next: ({ error }: ReconnectAttempt) => errors.push(getCode(error)) };
    const start = () =>
      record(
        streaming(server, { startLsn: () => timer(3, clock).pipe(map(() => store.position)) }).pipe(
          transactions(),
          ackAfter((tx) => timer(1, clock).pipe(map(() => store.save(tx)))),
          reconnect({ ...options, attemptObserver }),
        ),
      );
    server.latency = 2;
    const processes = [start(), start()];
    let committed = 0;
    for (let round = 0; round < 12; round++) {
      for (let ms = 0; ms < 100; ms++) {
        server.commit(transaction({ commitLsn: (server.walPosition += 0x40n), rows: [`tx ${committed++}`] }));
        clock.advance(1);
      }
      const active = server.slot().owner;
      if (typeof active !== 'object') continue;
      const { connections } = server;
      if (round % 2 === 0) connections.find((one) => one === active)?.close(new Error('ECONNRESET'));
      else for (const [i, one] of processes.entries()) if (i === (round >> 1) % 2) one.subscription.unsubscribe();
      for (const [i, one] of processes.entries()) if (one.subscription.closed) processes[i] = start();
    }
    clock.advance(1000);
    expect(new Set(errors)).toEqual(new Set(['SLOT_ACTIVE', 'CONNECTION_LOST']));
    expect(processes.flatMap(({ error }) => (error === undefined ? [] : [error]))).toEqual([]);
    expect(store.rows).toEqual(Array.from({ length: committed }, (_, n) => `tx ${n}`));
    for (const { subscription } of processes) subscription.unsubscribe();
    expectNothingLeft(clock, server);
  });

  it('that advanced it past what this observable confirmed ends this observable with SLOT_MOVED', () => {
    const source = streaming(server);
    const first = record(source.pipe(transactions()));
    clock.advance();
    first.subscription.unsubscribe();
    clock.advance(100);
    server.slot().owner = 4711;
    server.slot().confirmed = 0x300n;
    const heard = record(source);
    clock.advance();
    expect(getCode(heard.error)).toBe('SLOT_MOVED');
    expectNothingLeftBut(4711);
  });
});
