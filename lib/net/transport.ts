import { connect as connectTcp, type Socket } from 'node:net';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { Intake } from './intake';
import { Pace } from './pace';
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

class SocketTransport implements Transport {
  readonly #intake: Intake;
  #socket: Socket;
  #deaf = false;

  constructor(target: Target, events: TransportEvents) {
    const intakeEvents = {
      data: (bytes: Buffer) => {
        events.data(bytes);
      },
      flow: (open: boolean) => {
        if (open) this.#socket.resume();
        else this.#socket.pause();
      },
    };
    // A Unix socket holds a few hundred messages: it would be full long before a rest is over.
    const intake = new Intake(intakeEvents, isUnix(target) ? undefined : new Pace(performance.now()));
    this.#intake = intake;
    const { tls } = target;
    this.#socket = open(target, tls ? undefined : intake);
    let cause: Error | undefined;
    const onError = (error: Error): void => {
      cause ??= error;
    };
    const onClose = (): void => {
      intake.end();
      if (!this.#deaf) events.closed(cause);
    };
    const onConnected = (): void => {
      if (!this.#deaf) events.connected();
    };
    // The listener for errors stays for good: one that comes after teardown must not end the process.
    this.#socket.on('error', onError);
    this.#socket.on('close', onClose);
    if (!tls) {
      this.#socket.once('connect', onConnected);
      return;
    }
    this.#socket.once('connect', () => {
      upgradeToTls(this.#socket, target.host, tls, {
        secured: (socket) => {
          this.#socket = socket;
          socket.on('error', onError);
          socket.on('data', (chunk: Buffer) => {
            intake.append(chunk);
          });
          onConnected();
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
    this.#intake.hold(resting);
  }

  end(ms: number): void {
    this.#hearNothing();
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
    this.#hearNothing();
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

  #hearNothing(): void {
    this.#deaf = true;
    this.#intake.close();
  }
}

function isUnix({ host }: Target): boolean {
  return host.startsWith('/');
}

/** @param intake where the bytes are read to; undefined where they are first to be decrypted */
function open(target: Target, intake: Intake | undefined): Socket {
  const { host, port } = target;
  const onread = intake && {
    buffer: intake.room,
    callback: (length: number): boolean => intake.filled(length),
  };
  return isUnix(target)
    ? connectTcp({ path: `${host}/.s.PGSQL.${port}`, onread })
    : connectTcp({ host, port, noDelay: true, keepAlive: true, onread });
}
