import { take } from 'rxjs';
import { ackAfter } from '../../lib/operators/ack-after/ack-after';
import { stopAtLsn } from '../../lib/operators/stop-at-lsn';
import { transactions } from '../../lib/operators/transactions/transactions';
import type { CloseInfo } from '../../lib/config/observers';
import { buildInsert } from '../../lib/testing/payloads';
import { Clock } from '../support/clock';
import { FakeBackend } from '../support/fake-backend';
import { record, streaming } from '../support/streaming';
import { tx, expectNothingLeft } from '../support/replication';

let clock: Clock;
let server: FakeBackend;

beforeEach(() => {
  clock = new Clock();
  server = new FakeBackend(clock);
});

describe('unsubscribing', () => {
  it('sends what is confirmed, then CopyDone, discards the rest, then sends Terminate', () => {
    const { values, subscription } = record(streaming(server));
    clock.advance();
    server.commit(tx(1), tx(2));
    for (const message of values.slice(0, 4)) message.ack();
    server.last.log.length = 0;
    subscription.unsubscribe();
    expect(server.last.log).toEqual(['status 0/130', 'copyDone']);
    server.last.push(buildInsert(['9', 'the rest of a transaction']));
    expect(values).toHaveLength(8);

    clock.advance(10);
    expect(server.last.log).toEqual(['status 0/130', 'copyDone', 'terminate', 'end']);
    expectNothingLeft(clock, server);
  });

  it('stops feedback first', () => {
    server.behaviour.onCopyDone = 'ignore';
    const { subscription } = record(streaming(server, { closeTimeout: 3_600_000 }));
    clock.advance();
    server.commit(tx(1));
    subscription.unsubscribe();
    const said = server.last.log.length;
    clock.advance(600_000);
    server.last.keepalive(0x900n, true);
    clock.advance(600_000);
    expect(server.last.log).toHaveLength(said);
  });

  it('makes later acknowledgements return false', () => {
    const { values, subscription } = record(streaming(server));
    clock.advance();
    server.commit(tx(1));
    subscription.unsubscribe();
    expect(values.filter((message) => ['insert', 'commit'].includes(message.kind)).map((m) => m.ack())).toEqual([
      false,
      false,
    ]);
    expectNothingLeft(clock, server);
    expect(server.slot().confirmed).toBe(0x80n);
  });

  it('resumes reading after a full window, so that the server can respond', () => {
    const { subscription } = record(streaming(server, { maxUnacked: 1 }));
    clock.advance();
    server.commit(tx(1), tx(2), tx(3));
    expect(server.last.paused).toBe(true);
    subscription.unsubscribe();
    clock.advance(10);
    expect(server.last.log.slice(-3)).toEqual(['copyDone', 'terminate', 'end']);
    expectNothingLeft(clock, server);
  });

  it('closes the connection if the server does not respond within closeTimeout', () => {
    server.behaviour.onCopyDone = 'ignore';
    const closed: CloseInfo[] = [];
    const { subscription } = record(
      streaming(server, { closeTimeout: 700, closeObserver: { next: (info) => closed.push(info) } }),
    );
    clock.advance();
    subscription.unsubscribe();
    clock.advance(699);
    expect(server.last.closed).toBe(false);
    clock.advance(1);
    expect(server.last.destroyed).toBe(true);
    expect(closed).toEqual([{ confirmedLsn: 0n, receivedLsn: 0n, error: undefined }]);
    expectNothingLeft(clock, server);
  });

  it('closes it immediately with closeTimeout 0, after the last status update', () => {
    server.behaviour.onCopyDone = 'ignore';
    const { subscription, values } = record(streaming(server, { closeTimeout: 0 }));
    clock.advance();
    server.commit(tx(1));
    for (const message of values) message.ack();
    subscription.unsubscribe();
    clock.advance(0);
    expect(server.last.destroyed).toBe(true);
    expect(server.slot().confirmed).toBe(0x130n);
    expectNothingLeft(clock, server);
  });

  it('after a stop closes gracefully even with closeTimeout 0, so that completion means confirmed', () => {
    server.latency = 10;
    const heard = record(
      streaming(server, { closeTimeout: 0 }).pipe(
        stopAtLsn(0x130n),
        transactions(),
        ackAfter(() => []),
      ),
    );
    clock.advance(200);
    server.commit(tx(1));
    clock.advance(200);
    expect(heard.events).toEqual(['complete']);
    expect(server.slot().confirmed).toBe(0x130n);
    expectNothingLeft(clock, server);
  });

  it('tolerates a server that closes the connection instead of responding', () => {
    server.behaviour.onCopyDone = 'close';
    const closed: CloseInfo[] = [];
    const { subscription, events } = record(
      streaming(server, { closeObserver: { next: (info) => closed.push(info) } }),
    );
    clock.advance();
    subscription.unsubscribe();
    clock.advance(10);
    expect(closed).toHaveLength(1);
    expect(closed[0]?.error).toBeUndefined();
    expect(events).toEqual([]);
    expectNothingLeft(clock, server);
  });

  it.each([
    [0, 1],
    [15, 2],
    [25, 3],
    [75, 8],
    [79, 8],
  ])('while connecting, after %i ms and %i responses, destroys the connection immediately', (ms, answers) => {
    server.latency = 10;
    const { subscription, events } = record(streaming(server));
    clock.advance(ms);
    expect(server.last.log.length).toBe(answers);
    server.last.log.length = 0;
    subscription.unsubscribe();
    expect(server.last.log).toEqual(['destroy']);
    expect(events).toEqual([]);
    expectNothingLeft(clock, server);
    expect(server.connections).toHaveLength(1);
  });

  it('before the connection is established leaves nothing', () => {
    server.behaviour.reachable = false;
    const { subscription } = record(streaming(server));
    clock.advance(1000);
    subscription.unsubscribe();
    expect(server.last.log).toEqual(['destroy']);
    record(streaming(server)).subscription.unsubscribe();
    expectNothingLeft(clock, server);
  });

  it('while the slot is being created cancels that on a second connection', () => {
    server.slots.clear();
    server.behaviour.creationWaits = true;
    const { subscription } = record(streaming(server, { ensureSlot: true }));
    clock.advance(120_000);
    const [first] = server.connections;
    subscription.unsubscribe();
    expect(first?.closed).toBe(false);
    clock.advance(10);
    expect(server.cancelled).toEqual([first?.processId]);
    expect(server.connections).toHaveLength(2);
    expect(server.connections.map((connection) => connection.destroyed)).toEqual([true, true]);
    expectNothingLeft(clock, server);
  });

  it('waits at most closeTimeout for the cancellation, and delays the next subscription as long', () => {
    server.slots.clear();
    server.behaviour.creationWaits = true;
    const source = streaming(server, { ensureSlot: true, closeTimeout: 500 });
    const { subscription } = record(source);
    clock.advance(100);
    server.behaviour.reachable = false;
    subscription.unsubscribe();
    const next = record(source);
    clock.advance(499);
    expect(server.connections).toHaveLength(2);
    server.behaviour.reachable = true;
    clock.advance(1);
    expect(server.connections).toHaveLength(3);
    expect(server.connections.map((connection) => connection.destroyed)).toEqual([true, true, false]);
    next.subscription.unsubscribe();
    expectNothingLeft(clock, server);
  });

  it('lets take(1) emit exactly one message, and decodes nothing after it', () => {
    const heard = record(streaming(server).pipe(take(1)));
    clock.advance();
    // What follows Begin could not be decoded.
    server.last.push(...tx(1).payloads.slice(0, 1), Buffer.from('?'), Buffer.from('I'));
    expect(heard.events).toEqual(['next', 'complete']);
    clock.advance(10);
    expect(heard.events).toEqual(['next', 'complete']);
    expect(server.last.log.slice(-3)).toEqual(['copyDone', 'terminate', 'end']);
    expectNothingLeft(clock, server);
  });

  it('inside next ends delivery with that message', () => {
    const heard = record(streaming(server), (message) => {
      if (message.kind === 'insert') heard.subscription.unsubscribe();
    });
    clock.advance();
    server.commit(tx(1, 3), tx(2));
    expect(heard.values.map(({ kind }) => kind)).toEqual(['begin', 'relation', 'insert']);
    expectNothingLeft(clock, server);
    expect(heard.events).toEqual(['next', 'next', 'next']);
  });
});
