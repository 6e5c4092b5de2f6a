import { concatMap, delay, map, tap, timer } from 'rxjs';
import { ackAfter } from '../../lib/operators/ack-after/ack-after';
import { stopAtLsn } from '../../lib/operators/stop-at-lsn';
import { transactions } from '../../lib/operators/transactions/transactions';
import { Clock, microtasks } from '../support/clock';
import { FakeBackend } from '../support/fake-backend';
import { record, streaming } from '../support/streaming';
import { tx, expectNothingLeft } from '../support/replication';

let clock: Clock;
let server: FakeBackend;

beforeEach(() => {
  clock = new Clock();
  server = new FakeBackend(clock);
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
  expectNothingLeft(clock, server);
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
  expectNothingLeft(clock, server);
});
