import { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer } from 'node:tls';
import { SSL_REQUEST } from './client-messages';
import type { Security } from './greeting';
import type { Line } from './outlet';

/** With what the fake server makes TLS. All of it is PEM. */
export interface FakeTls {
  /** The server's certificate, and whatever stands between it and its root. */
  readonly cert: string;
  readonly key: string;
  /** Whose client certificates it knows. */
  readonly ca?: string;
  /** Whether a client has to show one of those, as with `clientcert=verify-ca`. Default: false. */
  readonly requestCert?: boolean;
}

export interface LineEvents {
  data(bytes: Buffer): void;
  /** The handshake is over. */
  secured(security: Security): void;
  /** The client has closed its end. */
  ended(): void;
}

const SSL_REQUEST_LENGTH = 8;
/** How a handshake starts, where no SSLRequest goes before it. */
const HANDSHAKE = 0x16;

/** A socket at the server's end. Where there is a certificate it makes TLS for whoever wants it. */
export class SocketLine implements Line {
  readonly #raw: Socket;
  readonly #events: LineEvents;
  /** What is written to, and read from. */
  #socket: Socket;
  /** What has come before it is known whether TLS is wanted. */
  #first = Buffer.alloc(0);

  /**
   * @param tls undefined: the server has none, and says so to who asks
   * @param direct whether it may start without being asked for
   */
  constructor(socket: Socket, tls: FakeTls | undefined, direct: boolean, events: LineEvents) {
    this.#raw = socket;
    this.#socket = socket;
    this.#events = events;
    if (tls) this.#meet(tls, direct);
    else this.#listen();
  }

  write(bytes: Buffer): void {
    if (this.#socket.writable) this.#socket.write(bytes);
  }

  /** The socket is gone when the client has closed its end, too: nothing that it has yet to read is lost by a reset. */
  close(): void {
    this.#socket.end();
  }

  reset(): void {
    this.#raw.resetAndDestroy();
  }

  /** Sockets have their turn between two immediates; between two timers they may have none. */
  defer(callback: () => void): void {
    setImmediate(() => setImmediate(callback));
  }

  #listen(): void {
    this.#socket.on('data', (bytes: Buffer) => {
      this.#events.data(bytes);
    });
    this.#socket.on('end', () => {
      this.#events.ended();
    });
    // What a client does to its end is no failure of the server.
    this.#socket.on('error', () => undefined);
  }

  #meet(tls: FakeTls, direct: boolean): void {
    const raw = this.#raw;
    const ended = (): void => {
      this.#events.ended();
    };
    const look = (bytes: Buffer): void => {
      this.#first = Buffer.concat([this.#first, bytes]);
      const first = this.#first;
      const starts = first[0] === HANDSHAKE;
      if (!starts && first.length < SSL_REQUEST_LENGTH) return;
      raw.off('data', look);
      raw.off('end', ended);
      if (starts) {
        // Before 17 it takes this for a message of an absurd length.
        if (direct) this.#secure(tls, first);
        else raw.destroy();
      } else if (first.readInt32BE(4) === SSL_REQUEST) {
        raw.write('S');
        this.#secure(tls, first.subarray(SSL_REQUEST_LENGTH));
      } else {
        this.#listen();
        this.#events.data(first);
      }
    };
    raw.on('data', look);
    raw.on('end', ended);
    raw.on('error', () => undefined);
  }

  #secure({ cert, key, ca, requestCert = false }: FakeTls, received: Buffer): void {
    // PostgreSQL, too, refuses a client without a certificate only when it has introduced itself.
    const options = { cert, key, ca, requestCert, rejectUnauthorized: false, ALPNProtocols: ['postgresql'] };
    const server = createServer(options, (tls) => {
      tls.allowHalfOpen = true;
      this.#socket = tls;
      this.#listen();
      this.#events.secured({
        certificate: new X509Certificate(cert).raw,
        clientIsKnown: !requestCert || tls.authorized,
      });
    });
    // The client knows why it has ended it.
    server.on('tlsClientError', () => this.#raw.destroy());
    // A client that leaves in the middle of the handshake has left.
    this.#raw.allowHalfOpen = false;
    // The handshake finds there what has come already.
    this.#raw.pause();
    if (received.length > 0) this.#raw.unshift(received);
    server.emit('connection', this.#raw);
  }
}
