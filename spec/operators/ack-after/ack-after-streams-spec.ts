import { filter, Observable, timer } from 'rxjs';
import { ackAfter } from '../../../lib/operators/ack-after/ack-after';
import type { AssembledMessage } from '../../../lib/operators/transactions/transaction-assembler';
import { reconnect } from '../../../lib/operators/reconnect/reconnect';
import { transactions } from '../../../lib/operators/transactions/transactions';
import {
  buildBegin,
  buildBeginPrepare,
  buildCommit,
  buildCommitPrepared,
  buildInsert,
  buildPrepare,
  buildRelation,
  buildRollbackPrepared,
  buildStreamCommit,
  buildStreamPrepare,
} from '../../../lib/testing/payloads';
import type { WalTransaction } from '../../../lib/testing/transaction';
import { firstBlock } from '../../pgoutput/support/blocks';
import { Clock } from '../../support/clock';
import { FakeBackend } from '../../support/fake-backend';
import { record, streamingAny } from '../../support/streaming';

const CHANGES = [buildRelation(), buildInsert(['1', 'a'])];

/** A transaction or its end in the WAL, in one of the forms in which it may be sent. Its position is `n` hundred. */
type Form = (n: number, fields?: { gid?: string; xid?: number }) => WalTransaction;

function form(
  payloads: (fields: Record<'commitLsn' | 'prepareLsn' | 'endLsn', bigint> & { xid: number; gid: string }) => Buffer[],
): Form {
  return (n, { gid = `gid ${n}`, xid = n } = {}) => {
    const lsn = BigInt(n) * 0x100n;
    const endLsn = lsn + 0x30n;
    return { commitLsn: lsn, endLsn, payloads: payloads({ commitLsn: lsn, prepareLsn: lsn, endLsn, xid, gid }) };
  };
}

const whole = form((fields) => [buildBegin(fields), ...CHANGES, buildCommit(fields)]);
const streamed = form((fields) => [...firstBlock(fields.xid, ...CHANGES), buildStreamCommit(fields)]);
const prepared = form((fields) => [buildBeginPrepare(fields), ...CHANGES, buildPrepare(fields)]);
const streamPrepared = form((fields) => [...firstBlock(fields.xid, ...CHANGES), buildStreamPrepare(fields)]);
const emptyPrepared = form((fields) => [buildBeginPrepare(fields), buildPrepare(fields)]);
const committed = form((fields) => [buildCommitPrepared(fields)]);
const rolledBack = form((fields) => [buildRollbackPrepared(fields)]);

describe('ackAfter, after a stream with open or prepared transactions was resubscribed', () => {
  let clock: Clock;
  let server: FakeBackend;
  /** The started work, by kind and xid, and the running work. */
  let started: string[];
  let running: Set<string>;

  beforeEach(() => {
    clock = new Clock();
    server = new FakeBackend(clock);
    started = [];
    running = new Set();
    jest.spyOn(Math, 'random').mockReturnValue(1);
  });

  afterEach(() => jest.restoreAllMocks());

  /** Work that takes this number of ms. */
  function work(name: string, ms: number): Observable<string> {
    return new Observable<string>((subscriber) => {
      if (running.has(name)) throw new Error(`the work of ${name} runs twice at once`);
      started.push(name);
      running.add(name);
      const end = timer(ms, clock).subscribe(() => {
        subscriber.next(name);
        subscriber.complete();
      });
      return () => {
        running.delete(name);
        end.unsubscribe();
      };
    });
  }

  const nameOf = ({ kind, ...unit }: AssembledMessage) => `${kind} ${'xid' in unit ? unit.xid : ''}`;

  /** @param ms the duration of the project for each kind and xid; default: 10 */
  function run(ms: Readonly<Record<string, number>>, concurrent = 1) {
    const source = streamingAny(server, { streaming: 'on', twoPhase: true });
    const heard = record(
      source.pipe(
        transactions(),
        ackAfter((unit) => work(nameOf(unit), ms[nameOf(unit)] ?? 10), concurrent),
        reconnect<string>({ initialDelay: 100, maxDelay: 100, retryable: () => true, scheduler: clock }),
      ),
    );
    clock.advance();
    return heard;
  }

  function lose(): void {
    server.last.close(new Error('reset'));
  }

  it.each<[what: string, before: Form, after: Form, name: string]>([
    ['a prepared transaction', prepared, prepared, 'preparedTransaction 1'],
    ['a prepared transaction that is streamed when redelivered', prepared, streamPrepared, 'preparedTransaction 1'],
    [
      'a streamed and prepared transaction that is not streamed when redelivered',
      streamPrepared,
      prepared,
      'preparedTransaction 1',
    ],
    ['an empty prepared transaction', emptyPrepared, emptyPrepared, 'preparedTransaction 1'],
    ['the commit of a prepared transaction', committed, committed, 'commitPrepared 1'],
    ['the rollback of a prepared transaction', rolledBack, rolledBack, 'rollbackPrepared 1'],
    ['a streamed transaction', streamed, streamed, 'transaction 1'],
    ['a streamed transaction that is not streamed when redelivered', streamed, whole, 'transaction 1'],
    ['a transaction that is streamed when redelivered', whole, streamed, 'transaction 1'],
  ])('reattaches the project of %s, or uses its result', (_, before, after, name) => {
    for (const ms of [1000, 50]) {
      server = new FakeBackend(clock);
      started = [];
      const { values, error, subscription } = run({ [name]: ms });
      server.commit(before(1));
      clock.advance(10);
      server.wal[0] = after(1);
      lose();
      clock.advance(1500);
      expect([error, server.connections.length, started, values]).toEqual([undefined, 2, [name], [name]]);
      expect(server.slot().confirmed).toBe(0x130n);
      subscription.unsubscribe();
      clock.advance(100);
    }
  });

  it('acknowledges what was completed after something that was not, without repeating it', () => {
    const { values, subscription } = run({ 'preparedTransaction 1': 1000 }, 9);
    server.commit(prepared(1), committed(2), rolledBack(3), streamed(4), streamPrepared(5));
    clock.advance(100);
    const names = ['commitPrepared 2', 'rollbackPrepared 3', 'transaction 4', 'preparedTransaction 5'];
    expect(values).toEqual(names);
    lose();
    clock.advance(2000);
    expect([values, started]).toEqual([
      [...names, 'preparedTransaction 1'],
      ['preparedTransaction 1', ...names],
    ]);
    expect(server.slot().confirmed).toBe(0x530n);
    subscription.unsubscribe();
  });

  it('processes a gid that occurs again, because global identifiers may be reused', () => {
    const { values, subscription } = run({ 'transaction 9': 1000 }, 9);
    const gid = 'the same';
    server.commit(whole(1, { xid: 9 }), prepared(2, { gid, xid: 2 }), committed(3, { gid, xid: 2 }));
    clock.advance(100);
    lose();
    clock.advance(120);
    server.commit(prepared(4, { gid, xid: 3 }), rolledBack(5, { gid, xid: 3 }));
    clock.advance(2000);
    expect(values.slice(0, 2)).toEqual(['preparedTransaction 2', 'commitPrepared 2']);
    expect([...started].sort()).toEqual([
      'commitPrepared 2',
      'preparedTransaction 2',
      'preparedTransaction 3',
      'rollbackPrepared 3',
      'transaction 9',
    ]);
    expect(server.slot().confirmed).toBe(0x530n);
    subscription.unsubscribe();
  });

  it('repeats a change that was streamed again, but not while it is being processed, because the two cannot be distinguished', () => {
    const source = streamingAny(server, { streaming: 'on' });
    const { values, subscription } = record(
      source.pipe(
        filter((message) => message.kind === 'insert' || message.kind === 'streamCommit' || message.kind === 'commit'),
        ackAfter((message) => work(message.kind, 300)),
        reconnect<string>({ initialDelay: 100, maxDelay: 100, retryable: () => true, scheduler: clock }),
      ),
    );
    clock.advance();
    server.commit(streamed(1));
    clock.advance(10);
    lose();
    clock.advance(150);
    expect([server.connections.length, started]).toEqual([2, ['insert']]);
    clock.advance(2000);
    expect([started, values]).toEqual([
      ['insert', 'insert', 'streamCommit'],
      ['insert', 'streamCommit'],
    ]);
    expect(server.slot().confirmed).toBe(0x130n);
    subscription.unsubscribe();
  });
});
