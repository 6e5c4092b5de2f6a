import {
  bufferCount,
  config as rxConfig,
  concatMap,
  delay,
  endWith,
  filter,
  groupBy,
  map,
  mergeMap,
  repeat,
  retry,
  share,
  Subject,
  take,
  tap,
  throwError,
  timer,
  toArray,
  type Observable,
} from 'rxjs';
import type { Acknowledgeable } from '../lib/ledger/acknowledgement';
import type { ReplicationError } from '../lib/common/errors';
import { createStream } from '../lib/logical-replication';
import { ackAfter } from '../lib/operators/ack-after/ack-after';
import { stopAtLsn } from '../lib/operators/stop-at-lsn';
import { stopOn } from '../lib/operators/stop-on';
import type { Transaction } from '../lib/operators/transactions/transaction';
import { transactions } from '../lib/operators/transactions/transactions';
import type { OpenInfo } from '../lib/commands/open-stream';
import type { CloseInfo, StatusUpdate } from '../lib/config/observers';
import { insert } from '../lib/testing/payloads';
import { xlogData } from '../lib/testing/backend-messages';
import { Clock, microtasks } from './support/clock';
import { FakeBackend, transaction, type FakeTransaction } from './support/fake-backend';
import { CONNECTION, names, record, streaming, streamingRaw } from './support/streaming';

let clock: Clock;
let server: FakeBackend;

beforeEach(() => {
  clock = new Clock();
  server = new FakeBackend(clock);
});

/** The n-th transaction: commit LSN n00, end LSN n30, a user called `tx n`. */
function tx(n: number, rows: number | readonly string[] = [`tx ${n}`]): FakeTransaction {
  return transaction({ commitLsn: BigInt(n) * 0x100n, xid: n, rows });
}

const code = (error: unknown) => (error as ReplicationError | undefined)?.code;

function ackEverything<T extends Acknowledgeable>(source: Observable<T>) {
  return record(source, (value) => value.ack());
}

/** Nothing is left of any connection: no timer, no time-out, nobody at the slot. */
function expectNothingLeft(): void {
  clock.advance(60_000);
  expect(clock.pending).toBe(0);
  for (const connection of server.connections) {
    expect(connection).toMatchObject({ gone: true, timeouts: 0, streaming: false });
  }
  for (const slot of server.slots.values()) expect(slot.owner).toBeUndefined();
}

describe('subscribing', () => {
  it('connects, and not before', () => {
    const source = streaming(server);
    clock.advance(1000);
    expect(server.connections).toHaveLength(0);

    const { subscription } = record(source);
    clock.advance();
    expect(server.connections).toHaveLength(1);
    expect(server.last.target).toMatchObject({ host: 'db.example', port: 5432, tls: { optional: true } });
    expect(server.last.startup).toMatchObject({ user: 'app', database: 'shop', replication: 'database' });
    expect(server.last.streaming).toBe(true);
    subscription.unsubscribe();
    expectNothingLeft();
  });

  it('delivers what the server sends, in order, keepalives included', () => {
    const { values, subscription } = ackEverything(streaming(server));
    clock.advance();
    server.commit(tx(1), tx(2));
    server.last.keepalive(0x400n);
    expect(values.map(({ kind }) => kind)).toEqual([
      ...['begin', 'relation', 'insert', 'commit', 'begin', 'relation', 'insert', 'commit'],
      'keepalive',
    ]);
    subscription.unsubscribe();
  });

  it('makes one connection for each subscription, one after the other', () => {
    const source = streaming(server);
    for (let i = 1; i <= 3; i++) {
      const { subscription } = record(source);
      clock.advance(100);
      subscription.unsubscribe();
      clock.advance(100);
      expect(server.connections).toHaveLength(i);
    }
    expectNothingLeft();
  });

  it('takes what came right behind CopyBoth', () => {
    server.commit(tx(1));
    const { values } = ackEverything(streaming(server).pipe(take(4)));
    clock.advance();
    expect(names(values)).toEqual(['tx 1']);
  });

  it('asks for startLsn', () => {
    const { subscription } = record(streaming(server, { startLsn: '0/200' }));
    server.commit(tx(1), tx(2));
    clock.advance();
    expect(server.last.startLsn).toBe(0x200n);
    subscription.unsubscribe();
  });

  it('reports a transport that cannot even be made, and can be subscribed to again', () => {
    let broken = true;
    const connect: typeof server.connect = (target, events) => {
      if (broken) throw new Error('bad host');
      return server.connect(target, events);
    };
    const source = createStream(connect, {
      connection: CONNECTION,
      slot: 'orders',
      publications: ['orders_pub'],
      scheduler: clock,
    });
    expect(record(source).error).toHaveProperty('message', 'bad host');
    broken = false;
    const second = record(source);
    clock.advance();
    expect(second.error).toBeUndefined();
    expect(server.last.streaming).toBe(true);
    second.subscription.unsubscribe();
  });
});

describe('a second subscription', () => {
  it('at the same time is an error that names share()', () => {
    const source = streaming(server);
    const first = record(source);
    const early = record(source);
    clock.advance();
    const late = record(source);
    for (const { error } of [early, late]) {
      expect(code(error)).toBe('ALREADY_SUBSCRIBED');
      expect(error).toHaveProperty('message', expect.stringContaining('share()'));
    }
    expect(server.connections).toHaveLength(1);
    expect(first.events).toEqual([]);
    expect(server.last.streaming).toBe(true);

    first.subscription.unsubscribe();
    expectNothingLeft();
  });

  it('waits while the first one takes its leave', () => {
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
    expect(code(third.error)).toBe('ALREADY_SUBSCRIBED');

    server.behaviour.onCopyDone = 'reply';
    clock.advance(1);
    expect(server.connections).toHaveLength(2);
    expect(server.last.streaming).toBe(true);
    second.subscription.unsubscribe();
    expectNothingLeft();
  });

  it('gives up waiting when it is unsubscribed', () => {
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
    expectNothingLeft();
  });

  it('waits while the first one drains: that one has completed', () => {
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
    expectNothingLeft();
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
    expectNothingLeft();
  });

  it('lets the works of one branch of share() finish after a stop, though another gives up', () => {
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
    expectNothingLeft();
  });

  it('completes branches that end while the stream goes on', () => {
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
    expectNothingLeft();
  });

  it('can be subscribed to again by whoever hears that a work failed', () => {
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

  it('takes one branch of share() away without harm to the other', () => {
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
    expectNothingLeft();
  });
});

describe('unsubscribing', () => {
  it('says what is confirmed, then CopyDone, discards the rest, then Terminate', () => {
    const { values, subscription } = record(streaming(server));
    clock.advance();
    server.commit(tx(1), tx(2));
    for (const message of values.slice(0, 4)) message.ack();
    server.last.log.length = 0;
    subscription.unsubscribe();
    expect(server.last.log).toEqual(['status 0/130', 'copyDone']);
    server.last.push(insert(['9', 'the rest of a transaction']));
    expect(values).toHaveLength(8);

    clock.advance(10);
    expect(server.last.log).toEqual(['status 0/130', 'copyDone', 'terminate', 'end']);
    expectNothingLeft();
  });

  it('stops the feedback first', () => {
    server.behaviour.onCopyDone = 'ignore';
    const { subscription } = record(streaming(server, { closeTimeout: 3_600_000 }));
    clock.advance();
    server.commit(tx(1));
    subscription.unsubscribe();
    const said = server.last.log.length;
    clock.advance(600_000);
    server.last.keepalive(0x900n, true);
    clock.advance(600_000);
    expect(server.last.log).toHaveLength(said);
  });

  it('makes later acknowledgements worthless', () => {
    const { values, subscription } = record(streaming(server));
    clock.advance();
    server.commit(tx(1));
    subscription.unsubscribe();
    expect(values.filter((message) => ['insert', 'commit'].includes(message.kind)).map((m) => m.ack())).toEqual([
      false,
      false,
    ]);
    expectNothingLeft();
    expect(server.slot().confirmed).toBe(0x80n);
  });

  it('reads on although the window was full, so that the server can take its leave', () => {
    const { subscription } = record(streaming(server, { maxUnacked: 1 }));
    clock.advance();
    server.commit(tx(1), tx(2), tx(3));
    expect(server.last.held).toBe(true);
    subscription.unsubscribe();
    clock.advance(10);
    expect(server.last.log.slice(-3)).toEqual(['copyDone', 'terminate', 'end']);
    expectNothingLeft();
  });

  it('cuts the connection when the server does not answer within closeTimeout', () => {
    server.behaviour.onCopyDone = 'ignore';
    const closed: CloseInfo[] = [];
    const { subscription } = record(
      streaming(server, { closeTimeout: 700, closeObserver: { next: (info) => closed.push(info) } }),
    );
    clock.advance();
    subscription.unsubscribe();
    clock.advance(699);
    expect(server.last.gone).toBe(false);
    clock.advance(1);
    expect(server.last.destroyed).toBe(true);
    expect(closed).toEqual([{ confirmedLsn: 0n, receivedLsn: 0n, error: undefined }]);
    expectNothingLeft();
  });

  it('cuts it at once with closeTimeout 0, after the last status update', () => {
    server.behaviour.onCopyDone = 'ignore';
    const { subscription, values } = record(streaming(server, { closeTimeout: 0 }));
    clock.advance();
    server.commit(tx(1));
    for (const message of values) message.ack();
    subscription.unsubscribe();
    clock.advance(0);
    expect(server.last.destroyed).toBe(true);
    expect(server.slot().confirmed).toBe(0x130n);
    expectNothingLeft();
  });

  it('after a stop takes proper leave even with closeTimeout 0, so that complete means confirmed', () => {
    server.latency = 10;
    const heard = record(
      streaming(server, { closeTimeout: 0 }).pipe(
        stopAtLsn(0x130n),
        transactions(),
        ackAfter(() => []),
      ),
    );
    clock.advance(200);
    server.commit(tx(1));
    clock.advance(200);
    expect(heard.events).toEqual(['complete']);
    expect(server.slot().confirmed).toBe(0x130n);
    expectNothingLeft();
  });

  it('bears a server that hangs up instead of answering', () => {
    server.behaviour.onCopyDone = 'close';
    const closed: CloseInfo[] = [];
    const { subscription, events } = record(
      streaming(server, { closeObserver: { next: (info) => closed.push(info) } }),
    );
    clock.advance();
    subscription.unsubscribe();
    clock.advance(10);
    expect(closed).toHaveLength(1);
    expect(closed[0]?.error).toBeUndefined();
    expect(events).toEqual([]);
    expectNothingLeft();
  });

  it.each([
    [0, 1],
    [15, 2],
    [25, 3],
    [75, 8],
    [79, 8],
  ])('while connecting, after %i ms and %i answers, destroys the connection at once', (ms, answers) => {
    server.latency = 10;
    const { subscription, events } = record(streaming(server));
    clock.advance(ms);
    expect(server.last.log.length).toBe(answers);
    server.last.log.length = 0;
    subscription.unsubscribe();
    expect(server.last.log).toEqual(['destroy']);
    expect(events).toEqual([]);
    expectNothingLeft();
    expect(server.connections).toHaveLength(1);
  });

  it('before anybody has answered the call leaves nothing', () => {
    server.behaviour.reachable = false;
    const { subscription } = record(streaming(server));
    clock.advance(1000);
    subscription.unsubscribe();
    expect(server.last.log).toEqual(['destroy']);
    record(streaming(server)).subscription.unsubscribe();
    expectNothingLeft();
  });

  it('during the making of the slot cancels that on a second connection', () => {
    server.slots.clear();
    server.behaviour.creationWaits = true;
    const { subscription } = record(streaming(server, { ensureSlot: true }));
    clock.advance(120_000);
    const [first] = server.connections;
    subscription.unsubscribe();
    expect(first?.gone).toBe(false);
    clock.advance(10);
    expect(server.cancelled).toEqual([first?.processId]);
    expect(server.connections).toHaveLength(2);
    expect(server.connections.map((connection) => connection.destroyed)).toEqual([true, true]);
    expectNothingLeft();
  });

  it('does not wait longer than closeTimeout for the cancellation, and holds the next subscription back so long', () => {
    server.slots.clear();
    server.behaviour.creationWaits = true;
    const source = streaming(server, { ensureSlot: true, closeTimeout: 500 });
    const { subscription } = record(source);
    clock.advance(100);
    server.behaviour.reachable = false;
    subscription.unsubscribe();
    const next = record(source);
    clock.advance(499);
    expect(server.connections).toHaveLength(2);
    server.behaviour.reachable = true;
    clock.advance(1);
    expect(server.connections).toHaveLength(3);
    expect(server.connections.map((connection) => connection.destroyed)).toEqual([true, true, false]);
    next.subscription.unsubscribe();
    expectNothingLeft();
  });

  it('lets take(1) see exactly one message, and decodes nothing after it', () => {
    const heard = record(streaming(server).pipe(take(1)));
    clock.advance();
    // What follows Begin could not be decoded.
    server.last.push(...tx(1).payloads.slice(0, 1), Buffer.from('?'), Buffer.from('I'));
    expect(heard.events).toEqual(['next', 'complete']);
    clock.advance(10);
    expect(heard.events).toEqual(['next', 'complete']);
    expect(server.last.log.slice(-3)).toEqual(['copyDone', 'terminate', 'end']);
    expectNothingLeft();
  });

  it('inside next ends delivery with that message', () => {
    const heard = record(streaming(server), (message) => {
      if (message.kind === 'insert') heard.subscription.unsubscribe();
    });
    clock.advance();
    server.commit(tx(1, 3), tx(2));
    expect(heard.values.map(({ kind }) => kind)).toEqual(['begin', 'relation', 'insert']);
    expectNothingLeft();
    expect(heard.events).toEqual(['next', 'next', 'next']);
  });
});

describe('what subscribers throw', () => {
  const reported: unknown[] = [];

  beforeEach(() => {
    reported.length = 0;
    rxConfig.onUnhandledError = (error) => reported.push(error);
  });

  afterEach(() => {
    rxConfig.onUnhandledError = null;
  });

  it('in next is reported by RxJS; the stream goes on, and the message stays unacknowledged', async () => {
    const { values, subscription } = record(streaming(server).pipe(transactions()), (value) => {
      if (value.xid === 1) throw new Error('mine');
      value.ack();
    });
    clock.advance();
    server.commit(tx(1), tx(2));
    clock.advance(100);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(reported).toEqual([new Error('mine')]);
    expect(names(values)).toEqual(['tx 1', 'tx 2']);
    expect(server.slot().confirmed).toBe(0x80n);
    subscription.unsubscribe();
    expectNothingLeft();
  });

  it('in the observers does no harm', async () => {
    const bad = (what: string) => ({
      next: (): void => {
        throw new Error(what);
      },
    });
    const { subscription } = ackEverything(
      streaming(server, { openObserver: bad('open'), statusObserver: bad('status'), closeObserver: bad('close') }),
    );
    clock.advance();
    server.commit(tx(1));
    clock.advance(10);
    expect(server.slot().confirmed).toBe(0x130n);
    subscription.unsubscribe();
    expectNothingLeft();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(new Set(reported.map((error) => (error as Error).message))).toEqual(new Set(['open', 'status', 'close']));
  });

  it('in a projection on the way ends the subscription', () => {
    const heard = record(
      streaming(server).pipe(
        map((message) => {
          if (message.kind === 'insert') throw new Error('mine');
          return message;
        }),
      ),
    );
    clock.advance();
    server.commit(tx(1));
    expect(heard.events).toEqual(['next', 'next', 'error']);
    expect(heard.error).toEqual(new Error('mine'));
    expectNothingLeft();
    expect(server.last.log.slice(-3)).toEqual(['copyDone', 'terminate', 'end']);
  });
});

describe('subscribing again', () => {
  it('starts at what was acknowledged, reported or not', () => {
    const source = streaming(server, { closeTimeout: 0 });
    const first = record(source);
    clock.advance();
    server.commit(tx(1), tx(2));
    // The connection dies before the acknowledgement can be reported.
    clock.advance(1);
    for (const message of first.values.slice(0, 4)) expect(message.ack()).toBe(true);
    const status = server.last.statuses.length;
    server.last.close(new Error('reset'));
    expect(server.last.statuses).toHaveLength(status);
    expect(code(first.error)).toBe('CONNECTION_LOST');
    expect(server.slot().confirmed).toBe(0x80n);

    const second = record(source);
    clock.advance();
    expect(server.last.startLsn).toBe(0x130n);
    expect(names(second.values)).toEqual(['tx 2']);
    second.subscription.unsubscribe();
    expectNothingLeft();
  });

  it('delivers again what was not acknowledged', () => {
    const source = streaming(server);
    const first = record(source);
    clock.advance();
    server.commit(tx(1), tx(2));
    first.subscription.unsubscribe();
    clock.advance(10);
    const second = record(source);
    clock.advance(10);
    expect(names(second.values)).toEqual(['tx 1', 'tx 2']);
    second.subscription.unsubscribe();
  });

  it('does not make the slot anew: SLOT_LOST', () => {
    server.slots.clear();
    const source = streaming(server, { ensureSlot: true });
    const first = record(source);
    clock.advance();
    expect(server.slot().plugin).toBe('pgoutput');
    first.subscription.unsubscribe();
    clock.advance(10);

    server.slots.clear();
    const second = record(source);
    clock.advance();
    expect(code(second.error)).toBe('SLOT_LOST');
    expect(server.slots.size).toBe(0);
    expectNothingLeft();
  });

  it('fails with SLOT_MOVED when somebody else has advanced the slot', () => {
    const source = streaming(server);
    const first = ackEverything(source);
    clock.advance();
    server.commit(tx(1));
    first.subscription.unsubscribe();
    clock.advance(10);

    const second = record(source);
    clock.advance(10);
    expect(server.last.streaming).toBe(true);
    second.subscription.unsubscribe();
    clock.advance(10);

    server.slot().confirmed = 0x131n;
    const third = record(source);
    clock.advance(10);
    expect(code(third.error)).toBe('SLOT_MOVED');
    expectNothingLeft();
  });

  it('after keepalives moved the slot is no SLOT_MOVED', () => {
    const source = streaming(server);
    const first = record(source);
    clock.advance();
    server.last.keepalive(0x1000n);
    clock.advance(10);
    expect(server.slot().confirmed).toBe(0x1000n);
    server.last.close(new Error('reset'));
    const second = record(source);
    clock.advance(10);
    expect(code(first.error)).toBe('CONNECTION_LOST');
    expect(second.error).toBeUndefined();
    expect(server.last.startLsn).toBe(0x1000n);
    second.subscription.unsubscribe();
  });

  it('works with retry(), which does so inside error', () => {
    const heard = record(streaming(server).pipe(retry(2), transactions()));
    clock.advance();
    server.last.push(...tx(1).payloads.slice(0, 3));
    server.last.close(new Error('reset'));
    clock.advance();
    server.commit(tx(1));
    server.last.error({ C: '57P01', M: 'terminating connection' });
    clock.advance();
    expect(server.connections).toHaveLength(3);
    expect(names(heard.values)).toEqual(['tx 1', 'tx 1']);
    expect(heard.error).toBeUndefined();
    heard.subscription.unsubscribe();
    expectNothingLeft();
  });

  it('works with retry() while the server cannot be reached', () => {
    server.behaviour.refusal = Object.assign(new Error('no'), { code: 'ECONNREFUSED' });
    const attempts: unknown[] = [];
    const heard = record(
      streaming(server).pipe(
        tap({ error: (failure) => attempts.push(code(failure)) }),
        retry({ delay: () => timer(1000, clock) }),
      ),
    );
    clock.advance(3500);
    expect(attempts).toEqual(Array(4).fill('CONNECTION_REFUSED'));
    server.behaviour.refusal = undefined;
    clock.advance(1000);
    expect(server.last.streaming).toBe(true);
    expect(heard.error).toBeUndefined();
    heard.subscription.unsubscribe();
    expectNothingLeft();
  });

  it('works with repeat(), behind a stop', () => {
    let end = 0x100n;
    const source = streaming(server);
    const heard = record(
      source.pipe(
        stopOn(timer(1000, clock)),
        transactions(),
        ackAfter((value) => [value]),
        repeat(3),
      ),
    );
    for (let i = 0; i < 3; i++) {
      clock.advance(500);
      server.commit(tx(Number(end / 0x100n)));
      end += 0x100n;
      clock.advance(600);
    }
    clock.advance(5000);
    expect(heard.error).toBeUndefined();
    expect(heard.completed).toBe(true);
    expect(names(heard.values)).toEqual(['tx 1', 'tx 2', 'tx 3']);
    expect(server.connections).toHaveLength(3);
    expectNothingLeft();
  });
});

describe('the observers', () => {
  it('hear of the stream’s start, of each status update and of the end', () => {
    const opened: OpenInfo[] = [];
    const statuses: StatusUpdate[] = [];
    const closed: CloseInfo[] = [];
    const heard: string[] = [];
    const { values, subscription } = record(
      streaming(server, {
        openObserver: { next: (info) => (opened.push(info), heard.push('open')) },
        statusObserver: { next: (status) => (statuses.push(status), heard.push('status')) },
        closeObserver: { next: (info) => (closed.push(info), heard.push('close')) },
      }).pipe(tap(() => heard.push('next'))),
    );
    clock.advance();
    expect(opened).toEqual([
      {
        systemId: server.systemId,
        timeline: 1,
        walPosition: 0x5000n,
        database: 'shop',
        serverVersion: 180004,
        standby: false,
        walSenderTimeout: 60_000,
        slot: expect.objectContaining({ name: 'orders', confirmedFlushLsn: 0x80n, active: false }),
        slotCreated: false,
        startLsn: undefined,
      },
    ]);
    server.commit(tx(1, 2));
    clock.advance(10);
    expect(statuses.at(-1)).toMatchObject({ receivedLsn: 0n, confirmedLsn: 0n });
    clock.advance(10_000);
    expect(statuses.at(-1)).toEqual({
      receivedLsn: 0x130n,
      confirmedLsn: 0n,
      unackedMessages: 3,
      unackedBytes: expect.any(Number),
      paused: false,
    });
    for (const message of values) message.ack();
    clock.advance(10);
    expect(statuses.at(-1)).toMatchObject({ confirmedLsn: 0x130n, unackedMessages: 0, unackedBytes: 0 });
    expect(server.last.statuses).toHaveLength(statuses.length);

    subscription.unsubscribe();
    expect(closed).toEqual([]);
    clock.advance(10);
    expect(closed).toEqual([{ confirmedLsn: 0x130n, receivedLsn: 0x130n, error: undefined }]);
    expect(heard[0]).toBe('open');
    expect(heard.at(-1)).toBe('close');
  });

  it('hear what can be logged as JSON', () => {
    const heard: string[] = [];
    const observer = { next: (value: unknown) => heard.push(JSON.stringify(value)) };
    record(streaming(server, { openObserver: observer, statusObserver: observer, closeObserver: observer }));
    clock.advance(10_010);
    server.last.error({ C: '57P01' });
    expect(heard[0]).toMatch(/"walPosition":"0\/5000".*"slot":\{"name":"orders".*"confirmedFlushLsn":"0\/80"/);
    expect(heard[1]).toMatch(/^\{"receivedLsn":"0\/\w+","confirmedLsn":"0\/0"/);
    expect(heard.at(-1)).toMatch(
      /^\{"confirmedLsn":"0\/0".*"error":\{.*"message":".+","code":"SERVER_SHUTDOWN","retryable":true\}\}$/,
    );
  });

  it('hear the error that ended it, before the subscriber does', () => {
    const heard: unknown[] = [];
    const { subscription } = record(
      streaming(server, { closeObserver: { next: ({ error }) => heard.push(['close', code(error)]) } }).pipe(
        tap({ error: (error) => heard.push(['error', code(error)]) }),
      ),
    );
    clock.advance();
    server.last.error({ C: '57P01' });
    expect(heard).toEqual([
      ['close', 'SERVER_SHUTDOWN'],
      ['error', 'SERVER_SHUTDOWN'],
    ]);
    subscription.unsubscribe();
    expectNothingLeft();
  });

  it('hear nothing of a stream that has not started', () => {
    const heard: unknown[] = [];
    const observer = { next: (value: unknown) => heard.push(value) };
    server.publications.clear();
    const config = { openObserver: observer, statusObserver: observer, closeObserver: observer };
    const failed = record(streaming(server, config));
    clock.advance();
    expect(code(failed.error)).toBe('PUBLICATION_MISSING');
    expect(heard).toEqual([]);
  });

  it('may unsubscribe when the stream starts', () => {
    const opened = new Subject<OpenInfo>();
    const { subscription, values } = record(streaming(server, { openObserver: opened }));
    opened.subscribe(() => subscription.unsubscribe());
    server.commit(tx(1));
    clock.advance();
    expect(values).toEqual([]);
    expectNothingLeft();
  });

  it('tell of a slot that was made', () => {
    server.slots.clear();
    const opened: OpenInfo[] = [];
    const { subscription } = record(
      streaming(server, { ensureSlot: { temporary: true }, openObserver: { next: (info) => opened.push(info) } }),
    );
    clock.advance();
    expect(opened).toEqual([
      expect.objectContaining({ slotCreated: true, slot: expect.objectContaining({ temporary: true }) }),
    ]);
    subscription.unsubscribe();
    expectNothingLeft();
    expect(server.slots.size).toBe(0);
  });
});

describe('a graceful end', () => {
  it('with stopOn: four handlers at work finish, all is confirmed, and complete comes after that', () => {
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
    expectNothingLeft();
  });

  it('keeps the feedback going while the handlers finish', () => {
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
    expectNothingLeft();
    expect(warned).toHaveBeenCalledTimes(1);
    warned.mockRestore();
  });

  it('with stopAtLsn and bufferCount(50): the last buffer is flushed, and all is confirmed at complete', () => {
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
    expectNothingLeft();
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
    expectNothingLeft();
  });

  it('with toArray() and ackAfter is confirmed at complete', () => {
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
    expectNothingLeft();
  });

  it('completes only after the server has been told, where nothing is left to drain', () => {
    const heard = ackEverything(streaming(server).pipe(stopAtLsn('0/130')));
    clock.advance();
    server.commit(tx(1));
    expect(heard.completed).toBe(false);
    clock.advance(10);
    expect(heard.completed).toBe(true);
    expect(server.slot().confirmed).toBe(0x130n);
    expectNothingLeft();
  });

  it('never confirms what lies beyond the stop', () => {
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
    expectNothingLeft();
  });
});

describe('confirm: false', () => {
  it('never moves the slot, and delivers without a window', () => {
    const { values, subscription } = record(streaming(server, { confirm: false, maxUnacked: 1 }));
    clock.advance();
    server.commit(tx(1), tx(2), tx(3));
    server.last.keepalive(0x900n, true);
    expect(names(values)).toEqual(['tx 1', 'tx 2', 'tx 3']);
    for (const message of values) expect(message.ack()).toBe(true);
    clock.advance(60_000);
    subscription.unsubscribe();
    expectNothingLeft();
    expect(new Set(server.last.flushed)).toEqual(new Set([0n]));
    expect(server.last.statuses.at(-1)?.written).toBe(0x900n);
  });

  it('does not move it at a stop either', () => {
    const heard = record(streaming(server, { confirm: false }).pipe(stopAtLsn('0/500')));
    clock.advance();
    server.commit(tx(1));
    server.last.keepalive(0x900n);
    expectNothingLeft();
    expect(heard.completed).toBe(true);
    expect(new Set(server.last.flushed)).toEqual(new Set([0n]));
  });

  it('begins at the same place again', () => {
    const source = streaming(server, { confirm: false });
    const first = ackEverything(source.pipe(take(4)));
    clock.advance();
    server.commit(tx(1));
    clock.advance(10);
    const second = ackEverything(source.pipe(take(4)));
    clock.advance(10);
    expect(names(first.values)).toEqual(['tx 1']);
    expect(names(second.values)).toEqual(['tx 1']);
    expectNothingLeft();
  });
});

describe('another output plugin', () => {
  beforeEach(() => {
    server.addSlot('orders', { plugin: 'test_decoding' });
  });

  it('gets its options, and delivers what it writes', () => {
    const { values, subscription } = record(
      streamingRaw(server, { pluginOptions: { 'skip-empty-xacts': '1', include_xids: "it's" } }),
    );
    clock.advance();
    expect(server.last.queries.at(-1)).toBe(
      `START_REPLICATION SLOT "orders" LOGICAL 0/0 ("skip-empty-xacts" '1', include_xids 'it''s')`,
    );
    expect(server.last.queries.some((sql) => sql.includes('pg_publication'))).toBe(false);
    server.last.push(Buffer.from('BEGIN 700'));
    expect(values).toMatchObject([{ kind: 'xlogData', data: Buffer.from('BEGIN 700') }]);
    subscription.unsubscribe();
    expectNothingLeft();
  });

  it('moves the slot to the highest start of what is settled from the beginning on', () => {
    const { values, subscription } = record(streamingRaw(server));
    clock.advance();
    server.last.send(
      xlogData(Buffer.from('a'), { dataStart: 0x200n }),
      xlogData(Buffer.from('b'), { dataStart: 0x180n }),
      xlogData(Buffer.from('c'), { dataStart: 0x300n }),
    );
    values[2]?.ack();
    values[1]?.ack();
    clock.advance(10);
    expect(server.slot().confirmed).toBe(0x80n);
    values[0]?.ack();
    clock.advance(10);
    expect(server.slot().confirmed).toBe(0x300n);
    subscription.unsubscribe();
  });
});

describe('what ends the stream unasked', () => {
  it.each<[what: string, cause: () => void, expected: string]>([
    ['a lost connection', () => server.last.close(new Error('ECONNRESET')), 'CONNECTION_LOST'],
    ['an end without a word', () => server.last.close(), 'CONNECTION_LOST'],
    ['a terminated walsender', () => server.last.error({ C: '57P01', S: 'FATAL', V: 'FATAL' }), 'SERVER_SHUTDOWN'],
    ['bytes that are no message', () => server.last.push(Buffer.from('?')), 'PROTOCOL_VIOLATION'],
    ['a change without its relation', () => server.last.push(tx(1).payloads[0]!, insert(['1'])), 'PROTOCOL_VIOLATION'],
  ])('%s is an error', (_, cause, expected) => {
    const heard = record(streaming(server));
    clock.advance();
    server.commit(tx(1));
    cause();
    expect(heard.events.filter((event) => event !== 'next')).toEqual(['error']);
    expect(code(heard.error)).toBe(expected);
    expectNothingLeft();
    expect(server.slot().confirmed).toBe(0x80n);
  });

  it('tells the server what was confirmed until then', () => {
    const heard = record(streaming(server).pipe(filter(({ kind }) => kind !== 'begin')));
    clock.advance();
    server.commit(tx(1));
    clock.advance(1);
    for (const message of heard.values) message.ack();
    server.last.push(Buffer.from('?'));
    expect(code(heard.error)).toBe('PROTOCOL_VIOLATION');
    expect(server.slot().confirmed).toBe(0x130n);
    expectNothingLeft();
  });
});

it('waits for asynchronous functions', async () => {
  const saved: number[] = [];
  const heard = record(
    streaming(server).pipe(
      stopAtLsn('0/230'),
      transactions(),
      ackAfter(async (value) => {
        await microtasks();
        saved.push(value.xid);
      }),
    ),
  );
  clock.advance();
  server.commit(tx(1), tx(2));
  for (let i = 0; i < 5; i++) {
    await microtasks();
    clock.advance(10);
  }
  expect(saved).toEqual([1, 2]);
  expect(heard.completed).toBe(true);
  expect(server.slot().confirmed).toBe(0x230n);
  expectNothingLeft();
});

it('works through operators that delay and reorder', () => {
  const { subscription } = record(
    streaming(server).pipe(
      transactions(),
      concatMap((value) => timer(10, clock).pipe(map(() => value))),
      delay(5, clock),
      tap((value) => value.ack()),
    ),
  );
  clock.advance();
  server.commit(tx(1), tx(2), tx(3));
  clock.advance(100);
  expect(server.slot().confirmed).toBe(0x330n);
  subscription.unsubscribe();
  expectNothingLeft();
});
