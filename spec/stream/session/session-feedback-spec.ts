import { ConnectionError, ReplicationError } from '../../../lib/common/errors';
import {
  insertXid,
  buildInsert,
  buildLogicalMessage,
  buildRelation,
  buildStreamCommit,
  buildStreamStart,
  buildStreamStop,
} from '../../../lib/testing/payloads';
import { buildKeepalive, buildXlogData } from '../../../lib/testing/backend-messages';
import {
  ackAll,
  createBusySession,
  computeEnd,
  RELATION,
  createSession,
  STREAM,
  transactionFrames,
  type SessionFixture,
  stopAfter,
} from './support/fake-host';

describe('keepalives while deliveries are unacknowledged', () => {
  it('are delivered once in 100 ms, however many the server sends: the window does not count them', () => {
    const { receive, host } = createBusySession();
    const before = host.delivered.length;
    for (let i = 0; i < 1000; i++) {
      host.time += 1;
      receive(buildKeepalive(0x200n + BigInt(i)));
    }
    expect(host.delivered.length - before).toBe(10);
  });

  it('are all delivered while nothing is unacknowledged', () => {
    const { receive, host } = createSession();
    receive(...Array.from({ length: 50 }, (_, i) => buildKeepalive(0x80n + BigInt(i))));
    expect(host.delivered).toHaveLength(50);
  });

  it('are not lost: the last one is delivered, and counts, once everything is acknowledged', () => {
    const { session, receive, host } = createBusySession();
    receive(buildKeepalive(0x200n), buildKeepalive(0x300n), buildKeepalive(0x400n));
    expect(host.delivered.at(-1)).toMatchObject({ walEnd: 0x200n });
    ackAll(host);
    session.read();
    expect(host.delivered.at(-1)).toMatchObject({ walEnd: 0x400n });
    host.time += 10;
    session.report();
    expect(host.statuses.at(-1)).toMatchObject({ flushed: 0x400n });
  });

  it('are not lost otherwise either: the next tick delivers the last one', () => {
    const { session, receive, host } = createBusySession();
    receive(buildKeepalive(0x200n), buildKeepalive(0x300n));
    host.time += 1000;
    session.tick(1000);
    session.read();
    expect(host.delivered.at(-1)).toMatchObject({ walEnd: 0x300n });
  });
});

describe('an acknowledgement', () => {
  it('is sent immediately if the receive buffer is empty', () => {
    const { host } = createBusySession();
    ackAll(host);
    expect(host.statuses.at(-1)).toMatchObject({ written: computeEnd(0x100n), flushed: computeEnd(0x100n), at: 1000 });
  });

  it('within 5 ms of the last report is delayed, and sent together with others', () => {
    const { receive, host, pass } = createSession();
    receive(RELATION, ...transactionFrames(0x100n), ...transactionFrames(0x200n), ...transactionFrames(0x300n));
    const before = host.statuses.length;
    host.time += 100;
    for (const message of host.delivered.slice(0, 4)) message.ack();
    host.time += 2;
    for (const message of host.delivered.slice(4, 7)) message.ack();
    expect([host.statuses.length, host.reportsAskedFor]).toEqual([before + 1, [3]]);
    host.time += 1;
    for (const message of host.delivered.slice(7)) message.ack();
    expect([host.statuses.length, host.reportsAskedFor]).toEqual([before + 1, [3]]);
    pass(2);
    expect(host.statuses.slice(before)).toMatchObject([
      { flushed: computeEnd(0x100n), at: 100 },
      { flushed: computeEnd(0x300n), at: 105 },
    ]);
    pass(5);
    expect(host.statuses).toHaveLength(before + 2);
  });

  it('of a backlog is sent once, when the backlog has been read', () => {
    const { receive, host } = createSession();
    host.onDeliver = ({ ack }) => ack();
    receive(RELATION, ...transactionFrames(0x100n), ...transactionFrames(0x200n), ...transactionFrames(0x300n));
    expect(host.statuses).toMatchObject([{ written: computeEnd(0x300n), flushed: computeEnd(0x300n) }]);
  });

  it('of a change alone sends nothing, because it confirms nothing', () => {
    const { host } = createBusySession();
    const before = host.sent.length;
    host.delivered.find(({ kind }) => kind === 'insert')?.ack();
    expect(host.sent).toHaveLength(before);
  });

  it('sends the received position as written, and the confirmed one as flushed and applied', () => {
    const { receive, host, pass } = createBusySession();
    ackAll(host);
    receive(...transactionFrames(0x200n));
    pass(5);
    receive(buildKeepalive(0x400n, true));
    pass(100);
    const done = computeEnd(0x100n);
    expect(host.statuses.at(-1)).toMatchObject({ written: 0x400n, flushed: done, applied: done });
    expect(host.reports.at(-1)).toEqual({
      receivedLsn: 0x400n,
      confirmedLsn: done,
      unackedMessages: 2,
      unackedBytes: expect.any(Number),
      paused: false,
    });
  });

  it('of a logical message confirms only its own position, which then counts as received', () => {
    const { receive, host } = createSession();
    receive(buildXlogData(buildLogicalMessage({ transactional: false, lsn: 0x180n })));
    host.time = 1000;
    ackAll(host);
    expect(host.statuses.at(-1)).toMatchObject({ written: 0x180n, flushed: 0x180n });
  });
});

describe('a keepalive', () => {
  it('is confirmed once everything before it is done', () => {
    const { receive, host } = createBusySession();
    receive(buildKeepalive(0x900n));
    ackAll(host);
    expect(host.statuses.at(-1)).toMatchObject({ written: 0x900n, flushed: 0x900n });
  });

  it('in an idle stream is confirmed without a request', () => {
    const { receive, host } = createSession();
    receive(buildKeepalive(0x900n));
    expect(host.statuses).toMatchObject([{ written: 0x900n, flushed: 0x900n }]);
  });

  it('within a transaction confirms nothing before its end', () => {
    const { receive, host } = createSession();
    host.onDeliver = ({ ack }) => ack();
    const [first, ...rest] = transactionFrames(0x100n, 2);
    receive(RELATION, first!, buildKeepalive(0x900n, true));
    host.time = 1000;
    receive(...rest.slice(0, 2), buildKeepalive(0x980n, true));
    expect(host.statuses.map(({ flushed }) => flushed)).toEqual([0n, 0n]);
    host.time = 2000;
    receive(...rest.slice(2));
    expect(host.statuses.at(-1)).toMatchObject({ flushed: 0x980n });
  });

  it('that requests a reply gets it when the receive buffer is empty, including later data', () => {
    const { receive, host } = createSession();
    receive(buildKeepalive(0x80n, true), RELATION, ...transactionFrames(0x100n));
    expect(host.statuses).toMatchObject([{ written: computeEnd(0x100n), flushed: 0x80n }]);
  });

  it('that requests a reply gets it while the window is full', () => {
    const { receive, host } = createSession({ window: { messages: 2, bytes: 1_000_000 } });
    receive(RELATION, ...transactionFrames(0x100n).slice(0, 2));
    host.time = 1000;
    receive(buildKeepalive(0x80n, true), ...transactionFrames(0x100n).slice(2), buildKeepalive(0x200n, true));
    expect(host.paused).toBe(true);
    expect(host.statuses.at(-1)).toMatchObject({ flushed: 0n, at: 1000 });
  });

  it('that requests a reply without a new position gets one per 100 ms', () => {
    const { receive, host, pass } = createSession();
    receive(buildKeepalive(0x80n, true));
    for (let i = 0; i < 300; i++) {
      pass(1);
      receive(buildKeepalive(0x80n, true));
    }
    expect(host.statuses.map(({ at }) => at)).toEqual([0, 100, 200, 300]);
  });

  it('that requests a reply with a new position gets it within 5 ms', () => {
    const { receive, host, pass } = createBusySession();
    receive(buildKeepalive(0x800n, true));
    receive(buildKeepalive(0x900n, true));
    expect(host.reportsAskedFor).toEqual([5]);
    pass(5);
    expect(host.statuses.slice(-2)).toMatchObject([
      { written: 0x800n, flushed: 0n, at: 1000 },
      { written: 0x900n, flushed: 0n, at: 1005 },
    ]);
  });

  it('gets its reply from the update of the interval, if that is sent first', () => {
    const { session, receive, host, pass } = createSession();
    receive(buildKeepalive(0x80n, true));
    pass(50);
    receive(buildKeepalive(0x80n, true));
    session.tick(50);
    pass(100);
    expect(host.statuses.map(({ at }) => at)).toEqual([0, 50]);
  });

  it('with a lower position does not change the received position, while deliveries are unacknowledged', () => {
    const { receive, host, pass } = createSession();
    receive(RELATION, ...transactionFrames(0x100n), buildKeepalive(0x900n));
    for (const frames of [
      [buildKeepalive(0x500n, true)],
      [...transactionFrames(0x200n), buildKeepalive(0x300n, true)],
    ]) {
      pass(1000);
      receive(...frames);
      expect(host.statuses.at(-1)).toMatchObject({ written: 0x900n, flushed: 0n, at: host.time });
    }
  });

  it('with a lower position does not lower the confirmed one', () => {
    const { receive, host, pass } = createSession();
    for (const walEnd of [0x900n, 0x500n, 0x700n]) {
      receive(buildKeepalive(walEnd, true));
      pass(1000);
    }
    expect(host.statuses.length).toBeGreaterThanOrEqual(3);
    for (const status of host.statuses) expect(status).toMatchObject({ written: 0x900n, flushed: 0x900n });
  });

  it('is never answered with a request', () => {
    const { session, receive, host, pass } = createSession({ livenessTimeout: 1000 });
    for (let i = 0n; i < 50n; i++) {
      receive(buildKeepalive(i, true));
      pass(60);
      session.tick(60);
    }
    expect(host.statuses.length).toBeGreaterThan(50);
    expect(host.statuses.filter(({ asks }) => asks)).toEqual([]);
  });
});

describe('a slot that is ahead of the stream', () => {
  it('is not moved back: nothing before its position is confirmed', () => {
    const { receive, host, pass } = createSession({ slotLsn: 0x200n });
    host.onDeliver = ({ ack }) => ack();
    const flushedAfter = (...frames: Buffer[]): bigint | undefined => {
      receive(...frames);
      pass(1000);
      receive(buildKeepalive(0x10n, true));
      pass(1000);
      return host.statuses.at(-1)?.flushed;
    };
    expect(flushedAfter(RELATION, ...transactionFrames(0x100n))).toBe(0n);
    expect(flushedAfter(buildKeepalive(0x1ffn))).toBe(0n);
    expect(flushedAfter(buildKeepalive(0x200n))).toBe(0x200n);
    expect(flushedAfter(...transactionFrames(0x300n))).toBe(computeEnd(0x300n));
  });
});

describe('without confirmation', () => {
  it('no flush position is ever sent', () => {
    const { session, receive, host, pass } = createSession({ confirm: false });
    host.onDeliver = ({ ack }) => ack();
    for (const bytes of STREAM) {
      receive(bytes);
      pass(200);
      session.tick(200);
    }
    session.close();
    expect(host.statuses.map(({ flushed, applied }) => [flushed, applied])).toEqual(host.statuses.map(() => [0n, 0n]));
    expect(host.statuses.at(-1)?.written).toBe(0x300n);
  });

  it.each(['keepalive', 'commit'])('a stop after a %s sends no flush position', (kind) => {
    const { receive, host } = createSession({ confirm: false });
    host.onDeliver = (message) => {
      if (message.kind === kind) stopAfter(message, 0x120n);
      return true;
    };
    receive(RELATION, ...transactionFrames(0x100n), buildKeepalive(0x300n));
    expect(host.sent).toContainEqual({ kind: 'copyDone' });
    expect(host.statuses.map(({ flushed }) => flushed)).toEqual(host.statuses.map(() => 0n));
  });
});

describe('the interval', () => {
  it.each<[when: string, fixture: () => SessionFixture]>([
    ['nothing happens', () => createSession()],
    ['work is running', () => createBusySession()],
    ['the window is full', () => createBusySession({ window: { messages: 1, bytes: 1 } })],
    [
      'the stream drains',
      () => {
        const fixture = createBusySession();
        fixture.session.stop();
        return fixture;
      },
    ],
  ])('sends a status update while %s', (_, fixture) => {
    const { session, host } = fixture();
    const before = host.statuses.length;
    for (let i = 0; i < 3; i++) session.tick(10_000);
    expect(host.statuses).toHaveLength(before + 3);
  });

  it('sends nothing once the session closes', () => {
    const { session, host, pass } = createBusySession();
    session.release();
    const before = host.sent.length;
    session.tick(10_000);
    pass(10_000);
    expect(host.sent).toHaveLength(before);
  });
});

describe('liveness', () => {
  it('requests a reply after half the timeout, and fails after all of it', () => {
    const { session, host } = createSession({ livenessTimeout: 1000 });
    for (let i = 0; i < 3; i++) session.tick(250);
    expect(host.statuses.map(({ asks }) => asks)).toEqual([false, true, true]);
    expect(host.outcome).toBeUndefined();
    session.tick(250);
    expect(host.outcome?.error).toBeInstanceOf(ConnectionError);
    expect(host.outcome?.error).toMatchObject({ code: 'LIVENESS_TIMEOUT', retryable: true });
  });

  it('restarts with any byte', () => {
    const { session, receive, host } = createSession({ livenessTimeout: 1000 });
    for (const byte of buildKeepalive(1n)) {
      session.tick(900);
      receive(Buffer.of(byte));
    }
    expect(host.outcome).toBeUndefined();
  });

  it('never fails without a timeout', () => {
    const { session, host } = createSession({ livenessTimeout: 0 });
    for (let i = 0; i < 100; i++) session.tick(100_000);
    expect(host.outcome).toBeUndefined();
    expect(host.statuses.filter(({ asks }) => asks)).toEqual([]);
  });

  it.each<[when: string, setUp: (fixture: SessionFixture) => void]>([
    ['the window is full', ({ receive }) => receive(RELATION, ...transactionFrames(0x100n, 5))],
    [
      'a slow handler has made it give way',
      ({ receive, host }) => {
        host.onDeliver = () => {
          host.time += 50;
          return true;
        };
        receive(RELATION, RELATION);
      },
    ],
    [
      'the stream drains',
      ({ receive, session }) => {
        receive(RELATION, ...transactionFrames(0x100n, 1).slice(0, 2));
        session.stop();
      },
    ],
  ])('is suspended while reading is paused because %s', (_, setUp) => {
    const fixture = createSession({ livenessTimeout: 1000, window: { messages: 2, bytes: 1_000_000 } });
    setUp(fixture);
    const { session, host } = fixture;
    for (let i = 0; i < 10; i++) session.tick(900);
    expect(host.outcome).toBeUndefined();
    expect(host.statuses.filter(({ asks }) => asks)).toEqual([]);
  });

  it('restarts when reading resumes', () => {
    const { session, receive, host } = createSession({
      livenessTimeout: 1000,
      window: { messages: 2, bytes: 1_000_000 },
    });
    receive(RELATION, ...transactionFrames(0x100n, 1));
    for (let i = 0; i < 4; i++) session.tick(900);
    ackAll(host);
    session.read();
    session.tick(900);
    expect(host.outcome).toBeUndefined();
    session.tick(100);
    expect(host.outcome?.error).toMatchObject({ code: 'LIVENESS_TIMEOUT' });
  });
});

describe('a delivery that holds back the slot', () => {
  it('causes one warning after a minute, with what is missing', () => {
    const { session, receive, host } = createSession();
    receive(RELATION, ...transactionFrames(0x100n, 12));
    host.delivered.at(-1)?.ack();
    for (let i = 0; i < 6; i++) session.tick(10_000);
    expect(host.warnings).toEqual([]);
    for (let i = 0; i < 100; i++) session.tick(10_000);
    expect(host.warnings).toEqual([
      expect.stringMatching(
        /^The slot has not moved for 60 s: commit acknowledged, 12 changes not\. .*ack\(\).*ackAfter.*ofTable/,
      ),
    ]);
    expect(host.outcome).toBeUndefined();
  });

  describe('before the first acknowledgement', () => {
    const full = { messages: 4, bytes: 1_000_000 };

    it('causes one warning, soon after the window is full', () => {
      const { session, receive, host, pass } = createSession({ window: full });
      receive(RELATION, ...transactionFrames(0x100n, 12));
      expect(host.warnings).toEqual([]);
      pass(host.reportsAskedFor.at(-1) ?? 0);
      expect(host.time).toBeLessThanOrEqual(1000);
      expect(host.warnings).toEqual([
        expect.stringMatching(
          /^The window is full \(4 messages, \d+ bytes\), and nothing was ever acknowledged.* 4 changes not acknowledged.*ack\(\).*ackAfter.*ofTable/,
        ),
      ]);
      for (let i = 0; i < 100; i++) session.tick(10_000);
      expect(host.warnings).toHaveLength(1);
    });

    it.each<[what: string, prevent: (fixture: SessionFixture) => void]>([
      ['the first acknowledgement arrives in time', ({ host }) => host.delivered.at(-1)?.ack()],
      ['an operator has received it', ({ session }) => session.expectAcks()],
      ['the subscription ends', ({ session }) => session.release()],
    ])('causes no warning if %s', (_, prevent) => {
      const fixture = createSession({ window: full });
      const { host, receive, pass } = fixture;
      receive(RELATION, ...transactionFrames(0x100n, 12));
      pass(900);
      prevent(fixture);
      for (let i = 0; i < 10; i++) pass(1000);
      expect(host.warnings).toEqual([]);
    });

    it('causes no warning while the window is not full', () => {
      const { receive, host, pass } = createSession({ window: { messages: 100, bytes: 1_000_000 } });
      receive(RELATION, ...transactionFrames(0x100n, 12));
      for (let i = 0; i < 10; i++) pass(1000);
      expect(host.warnings).toEqual([]);
    });

    it('causes a warning after a minute, too, once something was acknowledged', () => {
      const { session, receive, host, pass } = createSession({ window: full });
      receive(RELATION, ...transactionFrames(0x100n, 12));
      pass(1000);
      host.delivered.at(-1)?.ack();
      for (let i = 0; i < 10; i++) session.tick(10_000);
      expect(host.warnings).toHaveLength(2);
    });
  });

  it('causes no warning while transactions are acknowledged in order', () => {
    const { session, receive, host } = createSession();
    receive(RELATION);
    for (let i = 0; i < 20; i++) {
      ackAll(host);
      receive(...transactionFrames(BigInt(0x100 * (i + 1))));
      session.tick(50_000);
    }
    expect(host.warnings).toEqual([]);
  });

  it('is not detected in a large transaction whose changes are acknowledged in order', () => {
    const { session, receive, host } = createSession({ ackTimeout: 5000 });
    const [first, ...rest] = transactionFrames(0x100n, 100);
    receive(RELATION, first!);
    for (const bytes of rest) {
      receive(bytes);
      session.tick(4000);
      host.delivered.at(-2)?.ack();
    }
    expect([host.outcome, host.warnings]).toEqual([undefined, []]);
  });

  it('is detected in a large transaction even if later changes are acknowledged', () => {
    const { session, receive, host } = createSession({ ackTimeout: 5000 });
    receive(RELATION, ...transactionFrames(0x100n, 5).slice(0, -1));
    for (const message of host.delivered.slice(3)) {
      session.tick(4000);
      message.ack();
    }
    expect(host.outcome?.error).toMatchObject({ code: 'ACK_TIMEOUT' });
  });

  it('is detected in a block that fills the window, so that nothing after it can be read', () => {
    const { session, receive, host } = createSession({ ackTimeout: 5000, window: { messages: 2, bytes: 1_000_000 } });
    const changes = [1, 2, 3].map((id) => insertXid(700, buildInsert([String(id), 'x'])));
    const payloads = [
      buildStreamStart({ xid: 700 }),
      insertXid(700, buildRelation()),
      ...changes,
      buildStreamStop(),
      buildStreamCommit(),
    ];
    receive(...payloads.map((payload) => buildXlogData(payload)));
    expect(host.delivered.map(({ kind }) => kind)).toEqual(['streamStart', 'relation', 'insert', 'insert']);
    for (let i = 0; i < 6; i++) session.tick(1000);
    expect(host.outcome?.error).toMatchObject({ code: 'ACK_TIMEOUT' });
    expect(host.outcome?.error?.message).toContain('2 changes not acknowledged, of a transaction whose commit');
  });

  it('is an error with ackTimeout', () => {
    const { session, host } = createBusySession({ ackTimeout: 5000 });
    for (let i = 0; i < 5; i++) session.tick(1000);
    expect(host.outcome).toBeUndefined();
    session.tick(1000);
    expect(host.outcome?.error).toBeInstanceOf(ReplicationError);
    expect(host.outcome?.error).toMatchObject({ code: 'ACK_TIMEOUT', retryable: false });
    expect(host.outcome?.error?.message).toContain('commit and 1 change not acknowledged');
    expect(ackAll(host).at(-1)).toBe(false);
  });

  it('is an error with ackTimeout while the stream drains, too', () => {
    const { session, host } = createBusySession({ ackTimeout: 5000 });
    session.stop();
    for (let i = 0; i < 6; i++) session.tick(1000);
    expect(host.outcome?.error).toMatchObject({ code: 'ACK_TIMEOUT' });
  });
});
