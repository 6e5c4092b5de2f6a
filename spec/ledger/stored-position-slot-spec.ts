import fc from 'fast-check';
import { type Observable, of } from 'rxjs';
import type { PgoutputConfig } from '../../lib/config/stream-config';
import { ackAfter } from '../../lib/operators/ack-after/ack-after';
import type { Transaction } from '../../lib/operators/transactions/transaction';
import { stopAtLsn } from '../../lib/operators/stop-at-lsn';
import { transactions } from '../../lib/operators/transactions/transactions';
import { buildLogicalMessage } from '../../lib/testing/payloads';
import { Clock } from '../support/clock';
import { FakeBackend, transaction } from '../support/fake-backend';
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

describe('a slot, where the consumer stores the position', () => {
  it('is created if the store is empty', () => {
    server.slots.clear();
    const store = new Store();
    const { subscription } = record(storing(store, { ensureSlot: true }));
    clock.advance();
    expect([server.last.streaming, server.slots.size]).toEqual([true, 1]);
    subscription.unsubscribe();
    expectNothingLeft(clock, server);
  });

  it('is not created again if the store is not empty, as the changes since the stored position are lost', () => {
    server.slots.clear();
    const store = new Store();
    store.position = { systemId: server.systemId, timeline: 1, slot: 'orders', endLsn: '0/200' };
    const heard = record(storing(store, { ensureSlot: true }));
    clock.advance();
    expect([getCode(heard.error), server.slots.size]).toEqual(['SLOT_LOST', 0]);
    expectNothingLeft(clock, server);
  });

  it('is reported as SLOT_MISSING rather than SLOT_LOST where startLsn is an LSN', () => {
    server.slots.clear();
    const heard = record(streaming(server, { startLsn: '0/200' }));
    clock.advance();
    expect(getCode(heard.error)).toBe('SLOT_MISSING');
    expectNothingLeft(clock, server);
  });

  it('is confirmed at each keepalive that is acknowledged on the flat stream', () => {
    const { values, subscription } = record(streaming(server, { startLsn: () => undefined }));
    clock.advance();
    for (const walEnd of [0x100n, 0x200n, 0x300n]) {
      server.last.keepalive(walEnd);
      clock.advance(200);
    }
    expect(server.slot().confirmed).toBe(0x80n);
    for (const message of values) message.ack();
    clock.advance(200);
    expect(server.slot().confirmed).toBe(0x300n);
    subscription.unsubscribe();
    expectNothingLeft(clock, server);
  });

  it('is not confirmed beyond a stop, and the stored position neither', () => {
    const store = new Store();
    const messages = streaming(server, { startLsn: () => store.position });
    const heard = record(
      messages.pipe(
        stopAtLsn('0/500'),
        transactions(),
        ackAfter((tx) => store.save(tx)),
      ),
    );
    clock.advance();
    server.commit(tx(1));
    server.last.keepalive(0x900n, true);
    clock.advance(1000);
    expect([heard.completed, store.lsn, server.slot().confirmed]).toEqual([true, 0x130n, 0x130n]);
    expectNothingLeft(clock, server);
  });

  it('without changes for an hour is confirmed at the stored position, and a new program starts there without an error', () => {
    const store = new Store();
    const work = () => storing(store).pipe(ackAfter((tx) => store.save(tx)));
    const first = record(work());
    clock.advance();
    server.commit(tx(0x50));
    for (let minute = 1; minute <= 60; minute++) {
      clock.advance(60_000);
      server.walPosition = 0x6000n + 0x100n * BigInt(minute);
      server.last.keepalive(server.walPosition);
    }
    clock.advance(10);
    expect([store.lsn, server.slot().confirmed]).toEqual([0x9c00n, 0x9c00n]);
    first.subscription.unsubscribe();
    clock.advance(100);

    server.walPosition = 0x9d00n;
    const second = record(work());
    clock.advance();
    server.commit(tx(0xa0));
    clock.advance(10);
    expect([second.events, server.last.startLsn, store.rows]).toEqual([[], 0x9c00n, ['tx 80', 'tx 160']]);
    second.subscription.unsubscribe();
    expectNothingLeft(clock, server);
  });

  it('that a crash has set back is not an error, as the stored position is used', () => {
    const store = new Store();
    const first = record(storing(store).pipe(ackAfter((tx) => store.save(tx))));
    clock.advance();
    server.commit(tx(1), tx(2));
    clock.advance(10);
    first.subscription.unsubscribe();
    clock.advance(100);
    server.slot().confirmed = 0x80n;
    const second = record(storing(store).pipe(ackAfter((tx) => store.save(tx))));
    clock.advance(10);
    expect([second.events, server.last.startLsn, store.rows]).toEqual([[], 0x230n, ['tx 1', 'tx 2']]);
    second.subscription.unsubscribe();
    expectNothingLeft(clock, server);
  });

  it('is never ahead of the store, and each transaction is stored once', () => {
    type Step = 'commit' | 'empty' | 'message' | 'keepalive' | 'asks' | 'work' | 'save' | 'restart' | 'lost' | 'pause';
    const often: readonly Step[] = ['commit', 'keepalive', 'work', 'work', 'pause'];
    const steps = fc.constantFrom<Step>(...often, 'empty', 'message', 'asks', 'save', 'restart', 'lost');

    const play = (script: readonly Step[]): void => {
      clock = new Clock();
      server = new FakeBackend(clock);
      const store = new Store();
      let committed = 0;
      let source = storing(store);
      let program = record(source);
      let done = 0;
      const start = (): void => {
        done = 0;
        program = record(source);
        clock.advance(20);
      };
      const forward = (): bigint => (server.walPosition += 0x100n);
      const next = (): Transaction | undefined => program.values[done];
      const does: Record<Step, () => void> = {
        commit: () => {
          server.commit(transaction({ commitLsn: forward(), rows: [`tx ${committed++}`] }));
        },
        empty: () => {
          server.commit(transaction({ commitLsn: forward(), rows: [] }));
        },
        message: () => server.last.push(buildLogicalMessage({ transactional: false, lsn: forward() })),
        keepalive: () => server.last.keepalive(forward()),
        asks: () => server.last.keepalive(server.walPosition, true),
        work: () => {
          const tx = next();
          if (tx) store.save(tx);
          expect(tx?.ack()).not.toBe(false);
          if (tx) done++;
        },
        save: () => {
          const tx = next();
          if (tx) store.save(tx);
        },
        // A new program without any state.
        restart: () => {
          program.subscription.unsubscribe();
          clock.advance(100);
          source = storing(store);
          start();
        },
        lost: () => {
          server.last.close(new Error('ECONNRESET'));
          clock.advance(20);
          start();
        },
        pause: () => clock.advance(10_000),
      };

      clock.advance(20);
      for (const step of [...script, ...Array<Step>(script.length).fill('work')]) {
        does[step]();
        clock.advance(20);
        const { confirmed } = server.slot();
        if (confirmed > 0x80n && confirmed > store.lsn) throw new Error(`After ${step} the slot is ahead of the store`);
        if (program.error !== undefined) throw program.error as Error;
      }
      expect(store.rows).toEqual(Array.from({ length: committed }, (_, n) => `tx ${n}`));
      expect(server.violations).toEqual([]);
      program.subscription.unsubscribe();
      expectNothingLeft(clock, server);
    };
    fc.assert(fc.property(fc.array(steps, { maxLength: 40, size: 'max' }), play), { numRuns: 200 });
  });
});
