import { take } from 'rxjs';
import { stopAtLsn } from '../../lib/operators/stop-at-lsn';
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

describe('confirm: false', () => {
  it('never moves the slot, and delivers without a window', () => {
    const { values, subscription } = record(streaming(server, { confirm: false, maxUnacked: 1 }));
    clock.advance();
    server.commit(tx(1), tx(2), tx(3));
    server.last.keepalive(0x900n, true);
    expect(names(values)).toEqual(['tx 1', 'tx 2', 'tx 3']);
    for (const message of values) expect(message.ack()).toBe(true);
    clock.advance(60_000);
    subscription.unsubscribe();
    expectNothingLeft(clock, server);
    expect(new Set(server.last.flushed)).toEqual(new Set([0n]));
    expect(server.last.statuses.at(-1)?.written).toBe(0x900n);
  });

  it('does not move it at a stop either', () => {
    const heard = record(streaming(server, { confirm: false }).pipe(stopAtLsn('0/500')));
    clock.advance();
    server.commit(tx(1));
    server.last.keepalive(0x900n);
    expectNothingLeft(clock, server);
    expect(heard.completed).toBe(true);
    expect(new Set(server.last.flushed)).toEqual(new Set([0n]));
  });

  it('starts at the same position again', () => {
    const source = streaming(server, { confirm: false });
    const first = ackEverything(source.pipe(take(4)));
    clock.advance();
    server.commit(tx(1));
    clock.advance(10);
    const second = ackEverything(source.pipe(take(4)));
    clock.advance(10);
    expect(names(first.values)).toEqual(['tx 1']);
    expect(names(second.values)).toEqual(['tx 1']);
    expectNothingLeft(clock, server);
  });
});
