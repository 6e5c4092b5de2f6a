import { Delivery } from '../../../lib/ledger/acknowledgement';
import { ProtocolError, ServerError } from '../../../lib/common/errors';
import { createPayloadDecoder } from '../../../lib/stream/session/output-plugin';
import { u64 } from '../../../lib/testing/bytes';
import { buildPayload } from '../../../lib/testing/payloads';
import {
  buildCopyBothResponse,
  buildErrorResponse,
  buildFrame,
  buildKeepalive,
  buildNotice,
  buildNotification,
  buildParameterStatus,
  buildReadyForQuery,
  buildXlogData,
} from '../../../lib/testing/backend-messages';
import {
  ackAll,
  createBusySession,
  computeEnd,
  RELATION,
  createSession,
  STREAM,
  transactionFrames,
  type SessionFixture,
} from './support/fake-host';
import { LedgerDelivery } from '../../ledger/support/delivering-ledger';

const KINDS = [
  ...['keepalive', 'relation', 'type', 'begin', 'insert', 'insert', 'commit', 'message'],
  ...['begin', 'origin', 'insert', 'commit', 'keepalive'],
];

describe('reading', () => {
  it('delivers the same messages wherever the bytes are split', () => {
    const bytes = Buffer.concat(STREAM);
    for (let split = 0; split <= bytes.length; split++) {
      const { receive, host } = createSession();
      receive(bytes.subarray(0, split));
      receive(bytes.subarray(split));
      expect(host.kinds).toEqual(KINDS);
    }
  });

  it('delivers the same messages for single bytes', () => {
    const { receive, host } = createSession();
    for (const byte of Buffer.concat(STREAM)) receive(Buffer.of(byte));
    expect(host.kinds).toEqual(KINDS);
  });

  it('emits the output of another plugin unchanged', () => {
    const { receive, host } = createSession({}, createPayloadDecoder(undefined));
    receive(buildXlogData(Buffer.from('BEGIN 7'), { dataStart: 0x100n, walEnd: 0x110n }));
    expect(host.delivered).toMatchObject([
      { kind: 'xlogData', dataStart: 0x100n, walEnd: 0x110n, data: Buffer.from('BEGIN 7') },
    ]);
    host.time = 1000;
    ackAll(host);
    expect(host.statuses.at(-1)).toMatchObject({ written: 0x100n, flushed: 0x100n });
  });

  it('ignores notices, settings and notifications during the stream', () => {
    const { receive, host } = createSession();
    receive(
      buildNotice({ C: '55000', R: 'SomethingElse' }),
      buildParameterStatus('TimeZone', 'UTC'),
      buildNotification('a', 'b'),
    );
    receive(buildKeepalive(1n));
    expect([host.kinds, host.outcome]).toEqual([['keepalive'], undefined]);
  });
});

describe('a full window', () => {
  it('reports for how long reading has waited', () => {
    const { session, receive, host } = createSession({ window: { messages: 1, bytes: 1_000_000 } });
    receive(RELATION, ...transactionFrames(0x100n));
    for (const ms of [25, 0]) {
      host.time += ms;
      ackAll(host);
      session.read();
    }
    expect(host.waits).toEqual([25, 0]);
  });

  it('stops decoding between two messages, and pauses the socket', () => {
    const { session, receive, host } = createSession({ window: { messages: 3, bytes: 1_000_000 } });
    receive(RELATION, ...transactionFrames(0x100n, 10));
    expect(host.kinds).toEqual(['relation', 'begin', 'insert', 'insert', 'insert']);
    expect([host.paused, session.status.paused]).toEqual([true, true]);
  });

  it('decodes nothing of data that still arrives', () => {
    const { receive, host } = createSession({ window: { messages: 1, bytes: 1_000_000 } });
    receive(RELATION, ...transactionFrames(0x100n));
    receive(...transactionFrames(0x200n));
    expect(host.kinds).toEqual(['relation', 'begin', 'insert']);
  });

  it('resumes at half, in a separate turn of the event loop', () => {
    const { session, receive, host } = createSession({ window: { messages: 4, bytes: 1_000_000 } });
    receive(RELATION, ...transactionFrames(0x100n, 5));
    const inserts = host.delivered.slice(2);
    inserts[0]?.ack();
    session.read();
    expect([host.delivered.length, host.scheduledPumps, host.paused]).toEqual([6, 0, true]);
    inserts[1]?.ack();
    expect([host.delivered.length, host.scheduledPumps]).toEqual([6, 1]);
    session.read();
    expect(host.kinds.slice(6)).toEqual(['insert', 'commit']);
    expect([host.paused, session.status.paused]).toEqual([true, true]);
    ackAll(host);
    session.read();
    expect([host.paused, session.status.paused]).toEqual([false, false]);
  });

  it('does not occur if messages are acknowledged as they are delivered', () => {
    const { receive, host } = createSession({ window: { messages: 1, bytes: 1 } });
    host.onDeliver = ({ ack }) => ack();
    receive(RELATION, ...transactionFrames(0x100n, 100), ...transactionFrames(0x200n, 100));
    expect(host.delivered).toHaveLength(1 + 102 + 102);
    expect([host.scheduledPumps, host.paused]).toEqual([0, false]);
  });

  it('is also reached by bytes', () => {
    const { receive, host } = createSession({ window: { messages: 1000, bytes: 10_000 } });
    receive(RELATION, ...transactionFrames(0x100n, 10, 'x'.repeat(4900)));
    expect(host.kinds).toEqual(['relation', 'begin', 'insert', 'insert']);
  });

  it('does not stop a transaction that is being collected', () => {
    const { receive, host } = createSession({ window: { messages: 2, bytes: 1000 } });
    host.onDeliver = (message) => {
      if (message.kind === 'insert') Delivery.gather(message);
      else if (message.kind === 'commit') Delivery.attachGroup(message, new LedgerDelivery());
      return true;
    };
    receive(RELATION, ...transactionFrames(0x100n, 50), ...transactionFrames(0x200n, 50));
    expect(host.kinds.filter((kind) => kind === 'commit')).toHaveLength(1);
    expect([host.delivered.length, host.paused]).toEqual([1 + 52, true]);
  });

  it('does not exist without confirmation', () => {
    const { receive, host } = createSession({ confirm: false, window: { messages: 1, bytes: 1 } });
    receive(RELATION, ...transactionFrames(0x100n, 100));
    expect([host.delivered.length, host.paused]).toEqual([103, false]);
  });
});

describe('slow handlers', () => {
  function slow(ms: number): SessionFixture {
    const fixture = createSession();
    fixture.host.onDeliver = () => {
      fixture.host.time += ms;
      return true;
    };
    return fixture;
  }

  it('make it yield about every 10 ms, with the socket paused', () => {
    const { session, receive, host } = slow(4);
    receive(RELATION, ...transactionFrames(0x100n, 6));
    expect([host.delivered.length, host.scheduledPumps, host.paused]).toEqual([3, 1, true]);
    session.read();
    expect([host.delivered.length, host.scheduledPumps, host.paused]).toEqual([6, 2, true]);
    session.read();
    session.read();
    expect([host.delivered.length, host.scheduledPumps, host.paused]).toEqual([9, 3, false]);
  });

  it('that take longer than that receive one message at a time', () => {
    const { session, receive, host } = slow(500);
    receive(RELATION, ...transactionFrames(0x100n, 1));
    for (let turn = 1; turn <= 4; turn++) {
      expect(host.delivered).toHaveLength(turn);
      session.read();
    }
  });

  it('do not delay status updates', () => {
    const { session, receive, host } = slow(500);
    receive(RELATION, ...transactionFrames(0x100n, 5));
    const before = host.statuses.length;
    session.tick(1000);
    expect(host.statuses).toHaveLength(before + 1);
  });

  it('do not keep the server waiting if they prevent timers from running: every slice reports', () => {
    const { session, receive, host } = slow(600);
    receive(RELATION, ...transactionFrames(0x100n, 3));
    for (let turn = 0; turn < 3; turn++) session.read();
    expect(host.statuses.map(({ at }) => at)).toEqual([600, 1200, 1800, 2400]);
  });

  it('are not interrupted by a report for every step', () => {
    const { session, receive, host } = slow(4);
    receive(buildKeepalive(0x10n), buildKeepalive(0x20n), buildKeepalive(0x30n), buildKeepalive(0x40n));
    expect(host.statuses).toEqual([]);
    session.read();
    expect(host.statuses).toMatchObject([{ flushed: 0x40n }]);
  });
});

describe('an error from the server', () => {
  const DECODING = { C: 'XX000', M: 'invalid memory alloc request size 1258291204' };

  it("ends the stream with the server's error, and reports what was confirmed", () => {
    const { receive, host } = createBusySession();
    ackAll(host);
    const before = host.delivered.length;
    host.time += 1000;
    receive(buildErrorResponse(DECODING), buildKeepalive(0x900n), ...transactionFrames(0x200n), buildReadyForQuery());
    expect(host.outcome?.error).toBeInstanceOf(ServerError);
    expect(host.outcome?.error).toMatchObject({ code: 'SERVER_INTERNAL_ERROR', sqlState: 'XX000' });
    expect(host.delivered).toHaveLength(before);
    expect(host.sent.slice(-2)).toMatchObject([{ kind: 'status', flushed: computeEnd(0x100n) }, { kind: 'terminate' }]);
  });

  it('is retryable if an administrator has terminated the session', () => {
    const { receive, host } = createSession();
    receive(buildErrorResponse({ S: 'FATAL', V: 'FATAL', C: '57P01', M: 'terminating connection' }));
    expect(host.outcome?.error).toMatchObject({ code: 'SERVER_SHUTDOWN', retryable: true });
  });

  it('is ignored while the session closes after unsubscribing', () => {
    const { session, receive, host } = createBusySession();
    session.release();
    receive(buildErrorResponse(DECODING), buildReadyForQuery());
    expect(host.outcome).toEqual({ error: undefined });
  });

  it('names a publication that was skipped, and stops confirmation', () => {
    const { receive, host } = createBusySession();
    const skipped = { C: '55000', R: 'LoadPublications', M: 'skipped loading publication "gone"' };
    receive(buildNotice(skipped), buildKeepalive(0x900n), ...transactionFrames(0x200n));
    expect(host.outcome?.error).toMatchObject({ code: 'PUBLICATION_MISSING', retryable: false });
    expect(host.statuses.at(-1)).toMatchObject({ written: computeEnd(0x100n), flushed: 0n });
    expect([host.delivered.length, host.kinds.at(-1)]).toEqual([4, 'commit']);
    expect(ackAll(host).slice(2)).toEqual([false, false]);
  });
});

describe('invalid bytes', () => {
  it.each<[what: string, bytes: Buffer, message: RegExp]>([
    [
      'a CopyData of unknown type',
      buildFrame('d', Buffer.from('x1')),
      /CopyData of unknown type 0x78; expected XLogData/,
    ],
    ['an empty CopyData', buildFrame('d'), /an empty CopyData; expected XLogData/],
    ['a truncated keepalive', buildFrame('d', Buffer.from('k'), u64(1n)), /^Keepalive: expected 4 bytes/],
    [
      'a keepalive that is too long',
      buildFrame('d', buildKeepalive(1n).subarray(5), Buffer.of(0)),
      /the end of the message/,
    ],
    [
      'an XLogData without its header',
      buildFrame('d', Buffer.from('w'), u64(1n)),
      /XLogData message: expected a header of 24 bytes, where 8 are left/,
    ],
    ['a payload of unknown type', buildXlogData(buildPayload('?')), /pgoutput payload: expected the tag of a message/],
    ['an empty payload', buildXlogData(Buffer.alloc(0)), /pgoutput payload: expected 1 byte/],
    ['a change without its Relation', Buffer.concat(transactionFrames(1n)), /expected the Relation/],
    ['a message of unknown type', buildFrame('?', Buffer.from('abc')), /a message of type '\?' \(3 bytes\)/],
    ['an unexpected message', buildCopyBothResponse(), /The server sent copyBoth in the middle of the stream/],
    ['an invalid length', Buffer.from('d\0\0\0\x03'), /declares a length of 3 bytes/],
    ['a notice without fields', buildFrame('N', Buffer.of(0)), /NoticeResponse message: expected a field/],
  ])('end the stream with a clear error: %s', (_, bytes, expected) => {
    const { receive, host } = createSession();
    receive(bytes, buildKeepalive(0x900n));
    expect(host.outcome?.error).toBeInstanceOf(ProtocolError);
    expect(host.outcome?.error).toMatchObject({ code: 'PROTOCOL_VIOLATION', message: expect.stringMatching(expected) });
    expect(host.kinds).not.toContain('keepalive');
    expect(host.sent.at(-1)).toEqual({ kind: 'terminate' });
  });

  it('end a closing session, without an error if nobody is subscribed', () => {
    const { session, receive, host } = createSession();
    session.release();
    receive(Buffer.from('d\0\0\0\x03'));
    expect(host.outcome).toEqual({ error: undefined });
  });

  it('include a value that its parser rejects', () => {
    const failure = new RangeError('no such thing');
    const { receive, host } = createSession({}, () => {
      throw failure;
    });
    receive(RELATION);
    expect(host.outcome?.error).toBe(failure);
  });
});
