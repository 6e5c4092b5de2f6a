import { bufferCount, concatMap, map, NEVER, throwError, timer } from 'rxjs';
import { failedTransactions, type FailedTransaction } from '../../lib/index';
import {
  buildBeginPrepare,
  buildInsert,
  buildLogicalMessage,
  buildPrepare,
  buildRelation,
  buildStreamCommit,
  buildStreamPrepare,
  buildTruncate,
} from '../../lib/testing/payloads';
import { ackAfter } from '../../lib/operators/ack-after/ack-after';
import { reconnect } from '../../lib/operators/reconnect/reconnect';
import type { ReconnectAttempt } from '../../lib/operators/reconnect/reconnect-options';
import { transactions } from '../../lib/operators/transactions/transactions';
import { firstBlock } from '../pgoutput/support/blocks';
import { Clock } from '../support/clock';
import { FakeBackend, transaction } from '../support/fake-backend';
import { record, streaming, streamingAny, streamingRaw } from '../support/streaming';

const tx = (xid: number) => transaction({ xid, commitLsn: BigInt(xid) * 0x100n, rows: [`row ${xid}`, 'another'] });
const told = (xid: number): FailedTransaction => ({ xid, commitLsn: BigInt(xid) * 0x100n, tables: ['users'] });

const CHANGES = [buildRelation(), buildInsert(['1', 'a']), buildInsert(['2', 'b'])];
const PREPARED = { xid: 6, prepareLsn: 0x600n, endLsn: 0x630n, gid: 'gid' };

describe('failed work', () => {
  let clock: Clock;
  let server: FakeBackend;
  let attempts: ReconnectAttempt[];
  const again = () =>
    reconnect({
      initialDelay: 10,
      maxRetries: 2,
      retryable: () => true,
      scheduler: clock,
      attemptObserver: { next: (attempt) => attempts.push(attempt) },
    });

  beforeEach(() => {
    clock = new Clock();
    server = new FakeBackend(clock);
    attempts = [];
  });

  it.each<[what: string, error: unknown]>([
    ['an Error', new Error('mine')],
    ['a frozen Error', Object.freeze(new Error('mine'))],
    ['text', 'mine'],
    ['nothing', undefined],
  ])('with %s reports its transaction to attemptObserver, and failedTransactions() returns it', (_, error) => {
    const { error: last } = watch(error);
    expect(last).toBe(error);
    expect(attempts.map(({ transactions }) => transactions)).toEqual([[told(2)], [told(2)]]);
    expect(failedTransactions(last)).toEqual([told(2)]);
  });

  function watch(error: unknown) {
    const heard = record(
      streaming(server).pipe(
        transactions(),
        ackAfter(({ xid }) => (xid === 2 ? throwError(() => error) : [xid])),
        again(),
      ),
    );
    clock.advance();
    server.commit(tx(1), tx(2));
    clock.advance(1000);
    return heard;
  }

  it('reports it without reconnect, too, however the project has failed', async () => {
    const works: (() => unknown)[] = [
      () => {
        throw new Error('at once');
      },
      () => Promise.reject(new Error('later')),
      () => timer(10, clock).pipe(concatMap(() => throwError(() => new Error('later still')))),
    ];
    for (const work of works) {
      server = new FakeBackend(clock);
      const heard = record(streaming(server).pipe(transactions(), ackAfter(work)));
      clock.advance();
      server.commit(tx(3));
      await Promise.resolve();
      clock.advance(100);
      expect([heard.events, failedTransactions(heard.error)]).toEqual([['error'], [told(3)]]);
    }
  });

  it('of an array reports all its transactions', () => {
    const heard = record(
      streaming(server).pipe(
        transactions(),
        bufferCount(2),
        ackAfter(() => throwError(() => new Error('mine'))),
      ),
    );
    clock.advance();
    server.commit(tx(1), tx(2));
    expect(failedTransactions(heard.error)).toEqual([told(1), told(2)]);
  });

  it("on the flat stream reports the change's transaction and its table", () => {
    const heard = record(
      streaming(server).pipe(
        ackAfter(({ kind }) => (kind === 'insert' ? throwError(() => new Error('mine')) : [kind])),
      ),
    );
    clock.advance();
    server.commit(tx(7));
    expect(failedTransactions(heard.error)).toEqual([told(7)]);
  });

  it.each<[what: string, payloads: Buffer[]]>([
    ['a streamed transaction', [...firstBlock(6, ...CHANGES), buildStreamCommit({ xid: 6, commitLsn: 0x600n })]],
    ['a prepared transaction', [buildBeginPrepare(PREPARED), ...CHANGES, buildPrepare(PREPARED)]],
    ['a streamed and prepared transaction', [...firstBlock(6, ...CHANGES), buildStreamPrepare(PREPARED)]],
  ])('reports the same for %s', (_, payloads) => {
    server.addSlot('orders', { twoPhase: true });
    const heard = record(
      streamingAny(server, { streaming: 'on', twoPhase: true }).pipe(
        transactions(),
        ackAfter(() => throwError(() => new Error('mine'))),
      ),
    );
    clock.advance();
    server.commit({ commitLsn: 0x600n, endLsn: 0x630n, payloads });
    expect(failedTransactions(heard.error)).toEqual([told(6)]);
  });

  it('names every table once, including those of a truncate', () => {
    const heard = record(
      streaming(server, { messages: true }).pipe(
        transactions(),
        ackAfter(() => throwError(() => new Error('mine'))),
      ),
    );
    clock.advance();
    const { payloads, ...rest } = tx(1);
    const more = [buildTruncate(), buildLogicalMessage({ transactional: true })];
    server.commit({ ...rest, payloads: [...payloads.slice(0, -1), ...more, ...payloads.slice(-1)] });
    expect(failedTransactions(heard.error)).toEqual([told(1)]);
  });

  it('on another plugin’s data reports its position', () => {
    server.addSlot('orders', { plugin: 'test_decoding' });
    const heard = record(streamingRaw(server).pipe(ackAfter(() => throwError(() => new Error('mine')))));
    clock.advance();
    server.last.push(Buffer.from('BEGIN 1'));
    expect(failedTransactions(heard.error)).toMatchObject([{ xid: undefined, tables: [] }]);
  });

  it('on a mapped value reports nothing', () => {
    const heard = record(
      streaming(server).pipe(
        transactions(),
        map(({ ack }) => ({ ack })),
        ackAfter(() => throwError(() => new Error('mine'))),
      ),
    );
    clock.advance();
    server.commit(tx(1));
    expect([heard.events, failedTransactions(heard.error)]).toEqual([['error'], []]);
  });

  it('is distinguished from a failed stream', () => {
    const { subscription } = record(
      streaming(server).pipe(
        transactions(),
        ackAfter(() => NEVER),
        again(),
      ),
    );
    clock.advance();
    server.commit(tx(1));
    server.last.close(new Error('reset'));
    expect(attempts).toMatchObject([{ error: { code: 'CONNECTION_LOST' }, transactions: [] }]);
    expect(failedTransactions(attempts[0]?.error)).toEqual([]);
    expect(failedTransactions(new Error('foreign'))).toEqual([]);
    subscription.unsubscribe();
  });

  it('is named in the warning of reconnect without attemptObserver', () => {
    const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const { subscription } = record(
      streaming(server).pipe(
        transactions(),
        ackAfter(() => throwError(() => new Error('mine'))),
        reconnect({ initialDelay: 1, maxDelay: 1, retryable: () => true, scheduler: clock }),
      ),
    );
    clock.advance();
    server.commit(tx(5));
    clock.advance(100);
    subscription.unsubscribe();
    const texts = emitWarning.mock.calls.map(([text]) => text);
    jest.restoreAllMocks();
    expect(texts).toContainEqual(
      expect.stringContaining('The last error, in the work on transaction 5 at 0/500 (users): Error: mine'),
    );
  });
});
