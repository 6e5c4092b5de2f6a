import { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer } from 'node:tls';
import { SSL_REQUEST } from './client-messages';
import type { Security } from './server-startup';
import type { ServerSocket } from './faulty-outbox';

/** TLS of the fake server. All fields are PEM. */
export interface FakeTls {
  /** The server's certificate, followed by intermediate certificates, if any. */
  readonly cert: string;
  readonly key: string;
  /** Certificate authorities of client certificates. */
  readonly ca?: string;
  /** Whether a client must present a certificate of these authorities, as with `clientcert=verify-ca`. Default: false. */
  readonly requestCert?: boolean;
}

export interface ServerSocketEvents {
  data(bytes: Buffer): void;
  /** Called when the TLS handshake is complete. */
  secured(security: Security): void;
  /** Called when the client has ended its side of the connection. */
  ended(): void;
}

const SSL_REQUEST_LENGTH = 8;
/** The first byte of a TLS handshake without an SSLRequest. */
const HANDSHAKE = 0x16;

/** A TCP socket of the server. With a certificate it negotiates TLS if the client requests it. */
export class TcpServerSocket implements ServerSocket {
  readonly #raw: Socket;
  readonly #events: ServerSocketEvents;
  /** The stream to read from and write to: the raw socket, or TLS on it. */
  #socket: Socket;
  /** Bytes received before it is known whether the client uses TLS. */
  #received = Buffer.alloc(0);

  /**
   * @param tls undefined: the server declines TLS
   * @param direct whether TLS may start without an SSLRequest
   */
  constructor(socket: Socket, tls: FakeTls | undefined, direct: boolean, events: ServerSocketEvents) {
    this.#raw = socket;
    this.#socket = socket;
    this.#events = events;
    if (tls) this.#negotiate(tls, direct);
    else this.#listen();
  }

  write(bytes: Buffer): void {
    if (this.#socket.writable) this.#socket.write(bytes);
  }

  /** The socket is destroyed only when the client has ended its side, too, so no unread data is lost by a reset. */
  close(): void {
    this.#socket.end();
  }

  reset(): void {
    this.#raw.resetAndDestroy();
  }

  /** Node polls sockets between two immediates, but not always between two timers. */
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
    // A connection that the client breaks off is not a failure of the server.
    this.#socket.on('error', () => undefined);
  }

  #negotiate(tls: FakeTls, direct: boolean): void {
    const raw = this.#raw;
    const ended = (): void => {
      this.#events.ended();
    };
    const detect = (bytes: Buffer): void => {
      this.#received = Buffer.concat([this.#received, bytes]);
      const received = this.#received;
      const starts = received[0] === HANDSHAKE;
      if (!starts && received.length < SSL_REQUEST_LENGTH) return;
      raw.off('data', detect);
      raw.off('end', ended);
      if (starts) {
        // Servers before PostgreSQL 17 read this as a message with an invalid length.
        if (direct) this.#secure(tls, received);
        else raw.destroy();
      } else if (received.readInt32BE(4) === SSL_REQUEST) {
        raw.write('S');
        this.#secure(tls, received.subarray(SSL_REQUEST_LENGTH));
      } else {
        this.#listen();
        this.#events.data(received);
      }
    };
    raw.on('data', detect);
    raw.on('end', ended);
    raw.on('error', () => undefined);
  }

  #secure({ cert, key, ca, requestCert = false }: FakeTls, received: Buffer): void {
    // As in PostgreSQL: a client without a certificate is rejected after its StartupMessage.
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
    // The client reports its own TLS failure.
    server.on('tlsClientError', () => this.#raw.destroy());
    // The client disconnected during the handshake.
    this.#raw.allowHalfOpen = false;
    // The TLS server reads what was already received.
    this.#raw.pause();
    if (received.length > 0) this.#raw.unshift(received);
    server.emit('connection', this.#raw);
  }
}
