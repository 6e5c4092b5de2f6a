import { concat, defer, NEVER, Observable, of, Subject, take, throwError, timer } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import type { ErrorCode } from '../../lib/common/error-codes';
import { ConfigError, ConnectionError, ReplicationError, ServerError } from '../../lib/common/errors';
import { attachFailure, type Failure } from '../../lib/ledger/failure';
import { reconnect } from '../../lib/operators/reconnect/reconnect';
import type { ReconnectAttempt, ReconnectOptions } from '../../lib/operators/reconnect/reconnect-options';
import { StreamHistory, type FailedStream } from '../../lib/ledger/stream-history';
import { Clock } from '../support/clock';
import { record, type RecordedEvents } from '../support/streaming';
import { captureError } from '../support/capture-error';

/** The error of a stream, with its confirmed position. */
function ended<E>(error: E, noted: Partial<Failure> = {}): E {
  attachFailure(error, {
    slot: 'orders',
    confirmedLsn: 0n,
    walSenderTimeout: 0,
    byStream: true,
    streams: [],
    ...noted,
  });
  return error;
}

function lost(confirmedLsn = 0n): ConnectionError {
  return ended(new ConnectionError('CONNECTION_LOST', 'It ended'), { confirmedLsn });
}

/** A server's error, and its position in the WAL. */
function serverFailed(lsn = '0/100', confirmedLsn = 0n, code: ErrorCode = 'SERVER_INTERNAL_ERROR', sqlState = 'XX000') {
  const where = `slot "orders", output plugin "pgoutput", in the change callback, associated LSN ${lsn}`;
  return ended(new ServerError(code, { severity: 'ERROR', sqlState, message: 'no', where }), { confirmedLsn });
}

function slotActive(walSenderTimeout: number, confirmedLsn = 0n): ServerError {
  const error = new ServerError('SLOT_ACTIVE', { severity: 'ERROR', sqlState: '55006', message: 'slot is active' });
  return ended(error, { confirmedLsn, walSenderTimeout });
}

let clock: Clock;
let dice: jest.SpyInstance<number, []>;

beforeEach(() => {
  clock = new Clock();
  dice = jest.spyOn(Math, 'random').mockReturnValue(1);
});

afterEach(() => {
  dice.mockRestore();
  jest.useRealTimers();
});

interface Trial extends RecordedEvents<unknown> {
  readonly attempts: ReconnectAttempt[];
  /** The times at which the source was subscribed to. */
  readonly at: number[];
}

/** A source that fails with these errors in turn, and is silent after the last one. */
function trial(errors: readonly unknown[], options: ReconnectOptions = {}): Trial {
  const attempts: ReconnectAttempt[] = [];
  const at: number[] = [];
  const source = defer(() => {
    const index = at.push(clock.now()) - 1;
    return index < errors.length ? throwError(() => errors[index]) : NEVER;
  });
  const attemptObserver = { next: (attempt: ReconnectAttempt) => attempts.push(attempt) };
  const recording = record(source.pipe(reconnect({ scheduler: clock, attemptObserver, ...options })));
  return Object.assign(recording, { attempts, at });
}

function times<T>(count: number, make: () => T): T[] {
  return Array.from({ length: count }, () => make());
}

describe('reconnect', () => {
  it('emits values, completion and errors that are not retryable', () => {
    const values = { a: 1 };
    new TestScheduler((actual, expected) => expect(actual).toEqual(expected)).run(
      ({ cold, expectObservable, expectSubscriptions }) => {
        const source = cold('-a-a-|', values);
        expectObservable(source.pipe(reconnect())).toBe('-a-a-|', values);
        expectSubscriptions(source.subscriptions).toBe('^----!');
        expectObservable(cold('-a-#', values).pipe(reconnect())).toBe('-a-#', values);
      },
    );
  });

  it('resubscribes after the delay, and unsubscribes from its source', () => {
    const error = lost();
    const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
    scheduler.run(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('-a-#', { a: 1 }, error);
      const options = { initialDelay: 5, maxDelay: 10, scheduler };
      expectObservable(source.pipe(reconnect(options)), '------------------!').toBe('-a-------a-------', { a: 1 });
      expectSubscriptions(source.subscriptions).toBe(['^--!', '--------^--!']);
    });
  });

  it('calls retryable with the last error object', () => {
    const errors = [lost(), lost(), new Error('mine')];
    const heard = trial(errors);
    clock.advance(60_000);
    expect(heard.attempts.map(({ error }) => error)).toEqual(errors.slice(0, 2));
    expect(heard.attempts.every(({ error }, index) => error === errors[index])).toBe(true);
    expect([heard.error === errors[2], heard.events]).toEqual([true, ['error']]);
  });
});

describe('the delay', () => {
  it('doubles up to maxDelay', () => {
    const { attempts, at } = trial(times(9, lost), { initialDelay: 500, maxDelay: 30_000 });
    clock.advance(600_000);
    const delays = [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000];
    expect(attempts.map(({ attempt, delay }) => [attempt, delay])).toEqual(delays.map((ms, index) => [index + 1, ms]));
    expect(at.map((ms, index) => ms - (at[index - 1] ?? 0)).slice(1)).toEqual(delays);
  });

  it('is half a second at first and half a minute at most by default', () => {
    const { attempts } = trial(times(12, lost));
    clock.advance(600_000);
    expect([attempts[0]?.delay, attempts.at(-1)?.delay]).toEqual([500, 30_000]);
  });

  it('is a random share of that, between 0 and 1', () => {
    for (const share of [0, 0.25, 0.5, 0.999]) dice.mockReturnValueOnce(share);
    const { attempts } = trial(times(4, lost), { initialDelay: 1000, maxDelay: 100_000 });
    clock.advance(600_000);
    expect(attempts.map(({ delay }) => delay)).toEqual([0, 500, 2000, 7992]);
  });

  it('is reported when it starts', () => {
    const { attempts, at } = trial([lost()], { initialDelay: 1000 });
    expect([attempts.length, at]).toEqual([1, [0]]);
    clock.advance(999);
    expect(at).toEqual([0]);
    clock.advance(1);
    expect(at).toEqual([0, 1000]);
  });

  it('may be 0, a thousand times and more', () => {
    const { attempts, at } = trial(times(2000, lost), { initialDelay: 0 });
    clock.advance();
    expect(at).toHaveLength(2001);
    expect(new Set(attempts.map(({ delay }) => delay))).toEqual(new Set([0]));
  });

  it('leaves nothing behind when it is unsubscribed in the meantime', () => {
    const heard = trial([lost()]);
    clock.advance(100);
    expect(clock.pending).toBe(1);
    heard.subscription.unsubscribe();
    expect(clock.pending).toBe(0);
    clock.advance(60_000);
    expect(heard.at).toEqual([0]);
  });
});

describe('an error that is retried', () => {
  it.each<[what: string, error: unknown]>([
    ['the work has thrown', new Error('mine')],
    ['the work has thrown, and that a stream has recorded', ended(new Error('mine'), { confirmedLsn: 7n })],
    ['is undefined', undefined],
    ['has the members of a ReplicationError', { code: 'CONNECTION_LOST', retryable: true }],
    ['is not retryable', ended(new ReplicationError('SLOT_LOST', 'It is gone'))],
    ['is not retryable by an error rule', ended(lost().withCode('CONNECTION_LOST', { retryable: false }))],
  ])('is not one that %s', (_, error) => {
    const heard = trial([error]);
    expect([heard.events, heard.error, clock.pending]).toEqual([['error'], error, 0]);
    expect(heard.attempts).toEqual([]);
  });

  it("is one whose `retryable` is true, even if its code's is not", () => {
    const { at } = trial([ended(new ReplicationError('SERVER_ERROR', 'It failed', { retryable: true }))]);
    clock.advance(500);
    expect(at).toHaveLength(2);
  });

  it('is determined by the option retryable alone', () => {
    const retryable = (error: unknown): boolean => error === 'mine';
    const heard = trial(['mine', 'mine', lost()], { retryable });
    clock.advance(60_000);
    expect([heard.attempts.length, heard.events]).toEqual([2, ['error']]);
  });

  it('is not retried if the option retryable throws, whose error is emitted', () => {
    const retryable = (): boolean => {
      throw new RangeError('no idea');
    };
    const heard = trial([lost()], { retryable });
    expect(heard.error).toEqual(new RangeError('no idea'));
  });

  it.each<[unconfirmed: bigint, event: string]>([
    [5n, 'error'],
    [0n, 'complete'],
  ])('is not retried after a stop: if up to %d is unconfirmed, the result is %s', (lsn, event) => {
    const error = new ConnectionError('CONNECTION_LOST', 'It ended');
    const heard = trial([ended(error, { streams: [stoppedStream(error, lsn)] })], { retryable: () => true });
    expect([heard.events, clock.pending]).toEqual([[event], 0]);
    if (lsn > 0n) expect(heard.error).toBe(error);
  });
});

/** The error of a stream that was stopped. */
function stoppedStream(error: unknown, delivered: bigint): FailedStream {
  const history = new StreamHistory((listener) => {
    listener();
    return () => undefined;
  });
  history.failed(error);
  history.ended({ delivered, confirmed: 0n });
  return { history, stops: [{ isRequested: true, listen: () => () => undefined }] };
}

describe('maxRetries', () => {
  it.each([0, 1, 3])('of %d gives up after this number of retries', (maxRetries) => {
    const errors = times(maxRetries + 1, lost);
    const heard = trial(errors, { maxRetries });
    clock.advance(60_000);
    expect([heard.at.length, heard.attempts.length]).toEqual([maxRetries + 1, maxRetries]);
    expect(heard.error).toBe(errors.at(-1));
  });

  it('restarts, with the initial delay, once more has been confirmed', () => {
    const confirmed = [0n, 0n, 0n, 5n, 5n, 5n, 6n, 6n];
    const heard = trial(confirmed.map(lost), { maxRetries: 3, initialDelay: 100 });
    clock.advance(60_000);
    expect(heard.attempts.map(({ attempt, delay }) => [attempt, delay])).toEqual([
      ...[
        [1, 100],
        [2, 200],
        [3, 400],
      ],
      ...[
        [1, 100],
        [2, 200],
        [3, 400],
      ],
      ...[
        [1, 100],
        [2, 200],
      ],
    ]);
    expect(heard.events).toEqual([]);
  });

  it('does not restart for values alone, because every attempt may emit some before it fails', () => {
    let subscriptions = 0;
    const source = defer(() => {
      subscriptions++;
      return concat(
        of(1, 2, 3),
        throwError(() => lost(5n)),
      );
    });
    const heard = record(source.pipe(reconnect({ maxRetries: 3, scheduler: clock })));
    clock.advance(60_000);
    expect([subscriptions, heard.values.length, heard.events.at(-1)]).toEqual([4, 12, 'error']);
  });

  it('does not restart for a position that has gone back, or is unknown', () => {
    const errors = [lost(5n), lost(4n), 'foreign', lost(5n), lost(1n)];
    const heard = trial(errors, { maxRetries: 4, retryable: () => true });
    clock.advance(60_000);
    expect(heard.attempts.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4]);
    expect(heard.error).toBe(errors[4]);
  });

  it('restarts after failed work, too, if retryable accepts it', () => {
    const errors = [1n, 1n, 2n, 2n].map((confirmedLsn) => ended(new Error('mine'), { confirmedLsn }));
    const heard = trial(errors, { maxRetries: 2, retryable: () => true });
    clock.advance(60_000);
    expect(heard.attempts.map(({ attempt }) => attempt)).toEqual([1, 2, 1, 2]);
    expect(heard.events).toEqual([]);
  });
});

describe('a server that fails repeatedly', () => {
  it.each<[code: ErrorCode, sqlState: string]>([
    ['SERVER_INTERNAL_ERROR', 'XX000'],
    ['SERVER_IO_ERROR', '58030'],
    ['UNKNOWN_SQLSTATE', 'UE001'],
    ['WAL_REMOVED', '58P01'],
  ])('with %s at the same LSN is given up after three attempts', (code, sqlState) => {
    const heard = trial(times(10, () => serverFailed('0/100', 0n, code, sqlState)));
    clock.advance(600_000);
    expect([heard.attempts.length, heard.events]).toEqual([3, ['error']]);
    expect(heard.error).toMatchObject({ code });
  });

  it.each<[code: ErrorCode, sqlState: string]>([
    ['SERVER_RESOURCES', '53100'],
    ['SERVER_RESOURCES', '53200'],
    ['TOO_MANY_CONNECTIONS', '53300'],
    ['TRANSACTION_ROLLED_BACK', '40001'],
  ])('with %s (%s) at the same LSN is retried as long as that lasts', (code, sqlState) => {
    const heard = trial(times(40, () => serverFailed('0/100', 0n, code, sqlState)));
    clock.advance(2_000_000);
    expect(heard.attempts).toHaveLength(40);
    expect(heard.error).toBeUndefined();
  });

  it('is given up, whatever retryable returns', () => {
    const heard = trial(times(10, serverFailed), { retryable: () => true });
    clock.advance(600_000);
    expect(heard.attempts).toHaveLength(3);
  });

  it('at another LSN, or with another error, has three attempts again', () => {
    const there = times(3, () => serverFailed('0/100'));
    const elsewhere = times(3, () => serverFailed('0/200'));
    const otherwise = times(3, () => serverFailed('0/200', 0n, 'WAL_REMOVED', '58P01'));
    const heard = trial([...there, ...elsewhere, ...otherwise, ...there, serverFailed('0/100')]);
    clock.advance(600_000);
    expect([heard.attempts.length, heard.events]).toEqual([12, ['error']]);
  });

  it('has three attempts again once more has been confirmed', () => {
    const errors = [0n, 0n, 0n, 5n, 5n, 5n, 5n].map((confirmed) => serverFailed('0/100', confirmed));
    const heard = trial(errors);
    clock.advance(600_000);
    expect([heard.attempts.length, heard.error === errors[6]]).toEqual([6, true]);
  });

  it('is given up despite other errors in between', () => {
    const between = [lost(), slotActive(60_000), lost()];
    const errors = times(4, () => [serverFailed(), ...between]).flat();
    const heard = trial(errors);
    clock.advance(600_000);
    expect([heard.attempts.length, heard.error === errors[12]]).toEqual([12, true]);
  });

  it('without an LSN is identified by its message', () => {
    const fields = { severity: 'ERROR', sqlState: 'XX000', message: 'no' };
    const heard = trial(times(9, () => ended(new ServerError('SERVER_INTERNAL_ERROR', fields))));
    clock.advance(600_000);
    expect(heard.attempts).toHaveLength(3);
  });

  it('is not a lost connection, which is retried indefinitely', () => {
    const heard = trial(times(1000, lost), { maxDelay: 1000 });
    clock.advance(2_000_000);
    expect([heard.at.length, heard.events]).toEqual([1001, []]);
  });
});

describe('an active slot', () => {
  it('is waited for as long as wal_sender_timeout, even if maxRetries is exceeded', () => {
    const heard = trial(
      times(1000, () => slotActive(60_000)),
      { maxRetries: 2, initialDelay: 1000, maxDelay: 7000 },
    );
    clock.advance(600_000);
    expect(heard.error).toMatchObject({ code: 'SLOT_ACTIVE' });
    const last = heard.at.at(-1) ?? 0;
    expect(last).toBeGreaterThan(60_000);
    expect(last).toBeLessThanOrEqual(67_000);
  });

  it('is waited for as long as maxRetries allows, if that is longer', () => {
    const heard = trial(
      times(1000, () => slotActive(10)),
      { maxRetries: 8, initialDelay: 1000, maxDelay: 1000 },
    );
    clock.advance(600_000);
    expect([heard.at.length, heard.events]).toEqual([9, ['error']]);
  });

  it('is waited for only within maxRetries if wal_sender_timeout is 0 or unknown', () => {
    for (const error of [slotActive(0), new ReplicationError('SLOT_ACTIVE', 'It is active')]) {
      const heard = trial(
        times(1000, () => error),
        { maxRetries: 1, initialDelay: 100 },
      );
      clock.advance(600_000);
      expect(heard.at).toHaveLength(2);
    }
  });

  it('is waited for as long again after another error', () => {
    const active = (count: number): ServerError[] => times(count, () => slotActive(5000));
    const heard = trial([...active(4), lost(), ...active(100)], { maxRetries: 0, initialDelay: 1000, maxDelay: 1000 });
    clock.advance(600_000);
    expect([heard.at.length, heard.error]).toEqual([5, expect.objectContaining({ code: 'CONNECTION_LOST' })]);

    const retried = trial([...active(4), lost(), ...active(100)], {
      maxRetries: 5,
      initialDelay: 1000,
      maxDelay: 1000,
    });
    const begin = retried.at[0] ?? 0;
    clock.advance(600_000);
    expect(retried.at.map((at) => at - begin).at(-1)).toBe(11_000);
  });

  it('is not retried if retryable returns false', () => {
    expect(trial([slotActive(60_000)], { retryable: () => false }).events).toEqual(['error']);
  });
});

describe('attemptObserver', () => {
  it('may be a Subject, and receives neither the error nor the completion', () => {
    const attemptObserver = new Subject<ReconnectAttempt>();
    const told = record(attemptObserver);
    trial([lost(), 'foreign'], { attemptObserver });
    clock.advance(60_000);
    expect([told.events, told.values.length]).toEqual([['next'], 1]);
  });

  it('that throws is reported by RxJS, and has no effect on the stream', () => {
    jest.useFakeTimers();
    const next = jest.fn(() => {
      throw new RangeError('observer');
    });
    const { at } = trial([lost(), lost()], { attemptObserver: { next } });
    clock.advance(60_000);
    expect([at.length, next.mock.calls.length]).toEqual([3, 2]);
    expect(() => jest.runOnlyPendingTimers()).toThrow(new RangeError('observer'));
  });
});

describe('subscriptions', () => {
  it('count separately', () => {
    const attempts: number[] = [];
    const attemptObserver = { next: ({ attempt }: ReconnectAttempt) => attempts.push(attempt) };
    const source = throwError(lost).pipe(reconnect({ maxRetries: 2, scheduler: clock, attemptObserver }));
    const first = record(source);
    clock.advance(700);
    const second = record(source);
    clock.advance(60_000);
    expect([first.events, second.events]).toEqual([['error'], ['error']]);
    expect(attempts).toEqual([1, 2, 1, 2]);
  });

  it('may end while the source is being subscribed to', () => {
    const again = new Observable<number>((subscriber) => {
      subscriber.next(1);
      subscriber.error(lost());
    });
    const heard = record(again.pipe(reconnect({ scheduler: clock }), take(2)));
    expect([heard.events, clock.pending]).toEqual([['next'], 1]);
    clock.advance(60_000);
    expect([heard.events, clock.pending]).toEqual([['next', 'next', 'complete'], 0]);
  });

  it('continue after the delay', () => {
    let first = true;
    const source = defer(() => {
      const failing = first;
      first = false;
      return failing ? throwError(lost) : timer(10, clock);
    });
    const heard = record(source.pipe(reconnect({ scheduler: clock })));
    clock.advance(60_000);
    expect(heard.events).toEqual(['next', 'complete']);
  });
});

describe('without an attemptObserver', () => {
  /** The warnings of the process during this number of failed attempts. */
  function warnings(times: number, more?: ReconnectOptions): unknown[][] {
    const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    fail(times, more);
    return emitWarning.mock.calls;
  }

  function fail(times: number, more: ReconnectOptions = {}): void {
    const clock = new Clock();
    const source = throwError(() => lost());
    const { subscription } = record(
      source.pipe(reconnect({ scheduler: clock, initialDelay: 1, maxDelay: 1, ...more })),
    );
    clock.advance(times - 1);
    subscription.unsubscribe();
  }

  beforeEach(() => jest.spyOn(Math, 'random').mockReturnValue(1));
  afterEach(() => jest.restoreAllMocks());

  it('the process is warned once that attempts fail, because nothing else reports them', () => {
    expect(warnings(4)).toEqual([]);
    expect(warnings(20)).toEqual([
      [
        expect.stringMatching(/^The stream has failed 5 times.*attemptObserver.*The last error: .*It ended/),
        { type: 'ReplicationWarning', code: 'RXPG_RECONNECTING' },
      ],
    ]);
  });

  it('no warning is issued if the observer reports them', () => {
    expect(warnings(20, { attemptObserver: { next: () => undefined } })).toEqual([]);
  });
});

describe('the options of reconnect', () => {
  it.each<[option: string, values: unknown[]]>([
    ...['initialDelay', 'maxDelay', 'maxRetries'].map((option): [string, unknown[]] => [
      option,
      [-1, NaN, null, '500', 5n, {}],
    ]),
    ['initialDelay', [Infinity, 0x8000_0000]],
    ['maxDelay', [Infinity, 0x8000_0000]],
    ['retryable', [null, true, 'always', {}]],
    ['scheduler', [null, 7, {}, { schedule: true }]],
    ['attemptObserver', [null, 7, {}, () => undefined, { next: 7 }]],
    ['delay', [500]],
    ['maxAttempts', [3]],
  ])('reject %s', (option, values) => {
    for (const value of values) {
      const error = captureError(() => reconnect({ [option]: value }));
      expect(error).toBeInstanceOf(ConfigError);
      expect(error).toMatchObject({ code: 'CONFIG_INVALID', option: `reconnect.${option}` });
    }
  });

  it('are suggested for a misspelt name', () => {
    const error = captureError(() => reconnect(JSON.parse('{"maxDelays":3}') as ReconnectOptions));
    expect(error.message).toContain('Did you mean `maxDelay`?');
  });

  it('may all be missing, undefined, or at their limits', () => {
    expect(() => reconnect({ initialDelay: undefined, attemptObserver: undefined })).not.toThrow();
    expect(() => reconnect({ initialDelay: 0x7fff_ffff, maxDelay: 0x7fff_ffff, maxRetries: 0 })).not.toThrow();
    expect(() => reconnect({ initialDelay: 0, maxDelay: 0, maxRetries: Infinity })).not.toThrow();
  });
});
