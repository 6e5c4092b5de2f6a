import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createSecureContext, TLSSocket, type SecureContextOptions, type TLSSocketOptions } from 'node:tls';
import { SSL_REQUEST } from '../../../lib/testing/client-messages';

/** A client's message: its type, which the first messages do not have, and its body. */
export interface ClientMessage {
  readonly tag: string;
  readonly body: Buffer;
}

/** The attacker's actions on a connection. It ends when the client disconnects. */
export type Script = (peer: Peer) => unknown;

/** The client disconnected while the script waited for it. */
class Disconnected extends Error {}

/** The attacker's side of a connection. */
export class Peer {
  /** All data received outside TLS, and inside it. */
  clear = Buffer.alloc(0);
  inside = Buffer.alloc(0);
  /** Whether the client has disconnected. */
  disconnected = false;
  #socket: Socket;
  #unread = Buffer.alloc(0);
  #started = false;
  #wake: () => void = () => undefined;

  constructor(readonly raw: Socket) {
    this.#socket = raw;
    raw.on('error', () => undefined);
    raw.on('close', () => {
      this.disconnected = true;
      this.#wake();
    });
    raw.on('data', this.#receive);
  }

  /** All data received, without what cannot be decrypted. */
  get sent(): string {
    return this.clear.toString('latin1') + this.inside.toString('latin1');
  }

  readonly #receive = (bytes: Buffer): void => {
    if (this.#socket === this.raw) this.clear = Buffer.concat([this.clear, bytes]);
    else this.inside = Buffer.concat([this.inside, bytes]);
    this.#unread = Buffer.concat([this.#unread, bytes]);
    this.#wake();
  };

  /** The client's next message. */
  async next(): Promise<ClientMessage> {
    const typed = this.#started ? 1 : 0;
    const header = await this.#take(typed + 4, false);
    const length = header.readInt32BE(typed);
    const whole = await this.#take(typed + length, true);
    const body = whole.subarray(typed + 4);
    if (!this.#started && body.readInt32BE(0) !== SSL_REQUEST) this.#started = true;
    return { tag: typed ? whole.toString('latin1', 0, 1) : '', body };
  }

  /** Waits for SSLRequest. */
  async sslRequest(): Promise<void> {
    const { body } = await this.next();
    if (body.readInt32BE(0) !== SSL_REQUEST) throw new Error('The client did not ask for TLS');
  }

  /** Waits for the StartupMessage, and declines TLS if it is requested. */
  async startup(): Promise<ClientMessage> {
    for (;;) {
      const message = await this.next();
      if (this.#started) return message;
      this.send(Buffer.from('N'));
    }
  }

  send(...parts: readonly Buffer[]): void {
    if (this.#socket.writable) this.#socket.write(Buffer.concat(parts));
  }

  /** Sends single bytes with this pause in ms between them, until the client disconnects. */
  async drip(bytes: Buffer, ms: number): Promise<void> {
    for (let i = 0; !this.disconnected; i++) {
      this.send(bytes.subarray(i % bytes.length, (i % bytes.length) + 1));
      await new Promise((resolve) => setTimeout(resolve, ms));
    }
  }

  /** Sends the same bytes repeatedly, until the client stops reading. */
  async flood(bytes: Buffer): Promise<void> {
    while (!this.disconnected) {
      if (this.#socket.write(bytes)) continue;
      await new Promise<void>((resolve) => {
        const settle = (): void => {
          this.#socket.off('drain', settle);
          this.raw.off('close', settle);
          resolve();
        };
        this.#socket.once('drain', settle);
        this.raw.once('close', settle);
      });
    }
  }

  /** Performs the server's side of a TLS handshake. */
  async secure(options: TLSSocketOptions & SecureContextOptions): Promise<void> {
    this.raw.off('data', this.#receive);
    const { secureContext = createSecureContext(options) } = options;
    const tls = new TLSSocket(this.raw, { ALPNProtocols: ['postgresql'], ...options, isServer: true, secureContext });
    this.#socket = tls;
    tls.on('error', () => undefined);
    tls.on('data', this.#receive);
    await new Promise((resolve) => {
      tls.once('secure', resolve);
      this.raw.once('close', resolve);
    });
    if (this.disconnected) throw new Disconnected();
  }

  end(): void {
    this.#socket.end();
  }

  reset(): void {
    this.raw.resetAndDestroy();
  }

  async #take(length: number, consume: boolean): Promise<Buffer> {
    while (this.#unread.length < length) {
      if (this.disconnected) throw new Disconnected();
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    const taken = this.#unread.subarray(0, length);
    if (consume) this.#unread = this.#unread.subarray(length);
    return taken;
  }
}

/** Listens on 127.0.0.1, and runs its script for each client. */
export class HostileServer {
  readonly peers: Peer[] = [];
  readonly #server: Server;
  readonly #running: Promise<void>[] = [];

  private constructor(script: Script) {
    this.#server = createServer({ noDelay: true }, (socket) => {
      const peer = new Peer(socket);
      this.peers.push(peer);
      this.#running.push(this.#run(script, peer));
    });
  }

  static async listen(script: Script): Promise<HostileServer> {
    const server = new HostileServer(script);
    await once(server.#server.listen(0, '127.0.0.1'), 'listening');
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** All data received from clients, without what cannot be decrypted. */
  get sent(): string {
    return this.peers.map(({ sent }) => sent).join('');
  }

  /** Resolves when every client has disconnected; rejects if a script failed. */
  async close(): Promise<void> {
    this.#server.close();
    for (const peer of this.peers) peer.raw.destroy();
    await Promise.all(this.#running);
  }

  async #run(script: Script, peer: Peer): Promise<void> {
    try {
      await script(peer);
    } catch (error) {
      if (!(error instanceof Disconnected)) throw error;
    }
  }
}
