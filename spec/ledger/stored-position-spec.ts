import { EMPTY, map, NEVER, Observable, of, Subject, takeUntil, throwError, timer, type ObservableInput } from 'rxjs';
import type { StoredPosition } from '../../lib/ledger/checkpoint';
import { buildNotice, buildParameterStatus } from '../../lib/testing/backend-messages';
import { Clock } from '../support/clock';
import { FakeBackend } from '../support/fake-backend';
import { record, streaming, type RecordedEvents } from '../support/streaming';
import { getCode, expectNothingLeft } from '../support/replication';

let clock: Clock;
let server: FakeBackend;

beforeEach(() => {
  clock = new Clock();
  server = new FakeBackend(clock);
});

describe('startLsn as a function', () => {
  /** A stream whose startLsn function calls `answers` in turn, and how often it was called. */
  function asking(...answers: (() => ObservableInput<StoredPosition>)[]) {
    let asked = 0;
    const source = streaming(server, { startLsn: () => answers[asked++ % answers.length]!() });
    return { source, times: () => asked };
  }

  it('is called at each subscription, and not before', () => {
    const { source, times } = asking(
      () => of('0/200'),
      () => of(0x300n),
    );
    expect(times()).toBe(0);
    for (const lsn of [0x200n, 0x300n]) {
      const { subscription } = record(source);
      clock.advance();
      expect(server.last.startLsn).toBe(lsn);
      subscription.unsubscribe();
      clock.advance(100);
    }
    expect(times()).toBe(2);
    expectNothingLeft(clock, server);
  });

  it('may be slow: streaming does not start before it has returned a position', () => {
    const { source, times } = asking(() => timer(5000, clock).pipe(map(() => '0/200')));
    const { subscription } = record(source);
    clock.advance(4999);
    expect([times(), server.connections.length, server.last.startLsn]).toEqual([1, 1, undefined]);
    clock.advance(1);
    expect(server.last.startLsn).toBe(0x200n);
    subscription.unsubscribe();
    expectNothingLeft(clock, server);
  });

  it('runs while the connection handles notices and parameter changes', () => {
    const { source } = asking(() => timer(5000, clock).pipe(map(() => '0/200')));
    const { subscription } = record(source);
    clock.advance(100);
    server.last.send(
      buildNotice({ M: 'checkpoints are occurring too frequently' }),
      buildParameterStatus('TimeZone', 'UTC'),
    );
    clock.advance(5000);
    expect(server.last.startLsn).toBe(0x200n);
    subscription.unsubscribe();
    expectNothingLeft(clock, server);
  });

  it('that emits nothing within connectTimeout is a retryable error, and is unsubscribed', () => {
    let released = 0;
    const startLsn = () => new Observable<never>(() => () => released++);
    const heard = record(streaming(server, { startLsn, connectTimeout: 2000 }));
    clock.advance(1999);
    expect([heard.events, released]).toEqual([[], 0]);
    clock.advance(1);
    expect(heard.error).toMatchObject({ code: 'CHECKPOINT_UNAVAILABLE', retryable: true });
    expect(heard.error).toHaveProperty(
      'message',
      expect.stringContaining('startLsn did not return a position within 2000 ms.'),
    );
    expect([released, server.last.streaming]).toEqual([1, false]);
    expectNothingLeft(clock, server);
  });

  it('is not reported as the cause if the server is slow', () => {
    server.latency = 1500;
    const heard = record(streaming(server, { startLsn: () => '0/200', connectTimeout: 2000 }));
    clock.advance(2000);
    expect(getCode(heard.error)).toBe('CONNECT_TIMEOUT');
    server.latency = 0;
    expectNothingLeft(clock, server);
  });

  it('is unsubscribed when the connection is lost meanwhile', () => {
    let released = 0;
    const heard = record(streaming(server, { startLsn: () => new Observable<never>(() => () => released++) }));
    clock.advance(100);
    server.last.close(new Error('ECONNRESET'));
    clock.advance(60_000);
    expect([heard.events, released]).toEqual([['error'], 1]);
    expectNothingLeft(clock, server);
  });

  it('is not called if the server cannot be reached', () => {
    const { source, times } = asking(() => of('0/200'));
    server.behaviour.refusal = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    const heard = record(source);
    clock.advance();
    expect([getCode(heard.error), times()]).toEqual(['CONNECTION_REFUSED', 0]);
    expectNothingLeft(clock, server);
  });

  it.each<[what: string, answer: () => ObservableInput<StoredPosition>]>([
    ['null', () => of(null)],
    ['nothing', () => EMPTY],
  ])("starts at the slot's position if it returns %s", (_, answer) => {
    const { subscription } = record(asking(answer).source);
    clock.advance();
    expect(server.last.startLsn).toBe(0n);
    subscription.unsubscribe();
    expectNothingLeft(clock, server);
  });

  it('is unsubscribed when the subscriber unsubscribes, and the next subscription can start', () => {
    let released = 0;
    const { source } = asking(
      () => new Observable(() => () => released++),
      () => of('0/200'),
    );
    const first = record(source);
    clock.advance(100);
    first.subscription.unsubscribe();
    expect([released, server.connections.length, server.last.destroyed]).toEqual([1, 1, true]);
    const second = record(source);
    clock.advance();
    expect([second.events, server.last.startLsn]).toEqual([[], 0x200n]);
    second.subscription.unsubscribe();
    expectNothingLeft(clock, server);
  });

  it('may end the subscription that calls it', () => {
    const stop$ = new Subject<void>();
    const startLsn = () => {
      stop$.next();
      return of('0/200');
    };
    const heard = record(streaming(server, { startLsn }).pipe(takeUntil(stop$)));
    clock.advance();
    expect(heard.events).toEqual(['complete']);
    expectNothingLeft(clock, server);
    expect([server.last.startLsn, server.last.destroyed]).toEqual([undefined, true]);
  });

  it('is called by one subscription at a time', () => {
    const { source, times } = asking(() => NEVER);
    const first = record(source);
    const second = record(source);
    clock.advance();
    expect([times(), getCode(second.error), first.events]).toEqual([1, 'ALREADY_SUBSCRIBED', []]);
    first.subscription.unsubscribe();
    expectNothingLeft(clock, server);
  });

  it('is called only once the previous subscription has closed', () => {
    const { source, times } = asking(() => of('0/200'));
    const first = record(source);
    clock.advance();
    server.behaviour.onCopyDone = 'ignore';
    first.subscription.unsubscribe();
    const second = record(source);
    clock.advance(4999);
    expect([times(), server.connections.length]).toEqual([1, 1]);
    clock.advance(10);
    expect([times(), server.connections.length]).toEqual([2, 2]);
    server.behaviour.onCopyDone = 'reply';
    second.subscription.unsubscribe();
    expectNothingLeft(clock, server);
  });

  it.each<[what: string, failure: unknown]>([
    ['an Error', new RangeError('the store is gone')],
    ['text', 'the store is gone'],
    ['nothing', undefined],
  ])('that throws %s fails the subscription with the same value, and can be called again at once', (_, failure) => {
    const { source } = asking(
      () => throwError(() => failure),
      () => {
        throw failure;
      },
      () => of('0/200'),
    );
    const heard: unknown[] = [];
    let last: RecordedEvents<unknown> | undefined;
    source.subscribe({
      error: (error) => {
        heard.push(error);
        source.subscribe({
          error: (error) => {
            heard.push(error);
            last = record(source);
          },
        });
      },
    });
    clock.advance();
    expect([heard.every((error) => error === failure), heard.length, server.connections.length]).toEqual([true, 2, 3]);
    expect(server.connections.map(({ startLsn }) => startLsn)).toEqual([undefined, undefined, 0x200n]);
    last?.subscription.unsubscribe();
    expectNothingLeft(clock, server);
  });

  it.each<[what: string, startLsn: () => unknown]>([
    ['text that is not an LSN', () => ['16B6C50']],
    ['the row of a query', () => ({ end_lsn: '0/200' })],
    ['rows', () => [{ end_lsn: '0/200' }]],
    ['a number', () => 512],
  ])('that returns %s is CONFIG_INVALID, and streaming does not start', (_, startLsn) => {
    const heard = record(streaming(server, { startLsn: startLsn as () => StoredPosition }));
    clock.advance();
    expect(heard.error).toMatchObject({ code: 'CONFIG_INVALID', option: 'startLsn', retryable: false });
    expect([heard.events, server.last.startLsn]).toEqual([['error'], undefined]);
    expectNothingLeft(clock, server);
  });

  it.each<[what: string, position: StoredPosition, expected: string]>([
    ['behind the slot', '0/7F', 'SLOT_AHEAD'],
    ['beyond the WAL', '0/5001', 'CHECKPOINT_MISMATCH'],
    ['of another cluster', { systemId: '7', timeline: 1, slot: 'orders', endLsn: '0/200' }, 'CHECKPOINT_MISMATCH'],
  ])('that returns a position %s is an error, and nothing is streamed', (_, position, expected) => {
    const heard = record(asking(() => of(position)).source);
    clock.advance();
    expect([heard.events, getCode(heard.error), server.last.streaming]).toEqual([['error'], expected, false]);
    expectNothingLeft(clock, server);
  });

  it('may return a position of an earlier timeline, up to the LSN at which the server switched timelines', () => {
    const position = { systemId: server.systemId, timeline: 1, slot: 'orders', endLsn: '0/200' };
    server.timeline = 2;
    server.history.push({ timeline: 1, switchLsn: 0x200n });
    const { subscription } = record(asking(() => of(position)).source);
    clock.advance();
    expect(server.last.startLsn).toBe(0x200n);
    subscription.unsubscribe();
    clock.advance(100);

    server.history[0] = { timeline: 1, switchLsn: 0x1ffn };
    const parted = record(asking(() => of(position)).source);
    clock.advance();
    expect(getCode(parted.error)).toBe('CHECKPOINT_MISMATCH');
    expectNothingLeft(clock, server);
  });
});
