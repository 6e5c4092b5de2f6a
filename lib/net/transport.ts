import { connect as connectTcp, type OnReadOpts, type Socket } from 'node:net';
import type { ChannelSecurity } from '../wire/channel-security';
import { getSocketPath } from './address';
import { BatchingReader } from './batching-reader';
import { ReadPacer } from './read-pacer';
import type { Target } from './target';
import { negotiateTls } from './tls';
import { toClientCertificateError } from './tls-errors';

/** The events of a connection. None is emitted before `connect` has returned. */
export interface TransportEvents {
  /** Bytes may be written. */
  connected(channel: ChannelSecurity): void;
  data(chunk: Buffer): void;
  /** The last event. It is always emitted unless `end` or `destroy` was called. */
  closed(cause?: Error): void;
}

/** A connection to the server, with the clock and the timers that its users need. */
export interface Transport {
  write(bytes: Buffer): void;
  /** Pauses reading from the socket: no `data` event follows until {@link resume}. */
  pause(): void;
  resume(): void;
  /** Closes once all written data is sent, at the latest after so many ms. */
  end(ms: number): void;
  /** Closes at once, without an event. */
  destroy(): void;
  /** Calls back in a later turn of the event loop, after pending sockets and timers. */
  defer(callback: () => void): void;
  /** @returns a function that cancels it */
  timeout(ms: number, callback: () => void): () => void;
  /** Monotonic, in ms. */
  elapsed(): number;
}

export type Connect = (target: Target, events: TransportEvents) => Transport;

/** Connects over TCP or a Unix-domain socket, with TLS if the target requires it. */
export const connectSocket: Connect = (target, events) => new SocketTransport(target, events);

class SocketTransport implements Transport {
  readonly #reader: BatchingReader;
  #socket: Socket;
  #detached = false;

  constructor(target: Target, events: TransportEvents) {
    const readerEvents = {
      data: (bytes: Buffer) => {
        events.data(bytes);
      },
      setReading: (isReading: boolean) => {
        if (isReading) this.#socket.resume();
        else this.#socket.pause();
      },
    };
    const isLocal = getSocketPath(target) !== undefined;
    // A Unix-domain socket buffers only a few hundred messages, so it would be full long before a pause ends.
    const reader = new BatchingReader(readerEvents, isLocal ? undefined : new ReadPacer(performance.now()));
    this.#reader = reader;
    const tls = isLocal ? undefined : target.tls;
    let negotiating = tls !== undefined;
    this.#socket = openSocket(target, reader.nextReadBuffer, (length, buffer) => {
      if (!negotiating) return reader.recordRead(length);
      // With `onread`, Node emits no `data` event.
      this.#socket.emit('data', Buffer.from(buffer.subarray(0, length)));
      return true;
    });
    let cause: Error | undefined;
    const onError = (error: Error): void => {
      cause ??= toClientCertificateError(error) ?? error;
    };
    const onClose = (): void => {
      reader.end();
      if (!this.#detached) events.closed(cause);
    };
    const onConnected = (channel: ChannelSecurity): void => {
      if (this.#detached) return;
      const address = this.#socket.remoteAddress;
      events.connected(address === undefined ? channel : { ...channel, address });
    };
    // The error listener is never removed: an error after teardown must not end the process.
    this.#socket.on('error', onError);
    this.#socket.on('close', onClose);
    this.#socket.once('connect', () => {
      if (!tls) {
        onConnected({ kind: isLocal ? 'local' : 'clear' });
        return;
      }
      negotiateTls(this.#socket, target.host, tls, {
        ready: (socket, channel) => {
          negotiating = false;
          if (socket !== this.#socket) {
            this.#socket = socket;
            socket.on('error', (error) => {
              onError(error);
              // After an error that follows its handshake, a TLS socket stays open.
              socket.destroy();
            });
            socket.on('data', (chunk: Buffer) => {
              reader.append(chunk);
            });
          }
          onConnected(channel);
        },
        failed: (error) => {
          onError(error);
          this.#socket.destroy();
        },
      });
    });
  }

  write(bytes: Buffer): void {
    if (this.#socket.writable) this.#socket.write(bytes);
  }

  pause(): void {
    this.#reader.pause();
  }

  resume(): void {
    this.#reader.resume();
  }

  end(ms: number): void {
    this.#detach();
    // A destroyed socket emits no further `close`.
    if (this.#socket.destroyed) return;
    // A paused socket would not notice that the server has closed the connection.
    this.#socket.resume();
    this.#socket.destroySoon();
    const cancel = this.timeout(ms, () => {
      this.#socket.destroy();
    });
    this.#socket.once('close', cancel);
  }

  destroy(): void {
    this.#detach();
    this.#socket.destroy();
  }

  defer(callback: () => void): void {
    setImmediate(callback);
  }

  timeout(ms: number, callback: () => void): () => void {
    const timer = setTimeout(callback, ms);
    return () => {
      clearTimeout(timer);
    };
  }

  elapsed(): number {
    return performance.now();
  }

  #detach(): void {
    this.#detached = true;
    this.#reader.close();
  }
}

/**
 * @param nextReadBuffer returns the buffer for the next read; not used with TLS, which reads from the socket itself
 * @param onRead called with the number of bytes read and the buffer; returns whether to read on
 */
function openSocket(target: Target, nextReadBuffer: () => Buffer, onRead: OnReadOpts['callback']): Socket {
  const { host, port, address = host, keepAlive } = target;
  const path = getSocketPath(target);
  const onread = { buffer: nextReadBuffer, callback: onRead };
  if (path !== undefined) return connectTcp({ path, onread });
  return connectTcp({
    host: address,
    port,
    noDelay: true,
    keepAlive: keepAlive !== undefined,
    // Node.js rounds down to seconds.
    keepAliveInitialDelay: Math.ceil((keepAlive ?? 0) / 1000) * 1000,
    onread,
  });
}
