import { ConnectionError, ProtocolError } from '../../../lib/common/errors';
import { insert, message } from '../../../lib/testing/payloads';
import {
  commandComplete,
  copyDone,
  errorResponse,
  keepalive,
  readyForQuery,
  xlogData,
} from '../../../lib/testing/backend-messages';
import {
  ackAll,
  busy,
  endOf,
  RELATION,
  sessionOf,
  stopAfter,
  stopBefore,
  STREAM,
  transactionFrames,
} from './support/fake-host';

describe('a stop', () => {
  it('completes delivery at once, and closes when what was delivered is acknowledged', () => {
    const { session, receive, host } = busy();
    host.happened.length = 0;
    session.stop();
    expect([host.happened, host.paused]).toEqual([['complete'], true]);
    receive(...transactionFrames(0x200n));
    expect(host.kinds.at(-1)).toBe('commit');
    expect(host.delivered).toHaveLength(4);

    expect(ackAll(host)).toEqual([true, true, true, true]);
    expect(host.happened).toEqual(['complete', 'closing', 'status', 'copyDone']);
    expect(host.statuses.at(-1)).toMatchObject({ flushed: endOf(0x100n) });
    expect(host.paused).toBe(false);

    receive(copyDone(), commandComplete('COPY 0'), commandComplete('START_REPLICATION'), readyForQuery());
    expect(host.happened.slice(4)).toEqual(['terminate', 'closed']);
    expect(host.outcome).toEqual({ error: undefined });
    expect(host.delivered).toHaveLength(4);
  });

  it('fails when an error of the server crosses its farewell: the last confirmation was not read', () => {
    const { session, receive, host } = sessionOf();
    receive(keepalive(0x80n));
    session.stop();
    receive(errorResponse({ S: 'ERROR', V: 'ERROR', C: '57014', M: 'canceled' }), readyForQuery());
    expect(host.outcome).toMatchObject({ error: { code: 'CANCELLED' } });
  });

  it('is not closed by one who waits for its end while another does, too', () => {
    const { session, host } = busy();
    session.stop();
    const leave = session.whenClosed(() => undefined);
    session.abandon();
    expect(host.happened).not.toContain('closing');
    leave();
    session.abandon();
    expect(host.happened).toContain('closing');
  });

  it('is closed once, whatever is done while its last status update goes out', () => {
    const { session, receive, host } = sessionOf();
    receive(keepalive(0x80n));
    host.onReport = () => {
      session.close();
    };
    session.stop();
    expect(host.happened.filter((step) => step === 'closing')).toHaveLength(1);
  });

  it('closes at once when nothing is outstanding', () => {
    const { session, receive, host } = sessionOf();
    receive(keepalive(0x80n));
    host.happened.length = 0;
    session.stop();
    expect(host.happened).toEqual(['closing', 'status', 'copyDone']);
  });

  it('in the middle of a chunk delivers nothing of what follows, and confirms nothing of it', () => {
    const { receive, host } = sessionOf();
    host.onDeliver = (message) => {
      message.ack();
      if (message.kind === 'commit') stopAfter(message);
      return true;
    };
    receive(RELATION, ...transactionFrames(0x100n), keepalive(0x180n, true), ...transactionFrames(0x200n));
    expect(host.kinds).toEqual(['relation', 'begin', 'insert', 'commit']);
    expect(host.statuses).toMatchObject([{ written: endOf(0x100n), flushed: endOf(0x100n) }]);
    expect(host.sent.at(-1)).toEqual({ kind: 'copyDone' });
  });

  it('before a transaction leaves it to the next session', () => {
    const { receive, host } = sessionOf();
    host.onDeliver = (message) => {
      if (message.kind === 'begin' && message.commitLsn === 0x200n) stopBefore(message);
      return true;
    };
    receive(RELATION, ...transactionFrames(0x100n), ...transactionFrames(0x200n));
    expect(host.delivered).toHaveLength(5);
    host.time = 1000;
    ackAll(host);
    expect(host.statuses.at(-1)).toMatchObject({ flushed: endOf(0x100n) });
    expect(host.sent.at(-1)).toEqual({ kind: 'copyDone' });
  });

  it('at a keepalive confirms up to the stop, and not up to the keepalive', () => {
    const { receive, host } = sessionOf();
    host.onDeliver = (message) => {
      if (message.kind === 'keepalive') stopAfter(message, 0x150n);
      return true;
    };
    receive(keepalive(0x900n, true));
    expect(host.statuses).toMatchObject([{ written: 0x900n, flushed: 0x150n }]);
  });

  it('at a keepalive confirms up to the stop once the work in hand is done, and not up to the keepalive', () => {
    const { receive, host } = busy();
    host.onDeliver = (message) => {
      if (message.kind === 'keepalive') stopAfter(message, 0x150n);
      return true;
    };
    receive(keepalive(0x900n));
    ackAll(host);
    expect(host.sent.slice(-2)).toMatchObject([{ kind: 'status', flushed: 0x150n }, { kind: 'copyDone' }]);
  });

  it('outlives the subscriber, which has heard its complete', () => {
    const { session, host } = busy();
    session.stop();
    session.release();
    expect(host.happened).not.toContain('copyDone');
    expect(ackAll(host).at(-1)).toBe(true);
    expect(host.sent.at(-1)).toEqual({ kind: 'copyDone' });
  });

  it('gives up waiting when it is closed', () => {
    const { session, host } = busy();
    session.stop();
    session.close();
    expect(host.sent.at(-1)).toEqual({ kind: 'copyDone' });
    expect(ackAll(host).at(-1)).toBe(false);
    expect(host.statuses.at(-1)).toMatchObject({ flushed: 0n });
  });

  it('during a handler that takes long closes in the next turn', () => {
    const { session, receive, host } = sessionOf();
    host.onDeliver = (message) => {
      if (message.kind === 'begin') stopBefore(message);
      host.time += 1000;
      return true;
    };
    receive(...transactionFrames(0x100n));
    session.pump();
    expect(host.sent.at(-1)).toEqual({ kind: 'copyDone' });
  });
});

describe('unsubscribing', () => {
  it('takes leave in order, and discards what still comes', () => {
    const { session, receive, host } = busy();
    host.happened.length = 0;
    session.release();
    expect(host.happened).toEqual(['closing', 'status', 'copyDone']);
    receive(...transactionFrames(0x200n), keepalive(0x900n, true), copyDone());
    host.time += 1000;
    receive(commandComplete('COPY 0'), commandComplete('START_REPLICATION'));
    expect(host.happened).toEqual(['closing', 'status', 'copyDone']);
    receive(readyForQuery());
    expect(host.happened.slice(3)).toEqual(['terminate', 'closed']);
    expect([host.outcome, host.delivered.length]).toEqual([{ error: undefined }, 4]);
  });

  it('sends the last confirmation first', () => {
    const { session, receive, host } = busy();
    ackAll(host);
    receive(keepalive(0x900n));
    session.release();
    expect(host.sent.slice(-2)).toMatchObject([{ kind: 'status', flushed: 0x900n }, { kind: 'copyDone' }]);
  });

  it('makes later acknowledgements return false', () => {
    const { session, host } = busy();
    session.release();
    expect(host.delivered.slice(2).map(({ ack }) => ack())).toEqual([false, false]);
    expect(host.statuses.at(-1)).toMatchObject({ flushed: 0n });
  });

  it('in a delivery is heeded before the next message', () => {
    for (const wanted of ['relation', 'begin', 'insert', 'commit', 'keepalive']) {
      const { receive, host } = sessionOf();
      host.onDeliver = ({ kind }) => kind !== wanted;
      receive(RELATION, ...transactionFrames(0x100n), keepalive(0x900n, true), ...transactionFrames(0x1000n));
      expect(host.kinds.at(-1)).toBe(wanted);
      expect(host.kinds.filter((kind) => kind === wanted)).toHaveLength(1);
      expect(host.happened).toEqual(['closing', 'status', 'copyDone']);
      expect(host.statuses).toMatchObject([{ flushed: 0n }]);
    }
  });

  it('in the middle of a transaction discards the rest of it unread', () => {
    const { session, receive, host } = sessionOf();
    const frames = transactionFrames(0x100n, 10);
    receive(RELATION, ...frames.slice(0, 4));
    session.release();
    // Of a table that nobody knows: it would be an error if it were read.
    receive(...frames.slice(4), xlogData(insert(['1', 'a'], 4711)), xlogData(message('?')), readyForQuery());
    expect([host.delivered.length, host.outcome]).toEqual([5, { error: undefined }]);
  });

  it('while the window is full lets the socket flow again', () => {
    const { session, host } = busy({ window: { messages: 1, bytes: 1 } });
    expect(host.paused).toBe(true);
    session.release();
    expect(host.paused).toBe(false);
  });

  it('twice is the same as once', () => {
    const { session, host } = busy();
    session.release();
    const before = host.happened.length;
    session.release();
    session.close();
    session.stop();
    expect(host.happened).toHaveLength(before);
  });
});

describe('a connection that ends', () => {
  const cause = new Error('read ECONNRESET');

  it('in mid-stream is an error that can be retried', () => {
    const { session, host } = busy();
    session.disconnected(cause);
    expect(host.outcome?.error).toBeInstanceOf(ConnectionError);
    expect(host.outcome?.error).toMatchObject({ code: 'CONNECTION_LOST', retryable: true, cause });
    expect(ackAll(host).at(-1)).toBe(false);
  });

  it('while something received is not read yet is the error that the server sent before', () => {
    const { session, receive, host } = sessionOf();
    host.onDeliver = () => {
      host.time += 20;
      return true;
    };
    receive(keepalive(0x80n), errorResponse({ S: 'FATAL', V: 'FATAL', C: '53200', M: 'out of memory' }));
    expect(host.scheduledPumps).toBe(1);
    session.disconnected(cause);
    expect(host.outcome).toBeUndefined();
    session.pump();
    expect(host.outcome?.error).toMatchObject({ code: 'SERVER_RESOURCES' });
  });

  it('while something received is not read yet is told once that is read', () => {
    const { session, receive, host } = sessionOf();
    session.start();
    receive();
    session.start();
    session.disconnected(cause);
    expect(host.outcome).toBeUndefined();
    session.pump();
    expect(host.outcome?.error).toMatchObject({ code: 'CONNECTION_LOST', cause });
  });

  it('while draining is an error, as not everything is confirmed', () => {
    const { session, host } = busy();
    session.stop();
    session.disconnected();
    expect(host.outcome?.error).toMatchObject({ code: 'CONNECTION_LOST' });
  });

  it('while it takes leave after unsubscribing is none', () => {
    const { session, host } = busy();
    session.release();
    session.disconnected(cause);
    expect(host.outcome).toEqual({ error: undefined });
  });

  it('while it takes leave after a stop is an error, as the server may not have heard the end', () => {
    const { session, host } = sessionOf();
    session.stop();
    session.disconnected();
    expect(host.outcome?.error).toMatchObject({ code: 'CONNECTION_LOST' });
  });

  it('by our own time-out is an error of its own after a stop, and none after unsubscribing', () => {
    const timeout = new ConnectionError('CLOSE_TIMEOUT', 'The server did not end the stream');
    const stopped = sessionOf();
    stopped.session.stop();
    stopped.session.disconnected(timeout);
    expect(stopped.host.outcome?.error).toBe(timeout);
    const released = sessionOf();
    released.session.release();
    released.session.disconnected(timeout);
    expect(released.host.outcome).toEqual({ error: undefined });
  });

  it('after the end says nothing more', () => {
    const { session, receive, host } = busy();
    session.disconnected(cause);
    const before = host.happened.length;
    session.disconnected(cause);
    session.fail(cause);
    session.stop();
    session.release();
    session.close();
    session.tick(1000);
    session.report();
    session.pump();
    receive(...STREAM);
    expect([host.happened.length, host.delivered.length]).toEqual([before, 4]);
  });

  it('after CommandComplete is a shutdown', () => {
    const { session, receive, host } = busy();
    ackAll(host);
    receive(commandComplete('COPY 0'));
    expect(host.outcome).toBeUndefined();
    session.disconnected();
    expect(host.outcome?.error).toMatchObject({ code: 'SERVER_SHUTDOWN', retryable: true });
  });

  it('tells those who wait for it, once, and those who come later at once', () => {
    const { session } = busy();
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
