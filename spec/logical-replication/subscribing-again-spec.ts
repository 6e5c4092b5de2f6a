import { repeat, retry, tap, timer } from 'rxjs';
import { ackAfter } from '../../lib/operators/ack-after/ack-after';
import { stopOn } from '../../lib/operators/stop-on';
import { transactions } from '../../lib/operators/transactions/transactions';
import { Clock } from '../support/clock';
import { FakeBackend } from '../support/fake-backend';
import { names, record, streaming } from '../support/streaming';
import { tx, getCode, ackEverything, expectNothingLeft } from '../support/replication';

let clock: Clock;
let server: FakeBackend;

beforeEach(() => {
  clock = new Clock();
  server = new FakeBackend(clock);
});

describe('subscribing again', () => {
  it('resumes at the acknowledged position, whether it was reported or not', () => {
    const source = streaming(server, { closeTimeout: 0 });
    const first = record(source);
    clock.advance();
    server.commit(tx(1), tx(2));
    // The connection ends before the acknowledgement can be reported.
    clock.advance(1);
    for (const message of first.values.slice(0, 4)) expect(message.ack()).toBe(true);
    const status = server.last.statuses.length;
    server.last.close(new Error('reset'));
    expect(server.last.statuses).toHaveLength(status);
    expect(getCode(first.error)).toBe('CONNECTION_LOST');
    expect(server.slot().confirmed).toBe(0x80n);

    const second = record(source);
    clock.advance();
    expect(server.last.startLsn).toBe(0x130n);
    expect(names(second.values)).toEqual(['tx 2']);
    second.subscription.unsubscribe();
    expectNothingLeft(clock, server);
  });

  it('redelivers what was not acknowledged', () => {
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

  it('does not create the slot again: SLOT_LOST', () => {
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
    expect(getCode(second.error)).toBe('SLOT_LOST');
    expect(server.slots.size).toBe(0);
    expectNothingLeft(clock, server);
  });

  it('fails with SLOT_MOVED if another client has advanced the slot', () => {
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
    expect(getCode(third.error)).toBe('SLOT_MOVED');
    expectNothingLeft(clock, server);
  });

  it('after keepalives moved the slot is not SLOT_MOVED', () => {
    const source = streaming(server);
    const first = record(source);
    clock.advance();
    server.last.keepalive(0x1000n);
    clock.advance(10);
    expect(server.slot().confirmed).toBe(0x1000n);
    server.last.close(new Error('reset'));
    const second = record(source);
    clock.advance(10);
    expect(getCode(first.error)).toBe('CONNECTION_LOST');
    expect(second.error).toBeUndefined();
    expect(server.last.startLsn).toBe(0x1000n);
    second.subscription.unsubscribe();
  });

  it('works with retry(), which subscribes again within error()', () => {
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
    expectNothingLeft(clock, server);
  });

  it('works with retry() while the server cannot be reached', () => {
    server.behaviour.refusal = Object.assign(new Error('no'), { code: 'ECONNREFUSED' });
    const attempts: unknown[] = [];
    const heard = record(
      streaming(server).pipe(
        tap({ error: (failure) => attempts.push(getCode(failure)) }),
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
    expectNothingLeft(clock, server);
  });

  it('works with repeat(), after a stop', () => {
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
    expectNothingLeft(clock, server);
  });
});
