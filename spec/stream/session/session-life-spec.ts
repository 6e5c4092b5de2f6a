import { ConnectionError, ProtocolError } from '../../../lib/common/errors';
import { buildInsert, buildPayload } from '../../../lib/testing/payloads';
import {
  buildCommandComplete,
  buildCopyDone,
  buildErrorResponse,
  buildKeepalive,
  buildReadyForQuery,
  buildXlogData,
} from '../../../lib/testing/backend-messages';
import {
  ackAll,
  createBusySession,
  computeEnd,
  RELATION,
  createSession,
  stopAfter,
  stopBefore,
  STREAM,
  transactionFrames,
} from './support/fake-host';

describe('a stop', () => {
  it('completes delivery immediately, and closes when everything delivered is acknowledged', () => {
    const { session, receive, host } = createBusySession();
    host.happened.length = 0;
    session.stop();
    expect([host.happened, host.paused]).toEqual([['complete'], true]);
    receive(...transactionFrames(0x200n));
    expect(host.kinds.at(-1)).toBe('commit');
    expect(host.delivered).toHaveLength(4);

    expect(ackAll(host)).toEqual([true, true, true, true]);
    expect(host.happened).toEqual(['complete', 'closing', 'status', 'copyDone']);
    expect(host.statuses.at(-1)).toMatchObject({ flushed: computeEnd(0x100n) });
    expect(host.paused).toBe(false);

    receive(
      buildCopyDone(),
      buildCommandComplete('COPY 0'),
      buildCommandComplete('START_REPLICATION'),
      buildReadyForQuery(),
    );
    expect(host.happened.slice(4)).toEqual(['terminate', 'closed']);
    expect(host.outcome).toEqual({ error: undefined });
    expect(host.delivered).toHaveLength(4);
  });

  it('fails if the server sends an error before it reads CopyDone: the last confirmation was not read', () => {
    const { session, receive, host } = createSession();
    receive(buildKeepalive(0x80n));
    session.stop();
    receive(buildErrorResponse({ S: 'ERROR', V: 'ERROR', C: '57014', M: 'canceled' }), buildReadyForQuery());
    expect(host.outcome).toMatchObject({ error: { code: 'CANCELLED' } });
  });

  it('is not closed by one subscriber that waits for its end while another one does, too', () => {
    const { session, host } = createBusySession();
    session.stop();
    const leave = session.whenClosed(() => undefined);
    session.abandon();
    expect(host.happened).not.toContain('closing');
    leave();
    session.abandon();
    expect(host.happened).toContain('closing');
  });

  it('is closed once, whatever happens while its last status update is sent', () => {
    const { session, receive, host } = createSession();
    receive(buildKeepalive(0x80n));
    host.onReport = () => {
      session.close();
    };
    session.stop();
    expect(host.happened.filter((step) => step === 'closing')).toHaveLength(1);
  });

  it('closes immediately if nothing is unacknowledged', () => {
    const { session, receive, host } = createSession();
    receive(buildKeepalive(0x80n));
    host.happened.length = 0;
    session.stop();
    expect(host.happened).toEqual(['closing', 'status', 'copyDone']);
  });

  it('within a chunk delivers and confirms nothing after it', () => {
    const { receive, host } = createSession();
    host.onDeliver = (message) => {
      message.ack();
      if (message.kind === 'commit') stopAfter(message);
      return true;
    };
    receive(RELATION, ...transactionFrames(0x100n), buildKeepalive(0x180n, true), ...transactionFrames(0x200n));
    expect(host.kinds).toEqual(['relation', 'begin', 'insert', 'commit']);
    expect(host.statuses).toMatchObject([{ written: computeEnd(0x100n), flushed: computeEnd(0x100n) }]);
    expect(host.sent.at(-1)).toEqual({ kind: 'copyDone' });
  });

  it('before a transaction leaves it to the next session', () => {
    const { receive, host } = createSession();
    host.onDeliver = (message) => {
      if (message.kind === 'begin' && message.commitLsn === 0x200n) stopBefore(message);
      return true;
    };
    receive(RELATION, ...transactionFrames(0x100n), ...transactionFrames(0x200n));
    expect(host.delivered).toHaveLength(5);
    host.time = 1000;
    ackAll(host);
    expect(host.statuses.at(-1)).toMatchObject({ flushed: computeEnd(0x100n) });
    expect(host.sent.at(-1)).toEqual({ kind: 'copyDone' });
  });

  it('at a keepalive confirms the stop position, not that of the keepalive', () => {
    const { receive, host } = createSession();
    host.onDeliver = (message) => {
      if (message.kind === 'keepalive') stopAfter(message, 0x150n);
      return true;
    };
    receive(buildKeepalive(0x900n, true));
    expect(host.statuses).toMatchObject([{ written: 0x900n, flushed: 0x150n }]);
  });

  it('at a keepalive confirms the stop position once everything is acknowledged, not that of the keepalive', () => {
    const { receive, host } = createBusySession();
    host.onDeliver = (message) => {
      if (message.kind === 'keepalive') stopAfter(message, 0x150n);
      return true;
    };
    receive(buildKeepalive(0x900n));
    ackAll(host);
    expect(host.sent.slice(-2)).toMatchObject([{ kind: 'status', flushed: 0x150n }, { kind: 'copyDone' }]);
  });

  it('continues after the subscriber has completed', () => {
    const { session, host } = createBusySession();
    session.stop();
    session.release();
    expect(host.happened).not.toContain('copyDone');
    expect(ackAll(host).at(-1)).toBe(true);
    expect(host.sent.at(-1)).toEqual({ kind: 'copyDone' });
  });

  it('stops waiting when it is closed', () => {
    const { session, host } = createBusySession();
    session.stop();
    session.close();
    expect(host.sent.at(-1)).toEqual({ kind: 'copyDone' });
    expect(ackAll(host).at(-1)).toBe(false);
    expect(host.statuses.at(-1)).toMatchObject({ flushed: 0n });
  });

  it('during a slow handler closes in the next turn of the event loop', () => {
    const { session, receive, host } = createSession();
    host.onDeliver = (message) => {
      if (message.kind === 'begin') stopBefore(message);
      host.time += 1000;
      return true;
    };
    receive(...transactionFrames(0x100n));
    session.read();
    expect(host.sent.at(-1)).toEqual({ kind: 'copyDone' });
  });
});

describe('unsubscribing', () => {
  it('closes gracefully, and discards further data', () => {
    const { session, receive, host } = createBusySession();
    host.happened.length = 0;
    session.release();
    expect(host.happened).toEqual(['closing', 'status', 'copyDone']);
    receive(...transactionFrames(0x200n), buildKeepalive(0x900n, true), buildCopyDone());
    host.time += 1000;
    receive(buildCommandComplete('COPY 0'), buildCommandComplete('START_REPLICATION'));
    expect(host.happened).toEqual(['closing', 'status', 'copyDone']);
    receive(buildReadyForQuery());
    expect(host.happened.slice(3)).toEqual(['terminate', 'closed']);
    expect([host.outcome, host.delivered.length]).toEqual([{ error: undefined }, 4]);
  });

  it('sends the last confirmation first', () => {
    const { session, receive, host } = createBusySession();
    ackAll(host);
    receive(buildKeepalive(0x900n));
    session.release();
    expect(host.sent.slice(-2)).toMatchObject([{ kind: 'status', flushed: 0x900n }, { kind: 'copyDone' }]);
  });

  it('makes later acknowledgements return false', () => {
    const { session, host } = createBusySession();
    session.release();
    expect(host.delivered.slice(2).map(({ ack }) => ack())).toEqual([false, false]);
    expect(host.statuses.at(-1)).toMatchObject({ flushed: 0n });
  });

  it('within a delivery takes effect before the next message', () => {
    for (const wanted of ['relation', 'begin', 'insert', 'commit', 'keepalive']) {
      const { receive, host } = createSession();
      host.onDeliver = ({ kind }) => kind !== wanted;
      receive(RELATION, ...transactionFrames(0x100n), buildKeepalive(0x900n, true), ...transactionFrames(0x1000n));
      expect(host.kinds.at(-1)).toBe(wanted);
      expect(host.kinds.filter((kind) => kind === wanted)).toHaveLength(1);
      expect(host.happened).toEqual(['closing', 'status', 'copyDone']);
      expect(host.statuses).toMatchObject([{ flushed: 0n }]);
    }
  });

  it('within a transaction discards the rest without decoding it', () => {
    const { session, receive, host } = createSession();
    const frames = transactionFrames(0x100n, 10);
    receive(RELATION, ...frames.slice(0, 4));
    session.release();
    // Of an unknown table: decoding it would be an error.
    receive(
      ...frames.slice(4),
      buildXlogData(buildInsert(['1', 'a'], 4711)),
      buildXlogData(buildPayload('?')),
      buildReadyForQuery(),
    );
    expect([host.delivered.length, host.outcome]).toEqual([5, { error: undefined }]);
  });

  it('while the window is full resumes the socket', () => {
    const { session, host } = createBusySession({ window: { messages: 1, bytes: 1 } });
    expect(host.paused).toBe(true);
    session.release();
    expect(host.paused).toBe(false);
  });

  it('twice has the same effect as once', () => {
    const { session, host } = createBusySession();
    session.release();
    const before = host.happened.length;
    session.release();
    session.close();
    session.stop();
    expect(host.happened).toHaveLength(before);
  });
});

describe('a connection that is closed', () => {
  const cause = new Error('read ECONNRESET');

  it('during the stream is a retryable error', () => {
    const { session, host } = createBusySession();
    session.disconnected(cause);
    expect(host.outcome?.error).toBeInstanceOf(ConnectionError);
    expect(host.outcome?.error).toMatchObject({ code: 'CONNECTION_LOST', retryable: true, cause });
    expect(ackAll(host).at(-1)).toBe(false);
  });

  it('while received data is unread is the error that the server sent before', () => {
    const { session, receive, host } = createSession();
    host.onDeliver = () => {
      host.time += 20;
      return true;
    };
    receive(buildKeepalive(0x80n), buildErrorResponse({ S: 'FATAL', V: 'FATAL', C: '53200', M: 'out of memory' }));
    expect(host.scheduledPumps).toBe(1);
    session.disconnected(cause);
    expect(host.outcome).toBeUndefined();
    session.read();
    expect(host.outcome?.error).toMatchObject({ code: 'SERVER_RESOURCES' });
  });

  it('while received data is unread is reported once that is read', () => {
    const { session, receive, host } = createSession();
    session.start();
    receive();
    session.start();
    session.disconnected(cause);
    expect(host.outcome).toBeUndefined();
    session.read();
    expect(host.outcome?.error).toMatchObject({ code: 'CONNECTION_LOST', cause });
  });

  it('while draining is an error, because something is unconfirmed', () => {
    const { session, host } = createBusySession();
    session.stop();
    session.disconnected();
    expect(host.outcome?.error).toMatchObject({ code: 'CONNECTION_LOST' });
  });

  it('while closing after unsubscribing is not an error', () => {
    const { session, host } = createBusySession();
    session.release();
    session.disconnected(cause);
    expect(host.outcome).toEqual({ error: undefined });
  });

  it('while closing after a stop is an error, because the server may not have received the last confirmation', () => {
    const { session, host } = createSession();
    session.stop();
    session.disconnected();
    expect(host.outcome?.error).toMatchObject({ code: 'CONNECTION_LOST' });
  });

  it('by closeTimeout is a separate error after a stop, and none after unsubscribing', () => {
    const timeout = new ConnectionError('CLOSE_TIMEOUT', 'The server did not end the stream');
    const stopped = createSession();
    stopped.session.stop();
    stopped.session.disconnected(timeout);
    expect(stopped.host.outcome?.error).toBe(timeout);
    const released = createSession();
    released.session.release();
    released.session.disconnected(timeout);
    expect(released.host.outcome).toEqual({ error: undefined });
  });

  it('after the end is ignored', () => {
    const { session, receive, host } = createBusySession();
    session.disconnected(cause);
    const before = host.happened.length;
    session.disconnected(cause);
    session.fail(cause);
    session.stop();
    session.release();
    session.close();
    session.tick(1000);
    session.report();
    session.read();
    receive(...STREAM);
    expect([host.happened.length, host.delivered.length]).toEqual([before, 4]);
  });

  it('after CommandComplete is a shutdown', () => {
    const { session, receive, host } = createBusySession();
    ackAll(host);
    receive(buildCommandComplete('COPY 0'));
    expect(host.outcome).toBeUndefined();
    session.disconnected();
    expect(host.outcome?.error).toMatchObject({ code: 'SERVER_SHUTDOWN', retryable: true });
  });

  it('is reported once to waiting listeners, and immediately to later ones', () => {
    const { session } = createBusySession();
    const heard: unknown[] = [];
    session.whenClosed((error) => heard.push(error));
    const forget = session.whenClosed(() => heard.push('a listener that had gone'));
    forget();
    const error = new ProtocolError('broken');
    session.fail(error);
    expect(heard).toEqual([error]);
    session.whenClosed((late) => heard.push(late));
    expect(heard).toEqual([error, error]);
  });
});
