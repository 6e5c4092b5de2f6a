import { config as rxConfig, map } from 'rxjs';
import { transactions } from '../../lib/operators/transactions/transactions';
import { Clock } from '../support/clock';
import { FakeBackend } from '../support/fake-backend';
import { names, record, streaming } from '../support/streaming';
import { tx, ackEverything, expectNothingLeft } from '../support/replication';

let clock: Clock;
let server: FakeBackend;

beforeEach(() => {
  clock = new Clock();
  server = new FakeBackend(clock);
});

describe('an error thrown by a subscriber', () => {
  const reported: unknown[] = [];

  beforeEach(() => {
    reported.length = 0;
    rxConfig.onUnhandledError = (error) => reported.push(error);
  });

  afterEach(() => {
    rxConfig.onUnhandledError = null;
  });

  it('in next is reported by RxJS; the stream continues, and the message stays unacknowledged', async () => {
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
    expectNothingLeft(clock, server);
  });

  it('in the observers does not affect the stream', async () => {
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
    expectNothingLeft(clock, server);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(new Set(reported.map((error) => (error as Error).message))).toEqual(new Set(['open', 'status', 'close']));
  });

  it('in a later projection ends the subscription', () => {
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
    expectNothingLeft(clock, server);
    expect(server.last.log.slice(-3)).toEqual(['copyDone', 'terminate', 'end']);
  });
});
