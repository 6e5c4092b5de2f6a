import { ConnectionError } from '../../lib/common/errors';
import { reconnect } from '../../lib/operators/reconnect/reconnect';
import type { ReconnectAttempt } from '../../lib/operators/reconnect/reconnect-options';
import { Clock } from '../support/clock';
import { FakeBackend } from '../support/fake-backend';
import { record, streaming } from '../support/streaming';
import { expectNothingLeft, tx } from '../support/replication';

let clock: Clock;
let server: FakeBackend;

beforeEach(() => {
  clock = new Clock();
  server = new FakeBackend(clock);
});

describe('a temporary slot', () => {
  it('is dropped with its connection, so that the connection error is not retryable and states that', () => {
    server.slots.clear();
    const attempts: ReconnectAttempt[] = [];
    const attemptObserver = { next: (attempt: ReconnectAttempt) => attempts.push(attempt) };
    const source = streaming(server, { ensureSlot: { temporary: true } });
    const heard = record(source.pipe(reconnect({ scheduler: clock, attemptObserver })));
    clock.advance();
    server.last.close(new Error('ECONNRESET'));
    expect(heard.error).toBeInstanceOf(ConnectionError);
    expect(heard.error).toMatchObject({ code: 'CONNECTION_LOST', retryable: false });
    expect(heard.error).toHaveProperty('message', expect.stringContaining('The server dropped the temporary slot'));
    expect(attempts).toEqual([]);
    expectNothingLeft(clock, server);
  });

  it('does not change the remedy of other errors, nor what error rules set', () => {
    server.slots.clear();
    const errors = [{ when: { code: 'ACK_TIMEOUT' as const }, treatAs: { remedy: 'Ask Ann.' } }];
    const heard = record(streaming(server, { ensureSlot: { temporary: true }, ackTimeout: 1000, errors }));
    clock.advance();
    server.commit(tx(100));
    clock.advance(5000);
    expect(heard.error).toMatchObject({ code: 'ACK_TIMEOUT', retryable: false, remedy: 'Ask Ann.' });
    expectNothingLeft(clock, server);
  });

  it('that was not created yet leaves a connection error retryable', () => {
    server.slots.clear();
    server.behaviour.refusal = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    const heard = record(streaming(server, { ensureSlot: { temporary: true } }));
    clock.advance();
    expect(heard.error).toMatchObject({ code: 'CONNECTION_REFUSED', retryable: true });
    expectNothingLeft(clock, server);
  });
});
