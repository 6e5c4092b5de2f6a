import { bufferTime, bufferWhen, concatMap, filter, map, of, tap, throwError, timer } from 'rxjs';
import { ackAfter } from '../../../lib/operators/ack-after/ack-after';
import { reconnect } from '../../../lib/operators/reconnect/reconnect';
import { transactions } from '../../../lib/operators/transactions/transactions';
import { Clock } from '../../support/clock';
import { FakeBackend } from '../../support/fake-backend';
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

describe('ackAfter with batches, after its stream was resubscribed', () => {
  it('passes a batch without what another one has completed, and waits for what another one is processing', () => {
    const batches: number[][] = [];
    const { subscription } = record(
      streaming(server).pipe(
        transactions(),
        bufferTime(100, clock),
        ackAfter((batch) => {
          if (batch.length === 0) return of(0);
          batches.push(batch.map(({ xid }) => xid));
          return timer(500, clock);
        }, 2),
        again(),
      ),
    );
    clock.advance();
    server.commit(tx(1), tx(2));
    clock.advance(150);
    server.commit(tx(3));
    clock.advance(100);
    expect(batches).toEqual([[1, 2], [3]]);
    server.last.close(new Error('reset'));
    server.wal.push(tx(4));
    clock.advance(2000);
    expect([batches, server.slot().confirmed]).toEqual([[[1, 2], [3], [4]], end(4)]);
    subscription.unsubscribe();
  });

  it('delays values that it cannot recognize until the work of the lost stream has ended', () => {
    const { subscription } = record(
      streaming(server).pipe(
        transactions(),
        map(({ xid, ack }) => ({ xid, ack })),
        ackAfter(({ xid }) => works.work(xid, 500), 2),
        again(),
      ),
    );
    clock.advance();
    server.commit(tx(1), tx(2), tx(3));
    clock.advance(10);
    server.last.close(new Error('reset'));
    clock.advance(450);
    expect(works.started).toEqual([1, 2]);
    clock.advance(2000);
    expect(works.started).toEqual([1, 2, 1, 2, 3]);
    expect(server.slot().confirmed).toBe(end(3));
    subscription.unsubscribe();
  });

  it('delays part of a batch while another part is processed by running work', () => {
    const running: number[] = [];
    let overlaps = 0;
    const sizes = [2, 1, 1];
    const { subscription } = record(
      streaming(server).pipe(
        transactions(),
        bufferWhen(() => timer(50, clock)),
        concatMap((batch) => (sizes.shift() === 1 ? batch.map((one) => [one]) : [batch])),
        ackAfter((batch) => {
          for (const { xid } of batch) {
            if (running.includes(xid)) overlaps++;
            running.push(xid);
          }
          return timer(500, clock).pipe(
            tap(() => {
              for (const { xid } of batch) running.splice(running.indexOf(xid), 1);
            }),
          );
        }, 2),
        again(),
      ),
    );
    clock.advance();
    server.commit(tx(1), tx(2));
    clock.advance(60);
    server.last.close(new Error('reset'));
    clock.advance(3000);
    expect([overlaps, server.slot().confirmed]).toEqual([0, end(2)]);
    subscription.unsubscribe();
  });

  it('recognizes completed transactions in a batch that fails', () => {
    const given: number[][] = [];
    let failures = 0;
    // Alone, then with the next one, then both again.
    const sizes = [1, 2, 2];
    const { subscription } = record(
      streaming(server).pipe(
        transactions(),
        bufferWhen(() => timer(50, clock)),
        map((batch) => batch.slice(0, sizes[given.length] ?? 2)),
        filter((batch) => batch.length > 0),
        ackAfter((batch) => {
          given.push(batch.map(({ xid }) => xid));
          const fails = batch.some(({ xid }) => xid === 2) && failures++ === 0;
          return timer(100, clock).pipe(concatMap((n) => (fails ? throwError(() => new Error('mine')) : of(n))));
        }),
        again(),
      ),
    );
    clock.advance();
    server.commit(tx(1));
    clock.advance(60);
    server.last.close(new Error('reset'));
    server.wal.push(tx(2));
    clock.advance(200);
    // The second work is running, for a batch with the first transaction, which completed while the stream was disconnected.
    server.last.close(new Error('reset'));
    clock.advance(3000);
    expect([given, server.slot().confirmed]).toEqual([[[1], [2], [2]], end(2)]);
    subscription.unsubscribe();
  });
});
