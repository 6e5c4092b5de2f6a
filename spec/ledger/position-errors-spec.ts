import { NEVER } from 'rxjs';
import type { PgoutputConfig } from '../../lib/config/stream-config';
import { ackAfter } from '../../lib/operators/ack-after/ack-after';
import { reconnect } from '../../lib/operators/reconnect/reconnect';
import { transactions } from '../../lib/operators/transactions/transactions';
import type { CloseInfo } from '../../lib/config/observers';
import { Clock } from '../support/clock';
import { FakeBackend } from '../support/fake-backend';
import { record, streaming } from '../support/streaming';
import { getCode, expectNothingLeft, tx } from '../support/replication';

let clock: Clock;
let server: FakeBackend;

beforeEach(() => {
  clock = new Clock();
  server = new FakeBackend(clock);
});

describe('rules for errors', () => {
  const errors: PgoutputConfig['errors'] = [
    { when: { message: /draining/ }, treatAs: { code: 'SERVER_SHUTDOWN', remedy: 'It moves.' } },
    { when: { causeCode: 'ECONNREFUSED' }, treatAs: { retryable: false } },
  ];
  const draining = { S: 'FATAL', V: 'FATAL', C: '08P01', M: 'draining' };

  it('apply to the errors of closeObserver, the subscriber and ackAfter alike', () => {
    const closed: CloseInfo[] = [];
    const closeObserver = { next: (info: CloseInfo) => closed.push(info) };
    const heard = record(
      streaming(server, { errors, closeObserver }).pipe(
        transactions(),
        ackAfter(() => NEVER),
      ),
    );
    clock.advance();
    server.commit(tx(1));
    server.last.error(draining);
    expect(heard.error).toMatchObject({ code: 'SERVER_SHUTDOWN', retryable: true, sqlState: '08P01' });
    expect(heard.error).toHaveProperty('message', 'The server says: draining (SQLSTATE 08P01). It moves.');
    expect(closed.map(({ error }) => error === heard.error)).toEqual([true]);
    expectNothingLeft(clock, server);
  });

  it('apply to errors before the stream starts, too', () => {
    server.behaviour.refusal = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    const heard = record(streaming(server, { errors }));
    clock.advance();
    expect(heard.error).toMatchObject({ code: 'CONNECTION_REFUSED', retryable: false });
    expect(record(streaming(server)).error).toBeUndefined();
  });

  it('decide whether reconnect retries', () => {
    const heard = record(streaming(server, { errors }).pipe(reconnect({ scheduler: clock })));
    clock.advance();
    server.last.error(draining);
    clock.advance(1000);
    expect([heard.events, server.connections.length, server.last.streaming]).toEqual([[], 2, true]);
    server.behaviour.refusal = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    server.last.error(draining);
    clock.advance(1000);
    expect(getCode(heard.error)).toBe('CONNECTION_REFUSED');
    expectNothingLeft(clock, server);
  });
});
