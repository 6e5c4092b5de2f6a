import fc from 'fast-check';
import { concat, filter, from, NEVER, Subject } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { stopAtLsn } from '../../lib/operators/stop-at-lsn';
import { transactions } from '../../lib/operators/transactions/transactions';
import type { ReplicationMessage } from '../../lib/pgoutput/messages/messages';
import { buildLogicalMessage } from '../../lib/testing/payloads';
import { captureError } from '../support/capture-error';
import { Clock } from '../support/clock';
import { FakeBackend, transaction } from '../support/fake-backend';
import { names, record, streaming } from '../support/streaming';
import { createKeepalive, createLogicalMessage, createMarbles, createMessages } from './support/messages';

/** The messages that are emitted from a source that does not complete, and whether the result completes. */
function through(lsn: bigint | string, messages: readonly ReplicationMessage[]): [kinds: string, completed: boolean] {
  const heard = record(concat(from(messages), NEVER).pipe(stopAtLsn(lsn)));
  heard.subscription.unsubscribe();
  return [heard.values.map(({ kind }) => kind).join(' '), heard.completed];
}

const ONE = createMessages({ commitLsn: 0x100n, endLsn: 0x130n });
const TWO = createMessages({ commitLsn: 0x200n, endLsn: 0x230n });
const WHOLE = 'begin relation insert commit';

describe('stopAtLsn, without a session', () => {
  it.each<[what: string, lsn: bigint | string, messages: ReplicationMessage[], kinds: string, completed: boolean]>([
    ['before all transactions: none', 0x90n, ONE, '', true],
    ['at the commit LSN: without that transaction', 0x100n, ONE, '', true],
    ['as text', '0/100', ONE, '', true],
    ['just after the commit LSN: with that transaction', 0x101n, ONE, WHOLE, true],
    ['inside a commit record: with that transaction', 0x118n, [...ONE, ...TWO], WHOLE, true],
    ['at the end LSN: with that transaction, without waiting for more', 0x130n, ONE, WHOLE, true],
    ['after the end LSN: with that transaction, and waits', 0x131n, ONE, WHOLE, false],
    ['between two transactions: stops before the second', 0x150n, [...ONE, ...TWO], WHOLE, true],
    ['at the second commit LSN: stops before it', 0x200n, [...ONE, ...TWO], WHOLE, true],
    ['inside the second transaction: both', 0x201n, [...ONE, ...TWO], `${WHOLE} ${WHOLE}`, true],
    [
      'a keepalive at the LSN, outside a transaction',
      0x150n,
      [...ONE, createKeepalive(0x150n)],
      `${WHOLE} keepalive`,
      true,
    ],
    ['a keepalive after the LSN', 0x150n, [createKeepalive(0x900n), ...ONE], 'keepalive', true],
    ['a keepalive before the LSN', 0x150n, [...ONE, createKeepalive(0x14fn)], `${WHOLE} keepalive`, false],
    [
      'a keepalive inside a transaction stops nothing',
      0x150n,
      [...ONE.slice(0, 2), createKeepalive(0x900n), ...ONE.slice(2)],
      'begin relation keepalive insert commit',
      false,
    ],
    [
      'a message outside any transaction, at it',
      0x150n,
      [createLogicalMessage({ transactional: false, lsn: 0x150n })],
      'message',
      false,
    ],
    ['such a message after the LSN', 0x150n, [createLogicalMessage({ transactional: false, lsn: 0x151n })], '', true],
    [
      'a message inside a transaction stops nothing',
      0x150n,
      [ONE[0]!, createLogicalMessage({ transactional: true, lsn: 0x900n }), ONE[3]!],
      'begin message commit',
      false,
    ],
  ])('%s', (_, lsn, messages, kinds, completed) => {
    expect(through(lsn, messages)).toEqual([kinds, completed]);
  });

  it.each<[what: string, lsn: bigint, end: bigint]>([
    ['of a segment’s first page', 0x300_0028n, 0x300_0000n],
    ['of a segment’s first page, at its start', 0x300_0000n, 0x300_0000n],
    ['of another page', 0x300_2018n, 0x300_2000n],
  ])('rounds a position in the header %s down to the start of the page', (_, lsn, end) => {
    expect(through(lsn, createMessages({ commitLsn: end - 0x30n, endLsn: end }))).toEqual([WHOLE, true]);
    expect(through(lsn, createMessages({ commitLsn: end + 0x28n }))).toEqual(['', true]);
  });

  it.each([0x300_0029n, 0x300_2019n])('does not round a position after the header, %d', (lsn) => {
    const end = lsn - (lsn % 0x2000n);
    expect(through(lsn, createMessages({ commitLsn: end - 0x30n, endLsn: end }))).toEqual([WHOLE, false]);
  });

  it('divides the stream into ranges that are disjoint and complete, for any positions', () => {
    const gaps = fc.array(fc.tuple(fc.integer({ min: 8, max: 0x3000 }), fc.integer({ min: 8, max: 0x60 })), {
      minLength: 1,
      maxLength: 12,
    });
    const cuts = fc.array(fc.integer({ min: 0, max: 0x2_0000 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(gaps, cuts, fc.boolean(), (lengths, cutPoints, keepalives) => {
        let at = 0x300_0100n;
        const wal = lengths.map(([gap, length], xid) => {
          const commitLsn = at + BigInt(gap);
          at = commitLsn + BigInt(length);
          return createMessages({ commitLsn, endLsn: at, xid });
        });
        const last = at + 1000n;
        const ends = [...cutPoints.map((cut) => 0x300_0100n + BigInt(cut)), last].sort((a, b) => (a < b ? -1 : 1));
        const seen: number[] = [];
        let start = 0n;
        for (const end of ends) {
          const sent = wal.filter(([first]) => first?.kind === 'begin' && first.commitLsn >= start);
          const tail = keepalives ? [createKeepalive(last)] : [];
          const heard = record(from([...sent.flat(), ...tail]).pipe(stopAtLsn(end), transactions()));
          seen.push(...heard.values.map(({ xid }) => xid));
          start = end;
        }
        expect(seen).toEqual(lengths.map((_, xid) => xid));
      }),
    );
  });

  it('unsubscribes from its source when it stops, and emits errors and completion', () => {
    const values = createMarbles({ commitLsn: 0x100n });
    new TestScheduler((actual, expected) => expect(actual).toEqual(expected)).run(
      ({ cold, expectObservable, expectSubscriptions }) => {
        const source = cold('-b-i-c-b-i-c-|', values);
        expectObservable(source.pipe(stopAtLsn(0x130n))).toBe('-b-i-(c|)', values);
        expectSubscriptions(source.subscriptions).toBe('^----!');
        expectObservable(cold('-b-#', values).pipe(stopAtLsn(0x130n))).toBe('-b-#', values);
        expectObservable(cold('-b-|', values).pipe(stopAtLsn(0x130n))).toBe('-b-|', values);
      },
    );
  });

  it.each(['', '0x100', '16/', 'G/0', '0/123456789'])('rejects %j, which is not an LSN', (lsn) => {
    expect(captureError(() => stopAtLsn(lsn))).toMatchObject({ code: 'CONFIG_INVALID', option: 'stopAtLsn' });
  });

  it('rejects a negative number, and one of more than 64 bits', () => {
    for (const lsn of [-1n, 1n << 64n]) {
      expect(captureError(() => stopAtLsn(lsn))).toMatchObject({ code: 'CONFIG_INVALID', option: 'stopAtLsn' });
    }
  });
});

describe('stopAtLsn, in a session', () => {
  let clock: Clock;
  let server: FakeBackend;

  beforeEach(() => {
    clock = new Clock();
    server = new FakeBackend(clock);
  });

  const tx = (n: number) => transaction({ commitLsn: BigInt(n) * 0x100n, rows: [`tx ${n}`], xid: n });

  it('emits nothing after it, decodes nothing after it, and closes once everything is acknowledged', () => {
    const heard = record(streaming(server).pipe(stopAtLsn(0x200n)));
    clock.advance();
    server.last.push(...tx(1).payloads, ...tx(2).payloads.slice(0, 1), Buffer.from('?'));
    expect(heard.events).toEqual(['next', 'next', 'next', 'next', 'complete']);
    clock.advance(60_000);
    expect(server.last.closed).toBe(false);
    for (const message of heard.values) expect(message.ack()).toBe(true);
    clock.advance(10);
    expect(server.last.log.slice(-4)).toEqual(['status 0/200', 'copyDone', 'terminate', 'end']);
  });

  it('confirms the position itself if a keepalive is beyond it, and nothing higher', () => {
    const heard = record(streaming(server).pipe(stopAtLsn(0x500n)), (message) => message.ack());
    clock.advance();
    server.commit(tx(1));
    server.last.keepalive(0x900n);
    clock.advance(10);
    expect(heard.completed).toBe(true);
    expect(server.slot().confirmed).toBe(0x500n);
  });

  it('confirms the position itself if it stops before a later transaction, once everything before is done', () => {
    const heard = record(streaming(server).pipe(stopAtLsn(0x1f0n), transactions()));
    clock.advance();
    server.commit(transaction({ commitLsn: 0x100n }), transaction({ commitLsn: 0x200n }));
    expect([heard.events, server.slot().confirmed]).toEqual([['next', 'complete'], 0x80n]);
    heard.values[0]?.ack();
    clock.advance(10);
    expect(server.slot().confirmed).toBe(0x1f0n);
  });

  it('stops before a change whose transaction commits after it, even if its Begin was dropped', () => {
    const flat = streaming(server).pipe(filter((message) => message.kind === 'insert'));
    const heard = record(flat.pipe(stopAtLsn(0x200n)));
    clock.advance();
    server.commit(transaction({ commitLsn: 0x100n, rows: 1 }), transaction({ commitLsn: 0x200n, rows: 1 }));
    expect(names(heard.values)).toHaveLength(1);
    expect(heard.completed).toBe(true);
    heard.subscription.unsubscribe();
  });

  it('does not complete when the connection is lost before it', () => {
    const heard = record(streaming(server).pipe(stopAtLsn(0x500n)));
    clock.advance();
    server.commit(tx(1));
    server.last.close(new Error('reset'));
    expect(heard.completed).toBe(false);
    expect(heard.error).toMatchObject({ code: 'CONNECTION_LOST' });
  });

  it('stops before a non-transactional message after it', () => {
    const heard = record(streaming(server).pipe(stopAtLsn(0x200n)), (message) => message.ack());
    clock.advance();
    server.last.push(
      buildLogicalMessage({ transactional: false, lsn: 0x200n }),
      buildLogicalMessage({ transactional: false, lsn: 0x201n }),
    );
    clock.advance(10);
    expect(heard.values).toHaveLength(1);
    expect(heard.completed).toBe(true);
    expect(server.slot().confirmed).toBe(0x200n);
  });

  it('replays adjacent ranges of one slot without gaps or duplicates', () => {
    server.commit(tx(1), tx(2), tx(3), tx(4));
    const seen: unknown[] = [];
    for (const end of [0x200n, 0x230n, 0x3f0n, 0x500n]) {
      const heard = record(streaming(server).pipe(stopAtLsn(end)), (message) => message.ack());
      clock.advance();
      server.connections.at(-1)?.keepalive(0x900n);
      clock.advance(100);
      expect(heard.completed).toBe(true);
      seen.push(names(heard.values));
    }
    expect(seen).toEqual([['tx 1'], ['tx 2'], ['tx 3'], ['tx 4']]);
  });

  it('supports a subscriber that unsubscribes at the last message', () => {
    const source = new Subject<ReplicationMessage>();
    const early = record(source.pipe(stopAtLsn(0x130n)), () => early.subscription.unsubscribe());
    ONE.forEach((message) => source.next(message));
    const heard = record(streaming(server).pipe(stopAtLsn(0x130n)), (message) => {
      if (message.kind === 'commit') heard.subscription.unsubscribe();
    });
    clock.advance();
    server.commit(tx(1));
    clock.advance(100);
    expect(heard.completed).toBe(false);
    expect(server.last.closed).toBe(true);
    expect(server.slot().confirmed).toBe(0x80n);
  });
});
