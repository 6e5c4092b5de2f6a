import { merge, type Observable } from 'rxjs';
import { ackAfter } from '../../../lib/operators/ack-after/ack-after';
import { reconnect } from '../../../lib/operators/reconnect/reconnect';
import { stopAtLsn } from '../../../lib/operators/stop-at-lsn';
import type { Transaction } from '../../../lib/operators/transactions/transaction';
import { transactions } from '../../../lib/operators/transactions/transactions';
import { Clock } from '../../support/clock';
import { FakeBackend, transaction } from '../../support/fake-backend';
import { record, streaming } from '../../support/streaming';
import { WorkLog, tx, end } from '../support/work-log';

let clock: Clock;
let server: FakeBackend;
let works: WorkLog;

const again = () => reconnect<number>({ initialDelay: 100, maxDelay: 100, retryable: () => true, scheduler: clock });

beforeEach(() => {
  clock = new Clock();
  server = new FakeBackend(clock);
  works = new WorkLog(clock);
  jest.spyOn(Math, 'random').mockReturnValue(1);
});

/** Transactions processed by `work`, with a stream that is resubscribed. */
function run(work: (tx: Transaction) => Observable<number> | Promise<number>, concurrent = 1) {
  const heard = record(streaming(server).pipe(transactions(), ackAfter(work, concurrent), again()));
  clock.advance();
  return heard;
}

describe('ackAfter, over streams that are merged, or replaced by one of another timeline', () => {
  it('distinguishes merged streams whose transactions commit at the same positions', () => {
    const other = new FakeBackend(clock);
    other.systemId = '7300000000000000002';
    const { subscription } = record(
      merge(streaming(server), streaming(other)).pipe(
        transactions(),
        ackAfter(({ xid }) => works.work(xid, 10), 4),
      ),
    );
    clock.advance();
    // The first transaction of one stream holds back the later ones, so they have to be remembered.
    server.commit(...[1, 2, 3].map((n) => transaction({ xid: n, commitLsn: BigInt(n) * 0x100n })));
    other.commit(...[1, 2, 3].map((n) => transaction({ xid: n + 10, commitLsn: BigInt(n) * 0x100n })));
    clock.advance(1000);
    expect([...works.finished].sort((a, b) => a - b)).toEqual([1, 2, 3, 11, 12, 13]);
    expect([server.slot().confirmed, other.slot().confirmed]).toEqual([end(3), end(3)]);
    subscription.unsubscribe();
  });

  it('completes after merged streams once all of them have closed', () => {
    const other = new FakeBackend(clock);
    const heard = record(
      merge(
        streaming(server).pipe(stopAtLsn(0x200n), transactions()),
        streaming(other, { slot: 'orders' }).pipe(stopAtLsn(0x200n), transactions()),
      ).pipe(ackAfter(({ xid }) => works.work(xid, xid * 100), 4)),
    );
    clock.advance();
    server.commit(transaction({ xid: 1, commitLsn: 0x100n }), tx(2));
    other.commit(transaction({ xid: 3, commitLsn: 0x100n }), tx(2));
    clock.advance(200);
    expect([heard.values, heard.completed]).toEqual([[1], false]);
    clock.advance(1000);
    expect([heard.values, heard.completed]).toEqual([[1, 3], true]);
    expect([server.slot().confirmed, other.slot().confirmed]).toEqual([0x200n, 0x200n]);
  });

  it('waits for the end of each stream, even if slots of two clusters have the same name', () => {
    const other = new FakeBackend(clock);
    other.systemId = '7300000000000000002';
    server.latency = 500;
    const heard = record(
      merge(streaming(server).pipe(stopAtLsn(0x200n)), streaming(other).pipe(stopAtLsn(0x200n))).pipe(
        transactions(),
        ackAfter(({ xid }) => works.work(xid, 10), 4),
      ),
    );
    clock.advance(5000);
    server.commit(transaction({ xid: 1, commitLsn: 0x100n }), tx(2));
    other.commit(transaction({ xid: 3, commitLsn: 0x100n }), tx(2));
    clock.advance(400);
    // The work is done, and the slower server has not responded to CopyDone yet.
    expect([heard.values, heard.completed]).toEqual([[1, 3], false]);
    clock.advance(1000);
    expect(heard.completed).toBe(true);
  });

  it('processes a different transaction at the same position of a new timeline', () => {
    const { values, subscription } = run(({ xid }) => works.work(xid, 100));
    server.commit(transaction({ xid: 1, commitLsn: 0x100n }));
    clock.advance(10);
    server.last.close(new Error('reset'));
    server.wal.length = 0;
    server.wal.push(transaction({ xid: 2, commitLsn: 0x100n }));
    clock.advance(1000);
    expect([works.finished, values]).toEqual([[1, 2], [2]]);
    subscription.unsubscribe();
  });
});
