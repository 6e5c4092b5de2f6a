import { concat, filter, from, type Observable, of, Subject, throwError, toArray } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import type { PgoutputConfig } from '../../../lib/config/stream-config';
import { stopAtLsn } from '../../../lib/operators/stop-at-lsn';
import { InMemoryChangeList } from '../../../lib/operators/transactions/change-list';
import { Transaction } from '../../../lib/operators/transactions/transaction';
import { transactions } from '../../../lib/operators/transactions/transactions';
import type { ReplicationMessage } from '../../../lib/pgoutput/messages/messages';
import { decodeAll } from '../../pgoutput/support/decode';
import { COMMIT_TIME } from '../../../lib/testing/defaults';
import {
  buildBegin,
  buildCommit,
  buildInsert,
  buildLogicalMessage,
  buildOrigin,
  buildRelation,
} from '../../../lib/testing/payloads';
import { Clock } from '../../support/clock';
import { FakeBackend, transaction } from '../../support/fake-backend';
import { names, record, streaming } from '../../support/streaming';
import { captureError } from '../../support/capture-error';
import {
  createCommit,
  createKeepalive,
  createLogicalMessage,
  createMarbles,
  createMessages,
  createTruncate,
} from '../support/messages';

function run(spec: (helpers: Parameters<Parameters<TestScheduler['run']>[0]>[0]) => void): void {
  new TestScheduler((actual, expected) => expect(actual).toEqual(expected)).run(spec);
}

/** Groups messages synchronously. */
function group(...messages: readonly ReplicationMessage[]): Transaction[] {
  return record(from(messages).pipe(transactions())).values;
}

describe('transactions', () => {
  const { b, r, i, c } = createMarbles({ commitLsn: 0x100n, xid: 7 });
  const t = new Transaction(
    7,
    0x100n,
    0x130n,
    COMMIT_TIME,
    undefined,
    new InMemoryChangeList(i.kind === 'insert' ? [i] : []),
  );
  const m = createLogicalMessage({ transactional: false, lsn: 0x90n });
  const sent: Record<string, ReplicationMessage> = { b, r, i, c, m, k: createKeepalive(0x900n) };
  const values = { t, m };

  it('emits one value for Begin … Commit, at the Commit', () => {
    run(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold(' -b-r-i--c-b-i-c-|', sent);
      const expected = '    --------t-----t-|';
      expectObservable(source.pipe(transactions())).toBe(expected, values);
      expectSubscriptions(source.subscriptions).toBe('^---------------!');
    });
  });

  it('emits errors and completion immediately, and drops a half-received transaction', () => {
    run(({ cold, expectObservable }) => {
      expectObservable(cold('-b-i-|', sent).pipe(transactions())).toBe('-----|', values);
      expectObservable(cold('-b-i-#', sent).pipe(transactions())).toBe('-----#', values);
      expectObservable(cold('|', sent).pipe(transactions())).toBe('|', values);
      expectObservable((throwError(() => 'error') as Observable<ReplicationMessage>).pipe(transactions())).toBe(
        '#',
        values,
      );
    });
  });

  it('unsubscribes from its source', () => {
    run(({ hot, expectObservable, expectSubscriptions }) => {
      const source = hot('-b-i-c-b-i-c-', sent);
      expectObservable(source.pipe(transactions()), '------!').toBe('-----t', values);
      expectSubscriptions(source.subscriptions).toBe('^-----!');
    });
  });

  it('drops a half-received transaction when a new session begins', () => {
    run(({ cold, expectObservable }) => {
      const source = cold('-b-i-i-b-r-i-c-|', sent);
      expectObservable(source.pipe(transactions())).toBe('-------------t-|', values);
    });
  });

  it('emits nothing for an empty transaction', () => {
    run(({ cold, expectObservable }) => {
      const source = cold('-b-c-b-r-c-b-i-c-|', sent);
      expectObservable(source.pipe(transactions())).toBe('---------------t-|', values);
    });
  });

  it('drops messages outside a transaction', () => {
    run(({ cold, expectObservable }) => {
      const source = cold('k-b-k-i-m-c-m-k-|', sent);
      expectObservable(source.pipe(transactions())).toBe('----------t-----|', values);
    });
  });

  it('emits non-transactional messages with includeNonTransactionalMessages, in order', () => {
    run(({ cold, expectObservable }) => {
      const source = cold('m-b-i-m-c-m-|', sent);
      expectObservable(source.pipe(transactions({ includeNonTransactionalMessages: true }))).toBe(
        'm-----m-t-m-|',
        values,
      );
    });
  });

  it('keeps the order of changes of different kinds', () => {
    const payloads = [
      buildBegin({ commitLsn: 0x100n }),
      buildRelation(),
      buildInsert(['1', 'a']),
      buildLogicalMessage(),
      buildInsert(['2', 'b']),
    ];
    const messages = [
      ...decodeAll([...payloads, buildCommit({ commitLsn: 0x100n })]).slice(0, -1),
      createTruncate({ users: 1 }),
    ];
    const [emitted] = group(...messages, c);
    expect(emitted?.changes.map(({ kind }) => kind)).toEqual(['insert', 'message', 'insert', 'truncate']);
    expect(emitted?.size).toBe(4);
    expect([...(emitted ?? [])]).toEqual(emitted?.changes);
  });

  it("has the transaction's origin", () => {
    const fields = { commitLsn: 0x100n };
    const replicated = decodeAll([
      buildBegin(fields),
      buildOrigin('node_b'),
      buildRelation(),
      buildInsert(['1', 'a']),
      buildCommit(fields),
    ]);
    const [first, second] = group(...replicated, ...createMessages({ commitLsn: 0x200n, xid: 8 }));
    expect(first).toMatchObject({ origin: 'node_b' });
    expect(second).toMatchObject({ xid: 8, commitLsn: 0x200n, endLsn: 0x230n, origin: undefined });
  });

  it('does not use the origin of a half-received transaction for the next one', () => {
    const half = decodeAll([buildBegin(), buildOrigin('node_b')]);
    expect(group(...half, ...createMessages({}))).toMatchObject([{ origin: undefined }]);
  });

  it('emits nothing for a Commit without a Begin', () => {
    expect(group(i, c, b, i, c)).toHaveLength(1);
  });

  it('holds no state between subscriptions', () => {
    const source = new Subject<ReplicationMessage>();
    const grouped = source.pipe(transactions());
    const first = record(grouped);
    source.next(b);
    source.next(i);
    const second = record(grouped);
    source.next(c);
    expect(first.values).toHaveLength(1);
    expect(second.values).toHaveLength(0);
  });

  it('has a JSON form', () => {
    expect(JSON.parse(JSON.stringify(t))).toMatchObject({
      kind: 'transaction',
      xid: 7,
      size: 1,
      commitLsn: '0/100',
      endLsn: '0/130',
      changes: [{ kind: 'insert', table: 'users', commitLsn: '0/100' }],
    });
  });

  it('may be acknowledged without a session', () => {
    expect(group(b, i, c)[0]?.ack()).toBe(true);
    const done = record(concat(of(b, i), of(c)).pipe(transactions(), toArray()));
    expect(done.completed).toBe(true);
  });
});

describe('transactions, in a session', () => {
  let clock: Clock;
  let server: FakeBackend;

  beforeEach(() => {
    clock = new Clock();
    server = new FakeBackend(clock);
  });

  it('acknowledges a transaction as a whole, and unbound', () => {
    const { values, subscription } = record(streaming(server).pipe(transactions()));
    clock.advance();
    server.commit(transaction({ rows: 3 }));
    const { ack } = values[0]!;
    expect(ack()).toBe(true);
    expect(ack()).toBe(true);
    clock.advance(10);
    expect(server.slot().confirmed).toBe(0x130n);
    subscription.unsubscribe();
  });

  it('confirms and emits nothing of a transaction whose Begin was dropped before it', () => {
    const flat = streaming(server).pipe(filter((message) => message.kind !== 'begin'));
    const { values, subscription } = record(flat.pipe(transactions()));
    clock.advance();
    server.commit(transaction({ rows: 3 }));
    clock.advance(10);
    expect(values).toEqual([]);
    expect(server.slot().confirmed).toBe(0x80n);
    subscription.unsubscribe();
  });

  it('acknowledges what it drops: empty transactions, messages outside a transaction', () => {
    const { values, subscription } = record(streaming(server).pipe(transactions()));
    clock.advance();
    server.commit(transaction({ rows: 0 }));
    server.last.push(buildLogicalMessage({ transactional: false, lsn: 0x200n }));
    clock.advance(10);
    expect(values).toEqual([]);
    expect(server.slot().confirmed).toBe(0x200n);
    subscription.unsubscribe();
  });

  it('leaves a message that it emits to be acknowledged', () => {
    const { values, subscription } = record(
      streaming(server).pipe(transactions({ includeNonTransactionalMessages: true })),
    );
    clock.advance();
    server.last.push(buildLogicalMessage({ transactional: false, lsn: 0x200n }));
    clock.advance(10);
    expect(server.slot().confirmed).toBe(0x80n);
    values[0]?.ack();
    clock.advance(10);
    expect(server.slot().confirmed).toBe(0x200n);
    subscription.unsubscribe();
  });

  it('confirms in commit order, whatever the order of acknowledgement', () => {
    const { values, subscription } = record(streaming(server).pipe(transactions()));
    clock.advance();
    const commits = [0x100n, 0x200n, 0x300n].map((commitLsn) => transaction({ commitLsn }));
    server.commit(...commits);
    const confirmed = [2, 1, 0].map((index) => {
      values[index]?.ack();
      clock.advance(10);
      return server.slot().confirmed;
    });
    expect(confirmed).toEqual([0x80n, 0x80n, 0x330n]);
    subscription.unsubscribe();
  });

  it('collects a transaction larger than the window', () => {
    const { values, subscription } = record(streaming(server, { maxUnacked: 2 }).pipe(transactions()));
    clock.advance();
    server.commit(transaction({ rows: 1000 }));
    expect(values.map(({ size }) => size)).toEqual([1000]);
    expect(names(values)).toHaveLength(1000);
    subscription.unsubscribe();
  });
});

describe('transactions, when the consumer owns the position', () => {
  const startLsn = () => of(null);
  let clock: Clock;
  let server: FakeBackend;

  beforeEach(() => {
    clock = new Clock();
    server = new FakeBackend(clock);
  });

  /** A stream that has started, without acknowledgements. */
  function started(config: Partial<PgoutputConfig> = { startLsn }) {
    const heard = record(streaming(server, config).pipe(transactions()));
    clock.advance();
    return heard;
  }

  it('emits progress as a Transaction without changes, whose positions are all the new one', () => {
    const { values, subscription } = started();
    server.last.keepalive(0x900n);
    expect(values).toMatchObject([
      { kind: 'progress', size: 0, xid: 0, commitLsn: 0x900n, endLsn: 0x900n, origin: undefined, changes: [] },
    ]);
    expect(values[0]?.commitTime).toBeInstanceOf(Date);
    expect([...values[0]!]).toEqual([]);
    expect(JSON.parse(JSON.stringify(values[0]))).toMatchObject({ kind: 'progress', endLsn: '0/900', changes: [] });
    subscription.unsubscribe();
  });

  it('emits it at most once per statusInterval, or when the server requests a reply', () => {
    const { values, subscription } = started({ startLsn, statusInterval: 3000 });
    for (let i = 0; i < 10; i++) {
      server.last.keepalive(0x900n + BigInt(i));
      values.at(-1)?.ack();
      clock.advance(1000);
    }
    expect(values.map(({ endLsn }) => endLsn)).toEqual([0x900n, 0x903n, 0x906n, 0x909n]);
    server.last.keepalive(0xa00n, true);
    expect(values.at(-1)).toMatchObject({ kind: 'progress', endLsn: 0xa00n });
    subscription.unsubscribe();
  });

  it('moves the slot to it only when it is acknowledged, in order', () => {
    const { values, subscription } = started();
    server.commit(transaction());
    server.last.keepalive(0x900n, true);
    expect(values.map(({ kind }) => kind)).toEqual(['transaction', 'progress']);
    expect(values[1]?.ack()).toBe(true);
    clock.advance(20_000);
    expect(server.slot().confirmed).toBe(0x80n);
    expect(values[0]?.ack()).toBe(true);
    clock.advance(10);
    expect(server.slot().confirmed).toBe(0x900n);
    subscription.unsubscribe();
  });

  it('treats it as a delivery, which holds back later ones, and which a stop waits for', () => {
    const { values, subscription } = started();
    server.last.keepalive(0x900n);
    server.commit(transaction({ commitLsn: 0xa00n }));
    values[1]?.ack();
    clock.advance(10);
    expect(server.slot().confirmed).toBe(0x80n);
    values[0]?.ack();
    clock.advance(10);
    expect(server.slot().confirmed).toBe(0xa30n);
    subscription.unsubscribe();
    clock.advance(100);

    const stopped = record(streaming(server, { startLsn }).pipe(stopAtLsn(0xf00n), transactions()));
    clock.advance();
    server.last.keepalive(0xf00n);
    clock.advance(100);
    expect([stopped.events, server.last.closed]).toEqual([['next', 'complete'], false]);
    stopped.values[0]?.ack();
    clock.advance(100);
    expect([server.slot().confirmed, server.last.closed]).toEqual([0xf00n, true]);
  });

  it('emits none that is not beyond the start', () => {
    server.slot().confirmed = 0x700n;
    for (const [position, start] of [
      [null, 0x700n],
      ['0/900', 0x900n],
    ] as const) {
      const { values, subscription } = started({ startLsn: () => of(position) });
      server.last.keepalive(start, true);
      expect(values).toEqual([]);
      server.last.keepalive(start + 1n);
      expect(values).toHaveLength(1);
      subscription.unsubscribe();
      clock.advance(100);
    }
  });

  it('emits none if the slot holds the position, nor without confirmation', () => {
    for (const config of [{}, { startLsn, confirm: false }]) {
      const { values, subscription } = started(config);
      server.last.keepalive(0x900n, true);
      expect(values).toEqual([]);
      subscription.unsubscribe();
      clock.advance(100);
    }
  });

  it('emits none within a transaction', () => {
    const { values, subscription } = started();
    const { payloads } = transaction();
    server.last.push(...payloads.slice(0, -1));
    server.last.keepalive(0x900n, true);
    expect(values).toEqual([]);
    server.last.push(...payloads.slice(-1));
    expect(values.map(({ kind }) => kind)).toEqual(['transaction']);
    subscription.unsubscribe();
  });

  it('leaves dropped messages unconfirmed until progress is beyond them', () => {
    const { values, subscription } = started();
    server.last.push(buildLogicalMessage({ transactional: false, lsn: 0x200n }));
    clock.advance(20_000);
    expect([values, server.slot().confirmed]).toEqual([[], 0x80n]);
    server.last.keepalive(0x210n);
    values[0]?.ack();
    clock.advance(10);
    expect(server.slot().confirmed).toBe(0x210n);
    subscription.unsubscribe();
  });
});

describe('the options of transactions', () => {
  it.each<[option: string, values: unknown[]]>([
    ['maxBytes', [-1, NaN, null, '8MB', 8n]],
    ['spoolDirectory', [7, {}, true]],
    ['includeNonTransactionalMessages', [null, 1, 'yes']],
    ['maxByte', [1000]],
  ])('reject %s', (option, values) => {
    for (const value of values) {
      const error = captureError(() => transactions({ [option]: value }));
      expect(error).toMatchObject({ code: 'CONFIG_INVALID', option: `transactions.${option}` });
    }
  });

  it('allow unlimited memory, and a folder that is not needed', () => {
    const whole = from(createMessages({})).pipe(transactions({ maxBytes: Infinity, spoolDirectory: '/nowhere' }));
    expect(record(whole).values).toHaveLength(1);
  });
});

describe('a checkpoint', () => {
  const source = { systemId: '7300000000000000001', timeline: 3, slot: 'orders' };
  let clock: Clock;
  let server: FakeBackend;

  beforeEach(() => {
    clock = new Clock();
    server = new FakeBackend(clock);
    server.timeline = 3;
  });

  it.each<[owner: string, config: Partial<PgoutputConfig>, ends: string[]]>([
    ['slot', {}, ['1/130']],
    ['consumer', { startLsn: () => of(null) }, ['1/130', '1/900']],
  ])('is the end of a delivery with its source, when the %s owns the position', (_, config, ends) => {
    const { values, subscription } = record(streaming(server, config).pipe(transactions()));
    clock.advance();
    server.commit(transaction({ commitLsn: 0x1_0000_0100n }));
    server.last.keepalive(0x1_0000_0900n);
    const checkpoints = values.map(({ checkpoint }) => checkpoint);
    expect(checkpoints).toEqual(ends.map((endLsn) => ({ ...source, endLsn })));
    expect(JSON.parse(JSON.stringify(checkpoints))).toEqual(checkpoints);
    subscription.unsubscribe();
  });

  it('stays readable after the end, and is not part of the JSON form', () => {
    const { values, subscription } = record(streaming(server).pipe(transactions()));
    clock.advance();
    server.commit(transaction());
    subscription.unsubscribe();
    clock.advance(100);
    expect(values[0]?.checkpoint).toEqual({ ...source, endLsn: '0/130' });
    expect(JSON.parse(JSON.stringify(values[0]))).not.toHaveProperty('checkpoint');
  });

  it('exists on the flat stream for a Commit, a logical message or a keepalive', () => {
    const { values, subscription } = record(streaming(server));
    clock.advance();
    server.commit(transaction());
    server.last.push(buildLogicalMessage({ transactional: false, lsn: 0x200n }));
    server.last.keepalive(0x300n);
    const checkpoints = values.flatMap((message) =>
      'checkpoint' in message ? [[message.kind, message.checkpoint]] : [],
    );
    expect(checkpoints).toEqual([
      ['commit', { ...source, endLsn: '0/130' }],
      ['message', { ...source, endLsn: '0/200' }],
      ['keepalive', { ...source, endLsn: '0/300' }],
    ]);
    subscription.unsubscribe();
  });

  it.each<[what: string, read: () => unknown]>([
    ['a Transaction', () => group(...createMessages({}))[0]?.checkpoint],
    ['a Commit', () => createCommit(0x100n, 0x130n).checkpoint],
    ['a keepalive', () => createKeepalive(0x900n).checkpoint],
  ])('does not exist for %s without a session', (_, read) => {
    expect(captureError(read)).toMatchObject({ code: 'NOT_STREAMED', retryable: false });
  });
});
