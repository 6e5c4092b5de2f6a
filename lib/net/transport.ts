import { connect as connectTcp, type Socket } from 'node:net';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { upgradeToTls } from './tls';

/** Where a server listens. A host that starts with `/` is the folder of a Unix socket. */
export interface Target {
  readonly host: string;
  readonly port: number;
  /** undefined: no TLS */
  readonly tls: TlsOptions | undefined;
}

/** What happens on a connection. Nothing is called before `connect` has returned. */
export interface TransportEvents {
  /** Bytes may be written. */
  connected(): void;
  data(chunk: Buffer): void;
  /** The last event, and the only one that always comes unless `destroy` was called. */
  closed(cause?: Error): void;
}

/** A connection to the server, with the clock and the timers that guard it. */
export interface Transport {
  write(bytes: Buffer): void;
  /** Stops taking bytes from the network, or goes on. */
  hold(resting: boolean): void;
  /** Closes once everything written has gone out, and after so many ms in any case. */
  end(ms: number): void;
  /** Closes at once, without an event. */
  destroy(): void;
  /** Calls back in a later turn of the event loop, when sockets and timers have had theirs. */
  defer(callback: () => void): void;
  /** @returns a function that cancels it */
  timeout(ms: number, callback: () => void): () => void;
  /** Monotonic, in ms. */
  elapsed(): number;
}

export type Connect = (target: Target, events: TransportEvents) => Transport;

/** Connects over TCP or a Unix socket, and TLS where asked for. */
export const connect: Connect = (target, events) => new SocketTransport(target, events);

function open({ host, port }: Target): Socket {
  return host.startsWith('/')
    ? connectTcp({ path: `${host}/.s.PGSQL.${port}` })
    : connectTcp({ host, port, noDelay: true, keepAlive: true });
}

class SocketTransport implements Transport {
  #socket: Socket;
  #resting = false;
  #deaf = false;

  constructor(target: Target, events: TransportEvents) {
    this.#socket = open(target);
    let cause: Error | undefined;
    const onError = (error: Error): void => {
      cause ??= error;
    };
    const onClose = (): void => {
      if (!this.#deaf) events.closed(cause);
    };
    const listen = (socket: Socket): void => {
      socket.on('data', (chunk: Buffer) => {
        if (!this.#deaf) events.data(chunk);
      });
      if (!this.#deaf) events.connected();
    };
    // The listener for errors stays for good: one that comes after teardown must not end the process.
    this.#socket.on('error', onError);
    this.#socket.on('close', onClose);
    this.#socket.once('connect', () => {
      if (!target.tls) {
        listen(this.#socket);
        return;
      }
      upgradeToTls(this.#socket, target.host, target.tls, {
        secured: (socket) => {
          this.#socket = socket;
          socket.on('error', onError);
          listen(socket);
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

  hold(resting: boolean): void {
    if (resting === this.#resting) return;
    this.#resting = resting;
    if (resting) this.#socket.pause();
    else this.#socket.resume();
  }

  end(ms: number): void {
    this.#deaf = true;
    // No event will tell any more that it has closed.
    if (this.#socket.destroyed) return;
    // A paused socket would never see the other side's end.
    this.#socket.resume();
    this.#socket.destroySoon();
    const cancel = this.timeout(ms, () => {
      this.#socket.destroy();
    });
    this.#socket.once('close', cancel);
  }

  destroy(): void {
    this.#deaf = true;
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
}
