import { ConnectionError, ReplicationError } from '../../../lib/common/errors';
import {
  inBlock,
  insert,
  logicalMessage,
  relation,
  streamCommit,
  streamStart,
  streamStop,
} from '../../../lib/testing/payloads';
import { keepalive, xlogData } from '../../../lib/testing/backend-messages';
import {
  ackAll,
  busy,
  endOf,
  RELATION,
  sessionOf,
  STREAM,
  transactionFrames,
  type SessionFixture,
  stopAfter,
} from './support/fake-host';

describe('keepalives while work is in hand', () => {
  it('come one in 100 ms, however many the server sends: the window does not count them', () => {
    const { receive, host } = busy();
    const before = host.delivered.length;
    for (let i = 0; i < 1000; i++) {
      host.time += 1;
      receive(keepalive(0x200n + BigInt(i)));
    }
    expect(host.delivered.length - before).toBe(10);
  });

  it('come all while nothing is outstanding', () => {
    const { receive, host } = sessionOf();
    receive(...Array.from({ length: 50 }, (_, i) => keepalive(0x80n + BigInt(i))));
    expect(host.delivered).toHaveLength(50);
  });

  it('are not lost: the last one comes, and counts, once the work is done', () => {
    const { session, receive, host } = busy();
    receive(keepalive(0x200n), keepalive(0x300n), keepalive(0x400n));
    expect(host.delivered.at(-1)).toMatchObject({ walEnd: 0x200n });
    ackAll(host);
    session.pump();
    expect(host.delivered.at(-1)).toMatchObject({ walEnd: 0x400n });
    host.time += 10;
    session.report();
    expect(host.statuses.at(-1)).toMatchObject({ flushed: 0x400n });
  });

  it('are not lost either where the work goes on: the next tick brings the last one', () => {
    const { session, receive, host } = busy();
    receive(keepalive(0x200n), keepalive(0x300n));
    host.time += 1000;
    session.tick(1000);
    session.pump();
    expect(host.delivered.at(-1)).toMatchObject({ walEnd: 0x300n });
  });
});

describe('an acknowledgement', () => {
  it('goes out at once when the receive buffer is empty', () => {
    const { host } = busy();
    ackAll(host);
    expect(host.statuses.at(-1)).toMatchObject({ written: endOf(0x100n), flushed: endOf(0x100n), at: 1000 });
  });

  it('within 5 ms of the last report waits for the rest of them, and takes others along', () => {
    const { receive, host, pass } = sessionOf();
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
      { flushed: endOf(0x100n), at: 100 },
      { flushed: endOf(0x300n), at: 105 },
    ]);
    pass(5);
    expect(host.statuses).toHaveLength(before + 2);
  });

  it('of a backlog goes out once, when the backlog has been read', () => {
    const { receive, host } = sessionOf();
    host.onDeliver = ({ ack }) => ack();
    receive(RELATION, ...transactionFrames(0x100n), ...transactionFrames(0x200n), ...transactionFrames(0x300n));
    expect(host.statuses).toMatchObject([{ written: endOf(0x300n), flushed: endOf(0x300n) }]);
  });

  it('of a change alone sends nothing, as nothing is confirmed by it', () => {
    const { host } = busy();
    const before = host.sent.length;
    host.delivered.find(({ kind }) => kind === 'insert')?.ack();
    expect(host.sent).toHaveLength(before);
  });

  it('reports written as received, and flushed and applied as confirmed', () => {
    const { receive, host, pass } = busy();
    ackAll(host);
    receive(...transactionFrames(0x200n));
    pass(5);
    receive(keepalive(0x400n, true));
    pass(100);
    const done = endOf(0x100n);
    expect(host.statuses.at(-1)).toMatchObject({ written: 0x400n, flushed: done, applied: done });
    expect(host.reports.at(-1)).toEqual({
      receivedLsn: 0x400n,
      confirmedLsn: done,
      unackedMessages: 2,
      unackedBytes: expect.any(Number),
      paused: false,
    });
  });

  it('of a logical message confirms no more than its own position, which then counts as received', () => {
    const { receive, host } = sessionOf();
    receive(xlogData(logicalMessage({ transactional: false, lsn: 0x180n })));
    host.time = 1000;
    ackAll(host);
    expect(host.statuses.at(-1)).toMatchObject({ written: 0x180n, flushed: 0x180n });
  });
});

describe('a keepalive', () => {
  it('is confirmed once everything before it is done', () => {
    const { receive, host } = busy();
    receive(keepalive(0x900n));
    ackAll(host);
    expect(host.statuses.at(-1)).toMatchObject({ written: 0x900n, flushed: 0x900n });
  });

  it('in an idle stream is confirmed unasked', () => {
    const { receive, host } = sessionOf();
    receive(keepalive(0x900n));
    expect(host.statuses).toMatchObject([{ written: 0x900n, flushed: 0x900n }]);
  });

  it('in the middle of a transaction confirms nothing before its end', () => {
    const { receive, host } = sessionOf();
    host.onDeliver = ({ ack }) => ack();
    const [first, ...rest] = transactionFrames(0x100n, 2);
    receive(RELATION, first!, keepalive(0x900n, true));
    host.time = 1000;
    receive(...rest.slice(0, 2), keepalive(0x980n, true));
    expect(host.statuses.map(({ flushed }) => flushed)).toEqual([0n, 0n]);
    host.time = 2000;
    receive(...rest.slice(2));
    expect(host.statuses.at(-1)).toMatchObject({ flushed: 0x980n });
  });

  it('that asks is answered when the receive buffer is empty, with all that came behind it', () => {
    const { receive, host } = sessionOf();
    receive(keepalive(0x80n, true), RELATION, ...transactionFrames(0x100n));
    expect(host.statuses).toMatchObject([{ written: endOf(0x100n), flushed: 0x80n }]);
  });

  it('that asks is answered while the window is full', () => {
    const { receive, host } = sessionOf({ window: { messages: 2, bytes: 1_000_000 } });
    receive(RELATION, ...transactionFrames(0x100n).slice(0, 2));
    host.time = 1000;
    receive(keepalive(0x80n, true), ...transactionFrames(0x100n).slice(2), keepalive(0x200n, true));
    expect(host.paused).toBe(true);
    expect(host.statuses.at(-1)).toMatchObject({ flushed: 0n, at: 1000 });
  });

  it('that asks and tells nothing new is answered once in 100 ms', () => {
    const { receive, host, pass } = sessionOf();
    receive(keepalive(0x80n, true));
    for (let i = 0; i < 300; i++) {
      pass(1);
      receive(keepalive(0x80n, true));
    }
    expect(host.statuses.map(({ at }) => at)).toEqual([0, 100, 200, 300]);
  });

  it('that asks and is news is answered within 5 ms', () => {
    const { receive, host, pass } = busy();
    receive(keepalive(0x800n, true));
    receive(keepalive(0x900n, true));
    expect(host.reportsAskedFor).toEqual([5]);
    pass(5);
    expect(host.statuses.slice(-2)).toMatchObject([
      { written: 0x800n, flushed: 0n, at: 1000 },
      { written: 0x900n, flushed: 0n, at: 1005 },
    ]);
  });

  it('is answered by the update that the interval sends, if that comes first', () => {
    const { session, receive, host, pass } = sessionOf();
    receive(keepalive(0x80n, true));
    pass(50);
    receive(keepalive(0x80n, true));
    session.tick(50);
    pass(100);
    expect(host.statuses.map(({ at }) => at)).toEqual([0, 50]);
  });

  it('whose position falls back leaves what was received as it is, while work is in hand', () => {
    const { receive, host, pass } = sessionOf();
    receive(RELATION, ...transactionFrames(0x100n), keepalive(0x900n));
    for (const frames of [[keepalive(0x500n, true)], [...transactionFrames(0x200n), keepalive(0x300n, true)]]) {
      pass(1000);
      receive(...frames);
      expect(host.statuses.at(-1)).toMatchObject({ written: 0x900n, flushed: 0n, at: host.time });
    }
  });

  it('whose position falls back takes nothing back', () => {
    const { receive, host, pass } = sessionOf();
    for (const walEnd of [0x900n, 0x500n, 0x700n]) {
      receive(keepalive(walEnd, true));
      pass(1000);
    }
    expect(host.statuses.length).toBeGreaterThanOrEqual(3);
    for (const status of host.statuses) expect(status).toMatchObject({ written: 0x900n, flushed: 0x900n });
  });

  it('is answered by nothing that asks', () => {
    const { session, receive, host, pass } = sessionOf({ livenessTimeout: 1000 });
    for (let i = 0n; i < 50n; i++) {
      receive(keepalive(i, true));
      pass(60);
      session.tick(60);
    }
    expect(host.statuses.length).toBeGreaterThan(50);
    expect(host.statuses.filter(({ asks }) => asks)).toEqual([]);
  });
});

describe('a slot that stands further than this stream has come', () => {
  it('is not told to go back: nothing is confirmed before its position', () => {
    const { receive, host, pass } = sessionOf({ slotLsn: 0x200n });
    host.onDeliver = ({ ack }) => ack();
    const flushedAfter = (...frames: Buffer[]): bigint | undefined => {
      receive(...frames);
      pass(1000);
      receive(keepalive(0x10n, true));
      pass(1000);
      return host.statuses.at(-1)?.flushed;
    };
    expect(flushedAfter(RELATION, ...transactionFrames(0x100n))).toBe(0n);
    expect(flushedAfter(keepalive(0x1ffn))).toBe(0n);
    expect(flushedAfter(keepalive(0x200n))).toBe(0x200n);
    expect(flushedAfter(...transactionFrames(0x300n))).toBe(endOf(0x300n));
  });
});

describe('without confirmation', () => {
  it('nothing ever says that something was flushed', () => {
    const { session, receive, host, pass } = sessionOf({ confirm: false });
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

  it.each(['keepalive', 'commit'])('a stop after a %s flushes nothing', (kind) => {
    const { receive, host } = sessionOf({ confirm: false });
    host.onDeliver = (message) => {
      if (message.kind === kind) stopAfter(message, 0x120n);
      return true;
    };
    receive(RELATION, ...transactionFrames(0x100n), keepalive(0x300n));
    expect(host.sent).toContainEqual({ kind: 'copyDone' });
    expect(host.statuses.map(({ flushed }) => flushed)).toEqual(host.statuses.map(() => 0n));
  });
});

describe('the interval', () => {
  it.each<[when: string, fixture: () => SessionFixture]>([
    ['nothing happens', () => sessionOf()],
    ['work is in hand', () => busy()],
    ['the window is full', () => busy({ window: { messages: 1, bytes: 1 } })],
    [
      'the stream drains',
      () => {
        const fixture = busy();
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

  it('sends nothing once the session takes leave', () => {
    const { session, host, pass } = busy();
    session.release();
    const before = host.sent.length;
    session.tick(10_000);
    pass(10_000);
    expect(host.sent).toHaveLength(before);
  });
});

describe('liveness', () => {
  it('asks the server at half the time-out, and gives it up at the whole', () => {
    const { session, host } = sessionOf({ livenessTimeout: 1000 });
    for (let i = 0; i < 3; i++) session.tick(250);
    expect(host.statuses.map(({ asks }) => asks)).toEqual([false, true, true]);
    expect(host.outcome).toBeUndefined();
    session.tick(250);
    expect(host.outcome?.error).toBeInstanceOf(ConnectionError);
    expect(host.outcome?.error).toMatchObject({ code: 'LIVENESS_TIMEOUT', retryable: true });
  });

  it('is satisfied by any byte', () => {
    const { session, receive, host } = sessionOf({ livenessTimeout: 1000 });
    for (const byte of keepalive(1n)) {
      session.tick(900);
      receive(Buffer.of(byte));
    }
    expect(host.outcome).toBeUndefined();
  });

  it('is never doubted without a time-out', () => {
    const { session, host } = sessionOf({ livenessTimeout: 0 });
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
  ])('is not doubted while we do not read because %s', (_, setUp) => {
    const fixture = sessionOf({ livenessTimeout: 1000, window: { messages: 2, bytes: 1_000_000 } });
    setUp(fixture);
    const { session, host } = fixture;
    for (let i = 0; i < 10; i++) session.tick(900);
    expect(host.outcome).toBeUndefined();
    expect(host.statuses.filter(({ asks }) => asks)).toEqual([]);
  });

  it('counts from the start again when reading goes on', () => {
    const { session, receive, host } = sessionOf({ livenessTimeout: 1000, window: { messages: 2, bytes: 1_000_000 } });
    receive(RELATION, ...transactionFrames(0x100n, 1));
    for (let i = 0; i < 4; i++) session.tick(900);
    ackAll(host);
    session.pump();
    session.tick(900);
    expect(host.outcome).toBeUndefined();
    session.tick(100);
    expect(host.outcome?.error).toMatchObject({ code: 'LIVENESS_TIMEOUT' });
  });
});

describe('work that holds up the slot', () => {
  it('is warned of after a minute, once, with what is missing', () => {
    const { session, receive, host } = sessionOf();
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

  describe('before anything was ever acknowledged', () => {
    const full = { messages: 4, bytes: 1_000_000 };

    it('is warned of once, soon after the window has closed', () => {
      const { session, receive, host, pass } = sessionOf({ window: full });
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
      ['the first acknowledgement comes in time', ({ host }) => host.delivered.at(-1)?.ack()],
      ['an operator works on it', ({ session }) => session.expectAcks()],
      ['the subscription ends', ({ session }) => session.release()],
    ])('is not warned of where %s', (_, prevent) => {
      const fixture = sessionOf({ window: full });
      const { host, receive, pass } = fixture;
      receive(RELATION, ...transactionFrames(0x100n, 12));
      pass(900);
      prevent(fixture);
      for (let i = 0; i < 10; i++) pass(1000);
      expect(host.warnings).toEqual([]);
    });

    it('is not warned of while there is room', () => {
      const { receive, host, pass } = sessionOf({ window: { messages: 100, bytes: 1_000_000 } });
      receive(RELATION, ...transactionFrames(0x100n, 12));
      for (let i = 0; i < 10; i++) pass(1000);
      expect(host.warnings).toEqual([]);
    });

    it('is warned of after a minute, too, once something was acknowledged', () => {
      const { session, receive, host, pass } = sessionOf({ window: full });
      receive(RELATION, ...transactionFrames(0x100n, 12));
      pass(1000);
      host.delivered.at(-1)?.ack();
      for (let i = 0; i < 10; i++) session.tick(10_000);
      expect(host.warnings).toHaveLength(2);
    });
  });

  it('is not warned of while transactions are done in turn', () => {
    const { session, receive, host } = sessionOf();
    receive(RELATION);
    for (let i = 0; i < 20; i++) {
      ackAll(host);
      receive(...transactionFrames(BigInt(0x100 * (i + 1))));
      session.tick(50_000);
    }
    expect(host.warnings).toEqual([]);
  });

  it('is not seen in a large transaction whose changes are acknowledged in turn', () => {
    const { session, receive, host } = sessionOf({ ackTimeout: 5000 });
    const [first, ...rest] = transactionFrames(0x100n, 100);
    receive(RELATION, first!);
    for (const bytes of rest) {
      receive(bytes);
      session.tick(4000);
      host.delivered.at(-2)?.ack();
    }
    expect([host.outcome, host.warnings]).toEqual([undefined, []]);
  });

  it('is seen in a large transaction though later changes are acknowledged', () => {
    const { session, receive, host } = sessionOf({ ackTimeout: 5000 });
    receive(RELATION, ...transactionFrames(0x100n, 5).slice(0, -1));
    for (const message of host.delivered.slice(3)) {
      session.tick(4000);
      message.ack();
    }
    expect(host.outcome?.error).toMatchObject({ code: 'ACK_TIMEOUT' });
  });

  it('is seen in a block that fills the window, behind which nothing can be read', () => {
    const { session, receive, host } = sessionOf({ ackTimeout: 5000, window: { messages: 2, bytes: 1_000_000 } });
    const changes = [1, 2, 3].map((id) => inBlock(700, insert([String(id), 'x'])));
    const payloads = [streamStart({ xid: 700 }), inBlock(700, relation()), ...changes, streamStop(), streamCommit()];
    receive(...payloads.map((payload) => xlogData(payload)));
    expect(host.delivered.map(({ kind }) => kind)).toEqual(['streamStart', 'relation', 'insert', 'insert']);
    for (let i = 0; i < 6; i++) session.tick(1000);
    expect(host.outcome?.error).toMatchObject({ code: 'ACK_TIMEOUT' });
    expect(host.outcome?.error?.message).toContain('2 changes not acknowledged, of a transaction whose commit');
  });

  it('is an error with ackTimeout', () => {
    const { session, host } = busy({ ackTimeout: 5000 });
    for (let i = 0; i < 5; i++) session.tick(1000);
    expect(host.outcome).toBeUndefined();
    session.tick(1000);
    expect(host.outcome?.error).toBeInstanceOf(ReplicationError);
    expect(host.outcome?.error).toMatchObject({ code: 'ACK_TIMEOUT', retryable: false });
    expect(host.outcome?.error?.message).toContain('commit and 1 change not acknowledged');
    expect(ackAll(host).at(-1)).toBe(false);
  });

  it('is an error with ackTimeout while the stream drains, too', () => {
    const { session, host } = busy({ ackTimeout: 5000 });
    session.stop();
    for (let i = 0; i < 6; i++) session.tick(1000);
    expect(host.outcome?.error).toMatchObject({ code: 'ACK_TIMEOUT' });
  });
});
