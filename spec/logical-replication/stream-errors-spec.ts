import { filter } from 'rxjs';
import { buildInsert } from '../../lib/testing/payloads';
import { Clock } from '../support/clock';
import { FakeBackend } from '../support/fake-backend';
import { record, streaming } from '../support/streaming';
import { tx, getCode, expectNothingLeft } from '../support/replication';

let clock: Clock;
let server: FakeBackend;

beforeEach(() => {
  clock = new Clock();
  server = new FakeBackend(clock);
});

describe('an unexpected end of the stream', () => {
  it.each<[what: string, cause: () => void, expected: string]>([
    ['a lost connection', () => server.last.close(new Error('ECONNRESET')), 'CONNECTION_LOST'],
    ['an end without an error', () => server.last.close(), 'CONNECTION_LOST'],
    ['a terminated walsender', () => server.last.error({ C: '57P01', S: 'FATAL', V: 'FATAL' }), 'SERVER_SHUTDOWN'],
    ['bytes that are not a message', () => server.last.push(Buffer.from('?')), 'PROTOCOL_VIOLATION'],
    [
      'a change without its relation',
      () => server.last.push(tx(1).payloads[0]!, buildInsert(['1'])),
      'PROTOCOL_VIOLATION',
    ],
  ])('%s is an error', (_, cause, expected) => {
    const heard = record(streaming(server));
    clock.advance();
    server.commit(tx(1));
    cause();
    expect(heard.events.filter((event) => event !== 'next')).toEqual(['error']);
    expect(getCode(heard.error)).toBe(expected);
    expectNothingLeft(clock, server);
    expect(server.slot().confirmed).toBe(0x80n);
  });

  it('sends what was confirmed until then', () => {
    const heard = record(streaming(server).pipe(filter(({ kind }) => kind !== 'begin')));
    clock.advance();
    server.commit(tx(1));
    clock.advance(1);
    for (const message of heard.values) message.ack();
    server.last.push(Buffer.from('?'));
    expect(getCode(heard.error)).toBe('PROTOCOL_VIOLATION');
    expect(server.slot().confirmed).toBe(0x130n);
    expectNothingLeft(clock, server);
  });
});
