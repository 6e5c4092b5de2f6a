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

/** The same where a process that is none of ours has the slot. */
function expectNothingLeftBut(owner: number): void {
  expect(server.slot().owner).toBe(owner);
  server.slot().owner = undefined;
  expectNothingLeft(clock, server);
}

describe('a slot that another connection reads', () => {
  it('is waited for, and no store is asked meanwhile: its position is only good for whoever has the slot', () => {
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

  it('costs a waiting stream little: one look at it, none at types and publications', () => {
    server.slot().owner = 4711;
    record(streaming(server, { startLsn: () => '0/200' }));
    clock.advance();
    const looks = server.last.queries.filter((sql) => / FROM pg_catalog\.(?!pg_settings)/.test(sql));
    expect(looks).toEqual([expect.stringContaining('pg_replication_slots')]);
    expectNothingLeftBut(4711);
  });

  it('is of no use all the same where it is of another kind, or given up', () => {
    for (const wrong of [{ plugin: 'wal2json' }, { walStatus: 'lost' }, { type: 'physical' as const }]) {
      server.addSlot('orders', { owner: 4711, ...wrong });
      const heard = record(streaming(server, { startLsn: () => '0/200' }));
      clock.advance();
      expect(heard.error).toMatchObject({ code: expect.stringMatching(/^SLOT_(?:INCOMPATIBLE|INVALIDATED)$/) });
      expectNothingLeftBut(4711);
    }
  });

  it('while the store was asked may have been moved by it: that is another attempt, with another question', () => {
    const store = new Store();
    store.position = { systemId: server.systemId, timeline: 1, slot: 'orders', endLsn: '0/200' };
    let asked = 0;
    const startLsn = () => {
      // Another process is faster, does its work, and is gone again.
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

  it('since the store was asked is refused by the server, and tried for again', () => {
    const startLsn = () => {
      server.slot().owner = 4711;
      return of('0/200');
    };
    const heard = record(streaming(server, { startLsn }));
    clock.advance();
    expect(getCode(heard.error)).toBe('SLOT_ACTIVE');
    expectNothingLeftBut(4711);
  });

  it('which was made while this stream made it, too, is tried for again: the store may have more by now', () => {
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

  it('has made WAL that the server had not when this stream came: its position is not beyond the end', () => {
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

  it('goes from one of two processes to the other and back, under load, and each transaction is stored once', () => {
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

  it('keeps this observable from going on, though it has moved past all that this confirmed: SLOT_MOVED', () => {
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
