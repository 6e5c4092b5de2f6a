import fc from 'fast-check';
import {
  defer,
  EMPTY,
  map,
  NEVER,
  Observable,
  of,
  Subject,
  takeUntil,
  throwError,
  timer,
  type ObservableInput,
} from 'rxjs';
import type { Checkpoint, StoredPosition } from '../../lib/ledger/checkpoint';
import type { PgoutputConfig } from '../../lib/config/config';
import { ConnectionError, type ReplicationError } from '../../lib/common/errors';
import { parseLsn } from '../../lib/common/lsn';
import { ackAfter } from '../../lib/operators/ack-after/ack-after';
import { reconnect, type ReconnectAttempt } from '../../lib/operators/reconnect';
import type { Transaction } from '../../lib/operators/transactions/transaction';
import { stopAtLsn } from '../../lib/operators/stop-at-lsn';
import { transactions } from '../../lib/operators/transactions/transactions';
import type { CloseInfo } from '../../lib/config/observers';
import { notice, parameterStatus } from '../../lib/testing/backend-messages';
import { logicalMessage } from '../../lib/testing/payloads';
import { Clock } from '../support/clock';
import { FakeBackend, transaction, type FakeTransaction } from '../support/fake-backend';
import { names, record, streaming, type Recording } from '../support/streaming';

let clock: Clock;
let server: FakeBackend;

beforeEach(() => {
  clock = new Clock();
  server = new FakeBackend(clock);
});

/** The n-th transaction: commit LSN n00, end LSN n30, a user called `tx n`. */
function tx(n: number): FakeTransaction {
  return transaction({ commitLsn: BigInt(n) * 0x100n, xid: n, rows: [`tx ${n}`] });
}

const code = (error: unknown) => (error as ReplicationError | undefined)?.code;

/** A table of a consumer's own, with the position of what it holds. */
class Store {
  position: Checkpoint | undefined;
  readonly rows: unknown[] = [];
  /** Skips what it holds already, as the manual of this library says. */
  save(tx: Transaction): void {
    if (this.lsn > tx.commitLsn) return;
    this.rows.push(...names([tx]));
    this.position = JSON.parse(JSON.stringify(tx.checkpoint)) as Checkpoint;
  }

  get lsn(): bigint {
    return this.position ? parseLsn(this.position.endLsn) : 0n;
  }
}

/** Every subscription asks this store. */
function storing(store: Store, config: Partial<PgoutputConfig> = {}): Observable<Transaction> {
  return streaming(server, { startLsn: () => of(store.position), ...config }).pipe(transactions());
}

/** The same where a process that is none of ours has the slot. */
function expectNothingLeftBut(owner: number): void {
  expect(server.slot().owner).toBe(owner);
  server.slot().owner = undefined;
  expectNothingLeft();
}

function expectNothingLeft(): void {
  clock.advance(60_000);
  expect(clock.pending).toBe(0);
  for (const connection of server.connections) expect(connection).toMatchObject({ gone: true, timeouts: 0 });
  for (const slot of server.slots.values()) expect(slot.owner).toBeUndefined();
}

describe('a store that is asked for the position', () => {
  /** A stream that asks these in turn, and how often it has asked. */
  function asking(...answers: (() => ObservableInput<StoredPosition>)[]) {
    let asked = 0;
    const source = streaming(server, { startLsn: () => answers[asked++ % answers.length]!() });
    return { source, times: () => asked };
  }

  it('is asked at each subscription, and not before', () => {
    const { source, times } = asking(
      () => of('0/200'),
      () => of(0x300n),
    );
    expect(times()).toBe(0);
    for (const lsn of [0x200n, 0x300n]) {
      const { subscription } = record(source);
      clock.advance();
      expect(server.last.startLsn).toBe(lsn);
      subscription.unsubscribe();
      clock.advance(100);
    }
    expect(times()).toBe(2);
    expectNothingLeft();
  });

  it('may take its time: nothing starts before it has answered', () => {
    const { source, times } = asking(() => timer(5000, clock).pipe(map(() => '0/200')));
    const { subscription } = record(source);
    clock.advance(4999);
    expect([times(), server.connections.length, server.last.startLsn]).toEqual([1, 1, undefined]);
    clock.advance(1);
    expect(server.last.startLsn).toBe(0x200n);
    subscription.unsubscribe();
    expectNothingLeft();
  });

  it('is asked over a connection that bears what the server says meanwhile', () => {
    const { source } = asking(() => timer(5000, clock).pipe(map(() => '0/200')));
    const { subscription } = record(source);
    clock.advance(100);
    server.last.send(notice({ M: 'checkpoints are occurring too frequently' }), parameterStatus('TimeZone', 'UTC'));
    clock.advance(5000);
    expect(server.last.startLsn).toBe(0x200n);
    subscription.unsubscribe();
    expectNothingLeft();
  });

  it('that does not answer within connectTimeout is an error that can be retried, and is let go of', () => {
    let released = 0;
    const startLsn = () => new Observable<never>(() => () => released++);
    const heard = record(streaming(server, { startLsn, connectTimeout: 2000 }));
    clock.advance(1999);
    expect([heard.events, released]).toEqual([[], 0]);
    clock.advance(1);
    expect(heard.error).toMatchObject({ code: 'CHECKPOINT_UNAVAILABLE', retryable: true });
    expect(heard.error).toHaveProperty('message', expect.stringContaining('startLsn did not answer within 2000 ms.'));
    expect([released, server.last.streaming]).toEqual([1, false]);
    expectNothingLeft();
  });

  it('is not blamed for a server that is slow', () => {
    server.latency = 1500;
    const heard = record(streaming(server, { startLsn: () => '0/200', connectTimeout: 2000 }));
    clock.advance(2000);
    expect(code(heard.error)).toBe('CONNECT_TIMEOUT');
    server.latency = 0;
    expectNothingLeft();
  });

  it('is let go of when the connection is lost meanwhile', () => {
    let released = 0;
    const heard = record(streaming(server, { startLsn: () => new Observable<never>(() => () => released++) }));
    clock.advance(100);
    server.last.close(new Error('ECONNRESET'));
    clock.advance(60_000);
    expect([heard.events, released]).toEqual([['error'], 1]);
    expectNothingLeft();
  });

  it('is not asked where the server cannot be reached', () => {
    const { source, times } = asking(() => of('0/200'));
    server.behaviour.refusal = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    const heard = record(source);
    clock.advance();
    expect([code(heard.error), times()]).toEqual(['CONNECTION_REFUSED', 0]);
    expectNothingLeft();
  });

  it.each<[what: string, answer: () => ObservableInput<StoredPosition>]>([
    ['null', () => of(null)],
    ['nothing', () => EMPTY],
  ])('leaves the start to the slot where it holds %s', (_, answer) => {
    const { subscription } = record(asking(answer).source);
    clock.advance();
    expect(server.last.startLsn).toBe(0n);
    subscription.unsubscribe();
    expectNothingLeft();
  });

  it('is let go of when somebody unsubscribes while it is asked, and the next subscription may start', () => {
    let released = 0;
    const { source } = asking(
      () => new Observable(() => () => released++),
      () => of('0/200'),
    );
    const first = record(source);
    clock.advance(100);
    first.subscription.unsubscribe();
    expect([released, server.connections.length, server.last.destroyed]).toEqual([1, 1, true]);
    const second = record(source);
    clock.advance();
    expect([second.events, server.last.startLsn]).toEqual([[], 0x200n]);
    second.subscription.unsubscribe();
    expectNothingLeft();
  });

  it('may end the subscription that asks', () => {
    const stop$ = new Subject<void>();
    const startLsn = () => {
      stop$.next();
      return of('0/200');
    };
    const heard = record(streaming(server, { startLsn }).pipe(takeUntil(stop$)));
    clock.advance();
    expect(heard.events).toEqual(['complete']);
    expectNothingLeft();
    expect([server.last.startLsn, server.last.destroyed]).toEqual([undefined, true]);
  });

  it('is asked by one subscription at a time', () => {
    const { source, times } = asking(() => NEVER);
    const first = record(source);
    const second = record(source);
    clock.advance();
    expect([times(), code(second.error), first.events]).toEqual([1, 'ALREADY_SUBSCRIBED', []]);
    first.subscription.unsubscribe();
    expectNothingLeft();
  });

  it('is asked only once the last subscription has taken its leave', () => {
    const { source, times } = asking(() => of('0/200'));
    const first = record(source);
    clock.advance();
    server.behaviour.onCopyDone = 'ignore';
    first.subscription.unsubscribe();
    const second = record(source);
    clock.advance(4999);
    expect([times(), server.connections.length]).toEqual([1, 1]);
    clock.advance(10);
    expect([times(), server.connections.length]).toEqual([2, 2]);
    server.behaviour.onCopyDone = 'reply';
    second.subscription.unsubscribe();
    expectNothingLeft();
  });

  it.each<[what: string, failure: unknown]>([
    ['an Error', new RangeError('the store is gone')],
    ['text', 'the store is gone'],
    ['nothing', undefined],
  ])('fails with what it has thrown, %s, as it is, and can be asked again at once', (_, failure) => {
    const { source } = asking(
      () => throwError(() => failure),
      () => {
        throw failure;
      },
      () => of('0/200'),
    );
    const heard: unknown[] = [];
    let last: Recording<unknown> | undefined;
    source.subscribe({
      error: (error) => {
        heard.push(error);
        source.subscribe({
          error: (error) => {
            heard.push(error);
            last = record(source);
          },
        });
      },
    });
    clock.advance();
    expect([heard.every((error) => error === failure), heard.length, server.connections.length]).toEqual([true, 2, 3]);
    expect(server.connections.map(({ startLsn }) => startLsn)).toEqual([undefined, undefined, 0x200n]);
    last?.subscription.unsubscribe();
    expectNothingLeft();
  });

  it.each<[what: string, startLsn: () => unknown]>([
    ['text that is no LSN', () => ['16B6C50']],
    ['the row of a query', () => ({ end_lsn: '0/200' })],
    ['rows', () => [{ end_lsn: '0/200' }]],
    ['a number', () => 512],
  ])('that holds what is no position is an error of the option, and nothing starts: %s', (_, startLsn) => {
    const heard = record(streaming(server, { startLsn: startLsn as () => StoredPosition }));
    clock.advance();
    expect(heard.error).toMatchObject({ code: 'CONFIG_INVALID', option: 'startLsn', retryable: false });
    expect([heard.events, server.last.startLsn]).toEqual([['error'], undefined]);
    expectNothingLeft();
  });

  it.each<[what: string, position: StoredPosition, expected: string]>([
    ['behind its slot', '0/7F', 'SLOT_AHEAD'],
    ['beyond the WAL', '0/5001', 'CHECKPOINT_MISMATCH'],
    ['of another cluster', { systemId: '7', timeline: 1, slot: 'orders', endLsn: '0/200' }, 'CHECKPOINT_MISMATCH'],
  ])('that stands %s is an error, and nothing is streamed', (_, position, expected) => {
    const heard = record(asking(() => of(position)).source);
    clock.advance();
    expect([heard.events, code(heard.error), server.last.streaming]).toEqual([['error'], expected, false]);
    expectNothingLeft();
  });

  it('goes with a server that was promoted, up to where the timelines part', () => {
    const position = { systemId: server.systemId, timeline: 1, slot: 'orders', endLsn: '0/200' };
    server.timeline = 2;
    server.history.push({ timeline: 1, switchLsn: 0x200n });
    const { subscription } = record(asking(() => of(position)).source);
    clock.advance();
    expect(server.last.startLsn).toBe(0x200n);
    subscription.unsubscribe();
    clock.advance(100);

    server.history[0] = { timeline: 1, switchLsn: 0x1ffn };
    const parted = record(asking(() => of(position)).source);
    clock.advance();
    expect(code(parted.error)).toBe('CHECKPOINT_MISMATCH');
    expectNothingLeft();
  });
});

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
      expect(heard.error).toMatchObject({ code: expect.stringMatching(/^SLOT_(?:WRONG_KIND|INVALIDATED)$/) });
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
    expectNothingLeft();
  });

  it('since the store was asked is refused by the server, and tried for again', () => {
    const startLsn = () => {
      server.slot().owner = 4711;
      return of('0/200');
    };
    const heard = record(streaming(server, { startLsn }));
    clock.advance();
    expect(code(heard.error)).toBe('SLOT_ACTIVE');
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
    expectNothingLeft();
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
    expectNothingLeft();
  });

  it('goes from one of two processes to the other and back, under load, and each transaction is stored once', () => {
    const store = new Store();
    const options = { scheduler: clock, initialDelay: 20, maxDelay: 50 };
    const errors: unknown[] = [];
    const attemptObserver = { next: ({ error }: ReconnectAttempt) => errors.push(code(error)) };
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
    expectNothingLeft();
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
    expect(code(heard.error)).toBe('SLOT_MOVED');
    expectNothingLeftBut(4711);
  });
});

describe('a slot, where a store keeps the position', () => {
  it('is made while the store is empty', () => {
    server.slots.clear();
    const store = new Store();
    const { subscription } = record(storing(store, { ensureSlot: true }));
    clock.advance();
    expect([server.last.streaming, server.slots.size]).toEqual([true, 1]);
    subscription.unsubscribe();
    expectNothingLeft();
  });

  it('is not made again where the store is not empty: what lies between is gone', () => {
    server.slots.clear();
    const store = new Store();
    store.position = { systemId: server.systemId, timeline: 1, slot: 'orders', endLsn: '0/200' };
    const heard = record(storing(store, { ensureSlot: true }));
    clock.advance();
    expect([code(heard.error), server.slots.size]).toEqual(['SLOT_LOST', 0]);
    expectNothingLeft();
  });

  it('is missing, not lost, to whoever just gives a position', () => {
    server.slots.clear();
    const heard = record(streaming(server, { startLsn: '0/200' }));
    clock.advance();
    expect(code(heard.error)).toBe('SLOT_MISSING');
    expectNothingLeft();
  });

  it('follows keepalives as they are acknowledged on the flat stream, each of them', () => {
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
    expectNothingLeft();
  });

  it('and the store get no further than a stop', () => {
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
    expectNothingLeft();
  });

  it('that is quiet for an hour follows the store, and a new program starts there without alarm', () => {
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
    expectNothingLeft();
  });

  it('that a crash has rewound is no alarm: the store knows better', () => {
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
    expectNothingLeft();
  });

  it('is never ahead of the store, and everything gets there once', () => {
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
        message: () => server.last.push(logicalMessage({ transactional: false, lsn: forward() })),
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
        // A new program, which remembers nothing.
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
      expectNothingLeft();
    };
    fc.assert(fc.property(fc.array(steps, { maxLength: 40, size: 'max' }), play), { numRuns: 200 });
  });
});

describe('a temporary slot', () => {
  it('goes with its connection, so that its stream cannot be taken up again, and says so', () => {
    server.slots.clear();
    const attempts: ReconnectAttempt[] = [];
    const attemptObserver = { next: (attempt: ReconnectAttempt) => attempts.push(attempt) };
    const source = streaming(server, { ensureSlot: { temporary: true } });
    const heard = record(source.pipe(reconnect({ scheduler: clock, attemptObserver })));
    clock.advance();
    server.last.close(new Error('ECONNRESET'));
    expect(heard.error).toBeInstanceOf(ConnectionError);
    expect(heard.error).toMatchObject({ code: 'CONNECTION_LOST', retryable: false });
    expect(heard.error).toHaveProperty(
      'message',
      expect.stringContaining('The temporary slot went with its connection'),
    );
    expect(attempts).toEqual([]);
    expectNothingLeft();
  });

  it('leaves what is no loss of the connection its own remedy, and what rules say of it', () => {
    server.slots.clear();
    const errors = [{ when: { code: 'ACK_TIMEOUT' as const }, treatAs: { remedy: 'Ask Ann.' } }];
    const heard = record(streaming(server, { ensureSlot: { temporary: true }, ackTimeout: 1000, errors }));
    clock.advance();
    server.commit(tx(100));
    clock.advance(5000);
    expect(heard.error).toMatchObject({ code: 'ACK_TIMEOUT', retryable: false, remedy: 'Ask Ann.' });
    expectNothingLeft();
  });

  it('that was not there yet may be tried for again', () => {
    server.slots.clear();
    server.behaviour.refusal = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    const heard = record(streaming(server, { ensureSlot: { temporary: true } }));
    clock.advance();
    expect(heard.error).toMatchObject({ code: 'CONNECTION_REFUSED', retryable: true });
    expectNothingLeft();
  });
});

describe('rules for errors', () => {
  const errors: PgoutputConfig['errors'] = [
    { when: { message: /draining/ }, treatAs: { code: 'SERVER_SHUTDOWN', remedy: 'It moves.' } },
    { when: { causeCode: 'ECONNREFUSED' }, treatAs: { retryable: false } },
  ];
  const draining = { S: 'FATAL', V: 'FATAL', C: '08P01', M: 'draining' };

  it('are the same for closeObserver, the subscriber and a work’s ackAfter', () => {
    const closed: CloseInfo[] = [];
    const closeObserver = { next: (info: CloseInfo) => closed.push(info) };
    const heard = record(
      streaming(server, { errors, closeObserver }).pipe(
        transactions(),
        ackAfter(() => NEVER),
      ),
    );
    clock.advance();
    server.commit(tx(1));
    server.last.error(draining);
    expect(heard.error).toMatchObject({ code: 'SERVER_SHUTDOWN', retryable: true, sqlState: '08P01' });
    expect(heard.error).toHaveProperty('message', 'The server says: draining (SQLSTATE 08P01). It moves.');
    expect(closed.map(({ error }) => error === heard.error)).toEqual([true]);
    expectNothingLeft();
  });

  it('are those before the stream, too', () => {
    server.behaviour.refusal = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    const heard = record(streaming(server, { errors }));
    clock.advance();
    expect(heard.error).toMatchObject({ code: 'CONNECTION_REFUSED', retryable: false });
    expect(record(streaming(server)).error).toBeUndefined();
  });

  it('are what reconnect goes by', () => {
    const heard = record(streaming(server, { errors }).pipe(reconnect({ scheduler: clock })));
    clock.advance();
    server.last.error(draining);
    clock.advance(1000);
    expect([heard.events, server.connections.length, server.last.streaming]).toEqual([[], 2, true]);
    server.behaviour.refusal = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    server.last.error(draining);
    clock.advance(1000);
    expect(code(heard.error)).toBe('CONNECTION_REFUSED');
    expectNothingLeft();
  });
});

describe('reconnect, over a server', () => {
  const attempts: ReconnectAttempt[] = [];
  const options = {
    scheduler: new Clock(),
    attemptObserver: { next: (one: ReconnectAttempt) => attempts.push(one) },
  };

  beforeEach(() => {
    attempts.length = 0;
    options.scheduler = clock;
  });

  it('waits for a server that is away, and goes on without a gap and without a repetition', () => {
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
    expectNothingLeft();
  });

  it('waits for a slot that another still has, for as long as the server may take to notice', () => {
    server.walSenderTimeout = 30_000;
    server.slot().owner = 4711;
    const heard = record(streaming(server).pipe(reconnect({ ...options, maxRetries: 1, maxDelay: 2000 })));
    clock.advance(29_000);
    expect(heard.events).toEqual([]);
    server.slot().owner = undefined;
    clock.advance(2100);
    expect([heard.events, server.last.streaming]).toEqual([[], true]);
    expect(new Set(attempts.map(({ error }) => code(error)))).toEqual(new Set(['SLOT_ACTIVE']));
    heard.subscription.unsubscribe();
    expectNothingLeft();
  });

  it('gives up the slot that another keeps', () => {
    server.walSenderTimeout = 30_000;
    server.slot().owner = 4711;
    const heard = record(streaming(server).pipe(reconnect({ ...options, maxRetries: 1, maxDelay: 2000 })));
    clock.advance(33_000);
    expect(code(heard.error)).toBe('SLOT_ACTIVE');
    expect(clock.pending).toBe(0);
  });

  it('gives up a transaction that no work takes, though those before it are delivered each time', () => {
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
    expectNothingLeft();
  });

  it('starts over once a work has got past what stopped it', () => {
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
    expectNothingLeft();
  });

  it('asks the store anew at each attempt', () => {
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
    expectNothingLeft();
  });

  it('gives up where the slot was dropped meanwhile', () => {
    const heard = record(streaming(server).pipe(reconnect(options)));
    clock.advance();
    server.slots.clear();
    server.last.close(new Error('ECONNRESET'));
    clock.advance(2000);
    expect(code(heard.error)).toBe('SLOT_LOST');
    expectNothingLeft();
  });
});
