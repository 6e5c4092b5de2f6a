import {
  buildCopyBothResponse,
  buildErrorResponse,
  buildKeepalive,
  buildReadyForQuery,
} from '../../lib/testing/backend-messages';
import { Clock } from '../support/clock';
import { FakeBackend } from '../support/fake-backend';
import { record, streaming } from '../support/streaming';

let clock: Clock;
let server: FakeBackend;

/** The server sends these messages directly after its response to START_REPLICATION. */
function startsWith(...messages: readonly Buffer[]): void {
  server.behaviour.answersTo.push([/^START_REPLICATION/, Buffer.concat([buildCopyBothResponse(), ...messages])]);
}

beforeEach(() => {
  clock = new Clock();
  server = new FakeBackend(clock);
});

/** The files of lib/ in the call stack. */
function callers(): string[] {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = Infinity;
  const { stack = '' } = new Error();
  Error.stackTraceLimit = limit;
  return [...stack.matchAll(/\blib\/(\w+)\//g)].map(([, module = '']) => module);
}

describe('the first delivery', () => {
  it("is made in a separate turn of the event loop, outside the connection's start-up", () => {
    startsWith(buildKeepalive(0x100n));
    const modules: string[][] = [];
    record(streaming(server), () => modules.push(callers()));
    clock.advance();
    expect(modules).toHaveLength(1);
    expect(modules[0]).toContain('stream');
    expect(modules[0]).not.toContain('connection');
    expect(modules[0]).not.toContain('commands');
  });

  it('follows the call of openObserver', () => {
    startsWith(buildKeepalive(0x100n));
    const events: string[] = [];
    const openObserver = { next: () => events.push('open') };
    record(streaming(server, { openObserver }), () => events.push('next'));
    clock.advance();
    expect(events).toEqual(['open', 'next']);
  });

  it('is not made if openObserver unsubscribes', () => {
    startsWith(buildKeepalive(0x100n));
    const openObserver = { next: () => heard.subscription.unsubscribe() };
    const heard = record(streaming(server, { openObserver }));
    clock.advance();
    expect(heard.events).toEqual([]);
    server.last.send(buildReadyForQuery());
    clock.advance(60_000);
    expect(clock.pending).toBe(0);
  });

  it('is the only one if it unsubscribes', () => {
    startsWith(buildKeepalive(0x100n), buildKeepalive(0x200n));
    const heard = record(streaming(server), () => {
      heard.subscription.unsubscribe();
    });
    clock.advance();
    expect(heard.events).toEqual(['next']);
  });

  it('does not hide the error that the server sent before it closed the connection', () => {
    startsWith(buildErrorResponse({ S: 'FATAL', V: 'FATAL', C: '53200', M: 'out of memory' }));
    const heard = record(streaming(server));
    const openObserver = { next: () => server.last.close() };
    const closed = record(streaming(server, { openObserver }));
    clock.advance();
    expect([heard.error, closed.error]).toMatchObject([{ code: 'SERVER_RESOURCES' }, { code: 'SERVER_RESOURCES' }]);
  });
});
