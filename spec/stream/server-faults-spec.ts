import { type Observable, of, tap } from 'rxjs';
import { ackAfter } from '../../lib/operators/ack-after/ack-after';
import { ofTable } from '../../lib/operators/of-table';
import { stopAtLsn } from '../../lib/operators/stop-at-lsn';
import { transactions } from '../../lib/operators/transactions/transactions';
import type { ReplicationMessage } from '../../lib/pgoutput/messages/messages';
import {
  buildBeginPrepare,
  buildCommitPrepared,
  buildInsert,
  buildPrepare,
  buildRelation,
  buildRollbackPrepared,
  buildStreamAbort,
} from '../../lib/testing/payloads';
import { Clock } from '../support/clock';
import { FakeBackend, transaction, type FakeTransaction } from '../support/fake-backend';
import { names, record, streaming, streamingAny, type RecordedEvents } from '../support/streaming';

/** Invalid messages of servers: PostgreSQL's bugs #19616 and #19556. */

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

function expectNothingLeft({ subscription }: RecordedEvents<unknown>): void {
  subscription.unsubscribe();
  clock.advance(60_000);
  expect(clock.pending).toBe(0);
  expect(server.violations).toEqual([]);
}

type Pipeline = (source: Observable<ReplicationMessage>, done: unknown[]) => Observable<unknown>;

/** Typical pipelines, each with the names of the users that it has processed. */
const PIPELINES: [what: string, pipeline: Pipeline][] = [
  ['the flat stream', (source, done) => source.pipe(tap((message) => done.push(...names([message])) && message.ack()))],
  ['ackAfter', (source, done) => source.pipe(ackAfter((message) => void done.push(...names([message]))))],
  [
    'transactions',
    (source, done) =>
      source.pipe(
        transactions(),
        ackAfter((unit) => of(done.push(...names([unit])))),
      ),
  ],
  [
    'ofTable',
    (source, done) =>
      source.pipe(
        ofTable('users'),
        ackAfter((change) => of(done.push(...names([change])))),
      ),
  ],
];

describe('a Stream Abort without streaming', () => {
  const aborts: [what: string, abort: Buffer][] = [
    ['of a transaction', buildStreamAbort({ xid: 9 })],
    ['of a subtransaction', buildStreamAbort({ xid: 9, subxid: 10 })],
    ['with an abort LSN', buildStreamAbort({ xid: 9, abortLsn: 0x180n })],
    ['of a transaction that has committed', buildStreamAbort({ xid: 1 })],
    ['of a transaction that will commit', buildStreamAbort({ xid: 2 })],
    ['of a subtransaction of a transaction that will commit', buildStreamAbort({ xid: 2, subxid: 3 })],
  ];
  const cases = aborts.flatMap(([what, abort]) =>
    PIPELINES.map(([name, pipeline]) => [what, name, abort, pipeline] as const),
  );

  it.each(cases)('%s does not affect %s', (_, _name, abort, pipeline) => {
    const done: unknown[] = [];
    const heard = record(pipeline(streaming(server), done));
    clock.advance();
    server.last.push(abort);
    server.commit(tx(1));
    server.last.push(abort);
    clock.advance(200);
    expect([done, server.slot().confirmed]).toEqual([['tx 1'], 0x130n]);
    server.commit(tx(2));
    clock.advance(200);
    expect([heard.error, done, server.slot().confirmed]).toEqual([undefined, ['tx 1', 'tx 2'], 0x230n]);
    server.last.push(abort);
    server.last.keepalive(0x900n);
    clock.advance(11_000);
    expect([heard.error, server.slot().confirmed]).toEqual([undefined, 0x900n]);
    expectNothingLeft(heard);
  });

  it('does not count in the window, and confirms nothing that is not done', () => {
    const heard = record(streaming(server, { maxUnacked: 1 }).pipe(transactions()));
    clock.advance();
    server.last.push(...Array.from({ length: 100 }, (_, n) => buildStreamAbort({ xid: n + 1 })));
    server.commit(tx(1));
    server.last.push(buildStreamAbort({ xid: 1 }));
    clock.advance(11_000);
    expect([names(heard.values), server.slot().confirmed]).toEqual([['tx 1'], 0x80n]);
    for (const unit of heard.values) unit.ack();
    clock.advance(200);
    expect(server.slot().confirmed).toBe(0x130n);
    expectNothingLeft(heard);
  });

  it('does not prevent a stop', () => {
    const done: unknown[] = [];
    const source = streaming(server).pipe(stopAtLsn(0x180n), transactions());
    const heard = record(source.pipe(ackAfter((unit) => of(done.push(...names([unit]))))));
    clock.advance();
    server.commit(tx(1));
    server.last.push(buildStreamAbort({ xid: 9, abortLsn: 0x300n }));
    server.commit(tx(2), tx(3));
    clock.advance(1000);
    // Everything that commits before the stop is done.
    expect([heard.completed, done, server.slot().confirmed]).toEqual([true, ['tx 1'], 0x180n]);
    expectNothingLeft(heard);
  });
});

describe('the end of a prepared transaction without its Prepare', () => {
  const ends: [what: string, kind: string, payload: Buffer][] = [
    ['COMMIT PREPARED', 'commitPrepared', buildCommitPrepared({ xid: 700, commitLsn: 0x200n, endLsn: 0x230n })],
    ['ROLLBACK PREPARED', 'rollbackPrepared', buildRollbackPrepared({ xid: 700, endLsn: 0x230n })],
  ];
  const cases = ends.flatMap(([what, kind, payload]) =>
    [true, false].map((twoPhase) => [what, twoPhase, kind, payload] as const),
  );

  it.each(cases)('%s is emitted alone, twoPhase %p, and is confirmed when acknowledged', (_, twoPhase, kind, end) => {
    const heard = record(streamingAny(server, { twoPhase }).pipe(transactions()));
    clock.advance();
    server.commit(tx(1));
    server.last.push(end);
    server.commit(tx(3));
    clock.advance(200);
    expect(heard.values.map((unit) => unit.kind)).toEqual(['transaction', kind, 'transaction']);
    heard.values[0]?.ack();
    heard.values[2]?.ack();
    clock.advance(200);
    expect(server.slot().confirmed).toBe(0x130n);
    heard.values[1]?.ack();
    clock.advance(200);
    expect([heard.error, server.slot().confirmed]).toEqual([undefined, 0x330n]);
    expectNothingLeft(heard);
  });

  it.each(ends)('%s does not end another prepared transaction', (_, kind, end) => {
    const heard = record(streamingAny(server, { twoPhase: true }).pipe(transactions()));
    clock.advance();
    const prepared = { xid: 701, gid: 'other', prepareLsn: 0x100n, endLsn: 0x130n };
    server.last.push(
      buildBeginPrepare(prepared),
      buildRelation(),
      buildInsert(['1', 'held']),
      buildPrepare(prepared),
      end,
    );
    clock.advance(200);
    expect(heard.values.map((unit) => unit.kind)).toEqual(['preparedTransaction', kind]);
    heard.values[1]?.ack();
    clock.advance(11_000);
    expect(server.slot().confirmed).toBe(0x80n);
    heard.values[0]?.ack();
    clock.advance(200);
    expect([heard.error, server.slot().confirmed]).toEqual([undefined, 0x230n]);
    expectNothingLeft(heard);
  });

  it.each(ends)('%s is passed to work of its own, once', (_, kind, end) => {
    const done: string[] = [];
    const source = streamingAny(server, { twoPhase: true }).pipe(transactions());
    const heard = record(source.pipe(ackAfter((unit) => of(done.push(unit.kind)))));
    clock.advance();
    server.last.push(end);
    server.commit(tx(3));
    clock.advance(200);
    expect([heard.error, done, server.slot().confirmed]).toEqual([undefined, [kind, 'transaction'], 0x330n]);
    expectNothingLeft(heard);
  });

  it.each(ends)('%s does not delay a stop', (_, kind, end) => {
    const heard = record(
      streamingAny(server, { twoPhase: true }).pipe(
        stopAtLsn(0x280n),
        transactions(),
        tap((unit) => unit.ack()),
      ),
    );
    clock.advance();
    server.last.push(end);
    server.commit(tx(3));
    clock.advance(1000);
    expect(heard.values.map((unit) => unit.kind)).toEqual([kind]);
    expect([heard.completed, server.slot().confirmed]).toEqual([true, 0x280n]);
    expectNothingLeft(heard);
  });
});
