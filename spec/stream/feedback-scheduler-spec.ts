import { Observable, timer, type OperatorFunction } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import type { PgoutputConfig } from '../../lib/config/stream-config';
import { ReplicationError } from '../../lib/common/errors';
import { FeedbackScheduler } from '../../lib/stream/feedback-scheduler';
import { formatLsn } from '../../lib/common/lsn';
import { ackAfter } from '../../lib/operators/ack-after/ack-after';
import { stopAtLsn } from '../../lib/operators/stop-at-lsn';
import { transactions } from '../../lib/operators/transactions/transactions';
import type { ReplicationMessage } from '../../lib/pgoutput/messages/messages';
import { Clock } from '../support/clock';
import { FakeBackend, transaction } from '../support/fake-backend';
import { record, streaming } from '../support/streaming';

function tx(n: number, rows = 1) {
  return transaction({ commitLsn: BigInt(n) * 0x100n, xid: n, rows });
}

const code = (error: unknown) => (error instanceof ReplicationError ? error.code : error);

describe('FeedbackScheduler', () => {
  function beats(
    scheduler: TestScheduler,
    period: number,
    drive: (feedback: FeedbackScheduler) => void = () => undefined,
  ) {
    return new Observable<string>((subscriber) => {
      const feedback = new FeedbackScheduler(scheduler, period, {
        tick: (ms) => subscriber.next(`tick ${ms}`),
        report: () => subscriber.next('report'),
      });
      drive(feedback);
      return () => feedback.stop();
    });
  }

  function run(spec: (scheduler: TestScheduler, expects: TestScheduler['expectObservable']) => void): void {
    const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
    scheduler.run(({ expectObservable }) => spec(scheduler, expectObservable));
  }

  const values = { t: 'tick 10', r: 'report' };

  it('ticks on its interval until it is stopped', () => {
    run((scheduler, expectObservable) => {
      expectObservable(beats(scheduler, 10), '45ms !').toBe('10ms t 9ms t 9ms t 9ms t', values);
    });
  });

  it('reports once after this number of ms, however often it was requested in the meantime', () => {
    run((scheduler, expectObservable) => {
      const drive = (feedback: FeedbackScheduler): void => {
        feedback.scheduleReport(5);
        feedback.scheduleReport(5);
        scheduler.schedule(() => feedback.scheduleReport(1), 4);
        scheduler.schedule(() => feedback.scheduleReport(2), 6);
      };
      expectObservable(beats(scheduler, 10, drive), '15ms !').toBe('5ms r 2ms r 1ms t', values);
    });
  });

  it('reports when the nearest request is due: a delayed response does not delay a confirmation', () => {
    run((scheduler, expectObservable) => {
      const drive = (feedback: FeedbackScheduler): void => {
        feedback.scheduleReport(8);
        feedback.scheduleReport(2);
        feedback.scheduleReport(6);
      };
      expectObservable(beats(scheduler, 10, drive), '11ms !').toBe('2ms r 7ms t', values);
    });
  });

  it('does neither after it was stopped, and does not start again', () => {
    run((scheduler, expectObservable) => {
      const drive = (feedback: FeedbackScheduler): void => {
        feedback.scheduleReport(5);
        scheduler.schedule(() => feedback.stop(), 3);
        scheduler.schedule(() => feedback.scheduleReport(1), 4);
      };
      expectObservable(beats(scheduler, 10, drive), '100ms !').toBe('', values);
    });
  });

  it('accepts no request for a report after it was stopped', () => {
    run((scheduler, expectObservable) => {
      const drive = (feedback: FeedbackScheduler): void => {
        feedback.stop();
        feedback.scheduleReport(1);
      };
      expectObservable(beats(scheduler, 10, drive), '100ms !').toBe('', values);
    });
  });

  it('may be stopped within a tick', () => {
    run((scheduler, expectObservable) => {
      const stopped = new Observable<string>((subscriber) => {
        const feedback = new FeedbackScheduler(scheduler, 10, {
          tick: () => {
            feedback.stop();
            subscriber.next('tick 10');
          },
          report: () => undefined,
        });
      });
      expectObservable(stopped).toBe('10ms t', values);
    });
  });
});

describe('status updates in virtual time', () => {
  /** The position that each status update confirms, when it is sent. */
  function statuses(
    server: FakeBackend,
    config: Partial<PgoutputConfig> = {},
    below: OperatorFunction<ReplicationMessage, unknown> = (source) => source,
  ): Observable<string> {
    return new Observable((subscriber) => {
      const statusObserver = {
        next: ({ confirmedLsn }: { confirmedLsn: bigint }) => subscriber.next(formatLsn(confirmedLsn)),
      };
      return streaming(server, { ...config, statusObserver })
        .pipe(below)
        .subscribe({ error: (error) => subscriber.error(error), complete: () => subscriber.complete() });
    });
  }

  const values = { a: '0/0', b: '0/130', c: '0/230' };

  /** @returns the server after the virtual time */
  function run(
    spec: (
      server: FakeBackend,
      expects: TestScheduler['expectObservable'],
      at: (ms: number, what: () => void) => void,
    ) => void,
  ): FakeBackend {
    const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
    const server = new FakeBackend(scheduler);
    scheduler.run(({ expectObservable }) =>
      spec(server, expectObservable, (ms, what) => void scheduler.schedule(what, ms)),
    );
    return server;
  }

  it('are sent at the status interval', () => {
    const server = run((server, expectObservable) => {
      expectObservable(statuses(server), '35s !').toBe('a 9999ms a 9999ms a 9999ms a', values);
    });
    // The last one is sent when the session closes; nothing follows.
    expect(server.last.statuses.map(({ at }) => at)).toEqual([0, 10_000, 20_000, 30_000, 35_000]);
    expect(server.last.statuses.every(({ replyRequested }) => !replyRequested)).toBe(true);
  });

  it('are sent every third of wal_sender_timeout, if that is less', () => {
    run((server, expectObservable) => {
      server.walSenderTimeout = 6000;
      expectObservable(statuses(server), '7s !').toBe('a 1999ms a 1999ms a 1999ms a', values);
    });
  });

  it('are sent at the status interval if the server has no timeout', () => {
    run((server, expectObservable) => {
      server.walSenderTimeout = 0;
      expectObservable(statuses(server, { statusInterval: 3000, livenessTimeout: 0 }), '7s !').toBe(
        'a 2999ms a 2999ms a',
        values,
      );
    });
  });

  it('are sent while reading is paused by a full window', () => {
    const server = run((server, expectObservable, at) => {
      at(1000, () => server.commit(tx(1, 3), tx(2)));
      expectObservable(statuses(server, { maxUnacked: 2 }), '35s !').toBe('a 9999ms a 9999ms a 9999ms a', values);
    });
    expect(server.last.paused).toBe(false);
  });

  it('are sent while a handler is busy, and its acknowledgements within some milliseconds', () => {
    run((server, expectObservable, at) => {
      at(1000, () => server.commit(tx(1)));
      const work: OperatorFunction<ReplicationMessage, unknown> = (source) =>
        source.pipe(
          transactions(),
          ackAfter(() => timer(24_000)),
        );
      expectObservable(statuses(server, {}, work), '35s !').toBe('a 9999ms a 9999ms a 4999ms b 4999ms b', values);
    });
  });
});

describe('status updates', () => {
  let clock: Clock;
  let server: FakeBackend;

  beforeEach(() => {
    clock = new Clock();
    server = new FakeBackend(clock);
  });

  function open(config: Partial<PgoutputConfig> = {}, next?: (message: ReplicationMessage) => void) {
    const heard = record(streaming(server, config), next);
    clock.advance();
    clock.advance(1000);
    server.last.statuses.length = 0;
    return heard;
  }

  it('reply to a keepalive that requests it, immediately if there is a new position', () => {
    const { subscription } = open();
    server.last.keepalive(0x900n, true);
    expect(server.last.statuses).toEqual([
      { at: 1000, written: 0x900n, flushed: 0x900n, applied: 0x900n, replyRequested: false },
    ]);
    subscription.unsubscribe();
  });

  it('report what was received while work is running, and confirm the keepalive once that is done', () => {
    const { values, subscription } = open();
    server.commit(tx(1));
    server.last.keepalive(0x900n, true);
    expect(server.last.statuses).toMatchObject([{ written: 0x900n, flushed: 0n }]);
    for (const message of values) message.ack();
    clock.advance(5);
    expect(server.last.flushed).toEqual([0n, 0x900n]);
    subscription.unsubscribe();
  });

  it('are rate-limited if a server immediately requests the next reply', () => {
    const { subscription } = open();
    server.last.keepalive(0x900n, true);
    for (let i = 0; i < 1000; i++) {
      clock.advance(1);
      server.last.keepalive(0x900n, true);
    }
    expect(server.last.statuses.length).toBeLessThanOrEqual(12);
    expect(server.last.statuses.length).toBeGreaterThanOrEqual(10);
    expect(server.last.statuses.some(({ replyRequested }) => replyRequested)).toBe(false);
    subscription.unsubscribe();
  });

  it('advance a quiet slot with keepalives that request no reply', () => {
    const { subscription } = open();
    server.last.keepalive(0x900n);
    clock.advance(10);
    expect(server.slot().confirmed).toBe(0x900n);
    subscription.unsubscribe();
  });

  it('confirm a burst of messages with one update, when the receive buffer is empty', () => {
    const { subscription } = open({}, (message) => message.ack());
    server.commit(...Array.from({ length: 100 }, (_, i) => tx(i + 1)));
    expect(server.last.flushed).toEqual([0x6430n]);
    subscription.unsubscribe();
  });

  it('coalesce confirmations in quick succession', () => {
    const { subscription } = open({}, (message) => message.ack());
    for (let n = 1; n <= 50; n++) {
      server.commit(tx(n));
      clock.advance(1);
    }
    clock.advance(4);
    const { statuses } = server.last;
    expect(statuses.length).toBeLessThanOrEqual(11);
    expect(statuses.at(-1)?.flushed).toBe(0x3230n);
    statuses.slice(1).forEach((status, i) => expect(status.at - statuses[i]!.at).toBeGreaterThanOrEqual(5));
    subscription.unsubscribe();
  });

  it('never go back when a keepalive does', () => {
    const { subscription } = open({}, (message) => message.ack());
    server.last.keepalive(0x900n, true);
    clock.advance(10);
    server.last.keepalive(0x100n, true);
    clock.advance(20_000);
    expect(new Set(server.last.flushed)).toEqual(new Set([0x900n]));
    subscription.unsubscribe();
  });

  it('confirm nothing twice, nor +1, nor the commit LSN', () => {
    const { values, subscription } = open();
    server.commit(tx(1), tx(2));
    const [, , insert, commit] = values;
    expect(insert?.ack()).toBe(true);
    expect(insert?.ack()).toBe(true);
    clock.advance(10);
    expect(server.last.statuses).toEqual([]);
    expect(commit?.ack()).toBe(true);
    clock.advance(10);
    expect(server.last.flushed).toEqual([0x130n]);
    subscription.unsubscribe();
  });
});

describe('the window', () => {
  it('stops decoding at its limit, pauses the socket, and resumes at half', () => {
    const clock = new Clock();
    const server = new FakeBackend(clock);
    const { values, subscription } = record(streaming(server, { maxUnacked: 4 }).pipe(transactions()));
    clock.advance();
    server.commit(...[1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((n) => tx(n, 10)));
    expect(values).toHaveLength(4);
    expect(server.last.paused).toBe(true);
    values[0]?.ack();
    clock.advance(10);
    expect(values).toHaveLength(4);
    values[3]?.ack();
    clock.advance(10);
    expect(values).toHaveLength(6);
    // More data arrives in the meantime.
    for (const transaction of values) {
      transaction.ack();
      clock.advance(1);
    }
    expect(values).toHaveLength(10);
    expect(server.last.paused).toBe(false);
    clock.advance(5);
    expect(server.slot().confirmed).toBe(0xa30n);
    subscription.unsubscribe();
  });

  it('is limited by bytes, too, and allows a single transaction to exceed it', () => {
    const clock = new Clock();
    const server = new FakeBackend(clock);
    const { values, subscription } = record(streaming(server, { maxUnackedBytes: 1000 }).pipe(transactions()));
    clock.advance();
    server.commit(tx(1, 100), tx(2, 100));
    expect(values.map(({ size }) => size)).toEqual([100]);
    values[0]?.ack();
    clock.advance(10);
    expect(values.map(({ size }) => size)).toEqual([100, 100]);
    subscription.unsubscribe();
  });
});

describe('the watchdogs', () => {
  let clock: Clock;
  let server: FakeBackend;
  let warned: jest.SpyInstance;

  beforeEach(() => {
    clock = new Clock();
    server = new FakeBackend(clock);
    warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  });

  afterEach(() => {
    warned.mockRestore();
  });

  function open(config: Partial<PgoutputConfig> = {}, next?: (message: ReplicationMessage) => void) {
    const heard = record(streaming(server, config), next);
    clock.advance();
    return heard;
  }

  const warnings = () => warned.mock.calls.map(([text]: unknown[]) => text);

  it('warn once when the oldest unacknowledged delivery has been held up for a minute', () => {
    const { subscription } = open();
    server.commit(tx(1, 12), tx(2));
    clock.advance(59_000);
    expect(warnings()).toEqual([]);
    clock.advance(21_000);
    expect(warnings()).toEqual([
      expect.stringMatching(/^The slot has not moved for 60 s: commit and 12 changes not acknowledged\. /),
    ]);
    expect(warned.mock.calls[0]?.[1]).toMatchObject({ type: 'ReplicationWarning' });
    clock.advance(600_000);
    expect(warnings()).toHaveLength(1);
    subscription.unsubscribe();
  });

  it.each<[what: string, acknowledge: (message: ReplicationMessage) => unknown, reason: string]>([
    ['only commits', (m) => m.kind === 'commit' && m.ack(), 'commit acknowledged, 12 changes not'],
    ['only changes', (m) => m.kind === 'insert' && m.ack(), 'all changes acknowledged, their commit not'],
    [
      'all but one change',
      (m) => !(m.kind === 'insert' && m.ordinal === 5) && m.ack(),
      'commit acknowledged, 1 change not',
    ],
  ])('report that acknowledging %s confirms nothing', (_, acknowledge, reason) => {
    const { subscription } = open({}, acknowledge);
    server.commit(tx(1, 12), tx(2, 12));
    clock.advance(80_000);
    expect(new Set(server.last.flushed)).toEqual(new Set([0n]));
    expect(warnings()).toEqual([expect.stringContaining(`The slot has not moved for 60 s: ${reason}. `)]);
    subscription.unsubscribe();
  });

  it('do not warn while the oldest delivery changes, however slowly', () => {
    const { values, subscription } = open();
    server.commit(tx(1), tx(2), tx(3));
    for (const count of [4, 8, 12]) {
      clock.advance(50_000);
      for (const message of values.slice(0, count)) message.ack();
    }
    clock.advance(200_000);
    expect(warnings()).toEqual([]);
    subscription.unsubscribe();
  });

  it('do not warn of a transaction that is still being received, if none of it is left to acknowledge', () => {
    const { subscription } = open({}, (message) => message.ack());
    server.last.push(...tx(1, 5).payloads.slice(0, -1));
    clock.advance(200_000);
    expect(warnings()).toEqual([]);
    subscription.unsubscribe();
  });

  it('do not warn with confirm: false', () => {
    const heard = open({ confirm: false, ackTimeout: 1000, livenessTimeout: 0 });
    server.commit(tx(1, 5));
    clock.advance(200_000);
    expect(warnings()).toEqual([]);
    expect(heard.error).toBeUndefined();
    heard.subscription.unsubscribe();
  });

  it('warn of a transaction, and of messages that a buffer before the acknowledgement holds', () => {
    const { subscription } = record(
      streaming(server).pipe(
        transactions(),
        ackAfter(() => timer(600_000, clock)),
      ),
    );
    clock.advance();
    server.commit(tx(1));
    clock.advance(80_000);
    expect(warnings()).toEqual([
      expect.stringMatching(/^The slot has not moved for 60 s: a transaction is not acknowledged\. /),
    ]);
    subscription.unsubscribe();
  });

  it('fail with ACK_TIMEOUT after ackTimeout', () => {
    const heard = open({ ackTimeout: 1000 });
    clock.advance(60_000);
    server.commit(tx(1));
    clock.advance(999);
    expect(heard.error).toBeUndefined();
    clock.advance(1001);
    expect(code(heard.error)).toBe('ACK_TIMEOUT');
    expect(heard.error).toHaveProperty('retryable', false);
    expect(heard.error).toHaveProperty('message', expect.stringContaining('commit and 1 change not acknowledged'));
    clock.advance(10_000);
    expect(clock.pending).toBe(0);
  });

  it('apply ackTimeout while a stop waits for running work', () => {
    const drained: unknown[] = [];
    const heard = record(
      streaming(server, { ackTimeout: 1000, closeObserver: { next: ({ error }) => drained.push(code(error)) } }).pipe(
        stopAtLsn('0/130'),
      ),
    );
    clock.advance();
    server.commit(tx(1));
    clock.advance(5000);
    expect(heard.events.at(-1)).toBe('complete');
    expect(drained).toEqual(['ACK_TIMEOUT']);
    expect(clock.pending).toBe(0);
  });

  it('fail with LIVENESS_TIMEOUT when the server is silent after a requested reply', () => {
    server.walSenderTimeout = 0;
    const heard = open({ livenessTimeout: 40_000 });
    clock.advance(39_999);
    expect(server.last.statuses.map(({ replyRequested }) => replyRequested)).toEqual([false, false, true, true]);
    expect(heard.error).toBeUndefined();
    clock.advance(1);
    expect(code(heard.error)).toBe('LIVENESS_TIMEOUT');
    expect(heard.error).toHaveProperty('retryable', true);
    clock.advance(10_000);
    expect(clock.pending).toBe(0);
    expect(server.last.closed).toBe(true);
  });

  it('accept a server that replies', () => {
    server.walSenderTimeout = 0;
    const heard = open({ livenessTimeout: 40_000 });
    for (let i = 0; i < 20; i++) {
      clock.advance(30_000);
      server.last.keepalive(0x80n);
    }
    expect(heard.error).toBeUndefined();
    heard.subscription.unsubscribe();
  });

  it('allow a server one and a half times its wal_sender_timeout, plus a second', () => {
    const heard = open({ livenessTimeout: 1000 });
    clock.advance(91_000);
    expect(heard.error).toBeUndefined();
    clock.advance(20_000);
    expect(code(heard.error)).toBe('LIVENESS_TIMEOUT');
    expect(heard.error).toHaveProperty('message', expect.stringContaining('91000 ms'));
  });

  it('never fail with livenessTimeout 0', () => {
    const heard = open({ livenessTimeout: 0 });
    clock.advance(3_600_000);
    expect(heard.error).toBeUndefined();
    expect(server.last.statuses.some(({ replyRequested }) => replyRequested)).toBe(false);
    heard.subscription.unsubscribe();
  });

  it('are suspended while the window is full, and restart after that', () => {
    server.walSenderTimeout = 0;
    const heard = open({ livenessTimeout: 40_000, maxUnacked: 1 });
    server.commit(tx(1));
    clock.advance(600_000);
    expect(heard.error).toBeUndefined();
    for (let i = 0; i < heard.values.length || i < 10; i++) {
      heard.values[i]?.ack();
      clock.advance(1);
    }
    clock.advance(30_000);
    expect(heard.error).toBeUndefined();
    clock.advance(20_000);
    expect(code(heard.error)).toBe('LIVENESS_TIMEOUT');
  });

  it('measure from the last byte, even if it arrived at the end of an interval', () => {
    server.walSenderTimeout = 0;
    const heard = open({ livenessTimeout: 40_000 });
    clock.advance(9999);
    server.last.keepalive(0x80n);
    clock.advance(40_000);
    expect(heard.error).toBeUndefined();
    clock.advance(10_000);
    expect(code(heard.error)).toBe('LIVENESS_TIMEOUT');
  });
});
