import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createSecureContext, TLSSocket, type SecureContextOptions, type TLSSocketOptions } from 'node:tls';
import { SSL_REQUEST } from '../../../lib/testing/client-messages';

/** What a client has sent: its type, which the first ones have not, and what it holds. */
export interface ClientMessage {
  readonly tag: string;
  readonly body: Buffer;
}

/** What the attacker does with a connection. It ends when the client has left. */
export type Script = (peer: Peer) => unknown;

/** The client has left while the script waited for it. */
class Gone extends Error {}

/** A client, as whoever pretends to be its server sees it. */
export class Peer {
  /** All that it has sent outside TLS, and inside. */
  clear = Buffer.alloc(0);
  inside = Buffer.alloc(0);
  /** Whether it has left. */
  gone = false;
  #socket: Socket;
  #unread = Buffer.alloc(0);
  #started = false;
  #wake: () => void = () => undefined;

  constructor(readonly raw: Socket) {
    this.#socket = raw;
    raw.on('error', () => undefined);
    raw.on('close', () => {
      this.gone = true;
      this.#wake();
    });
    raw.on('data', this.#hear);
  }

  /** Everything that it has sent, but for what nobody can read. */
  get sent(): string {
    return this.clear.toString('latin1') + this.inside.toString('latin1');
  }

  readonly #hear = (bytes: Buffer): void => {
    if (this.#socket === this.raw) this.clear = Buffer.concat([this.clear, bytes]);
    else this.inside = Buffer.concat([this.inside, bytes]);
    this.#unread = Buffer.concat([this.#unread, bytes]);
    this.#wake();
  };

  /** Its next message. */
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

  /** Waits for the StartupMessage, and has no TLS for whoever asks for it. */
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

  /** Sends byte after byte with so many ms between them, for as long as somebody is there. */
  async drip(bytes: Buffer, ms: number): Promise<void> {
    for (let i = 0; !this.gone; i++) {
      this.send(bytes.subarray(i % bytes.length, (i % bytes.length) + 1));
      await new Promise((resolve) => setTimeout(resolve, ms));
    }
  }

  /** Sends the same for as long as somebody reads it. */
  async flood(bytes: Buffer): Promise<void> {
    while (!this.gone) {
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

  /** Its end of a TLS handshake. */
  async secure(options: TLSSocketOptions & SecureContextOptions): Promise<void> {
    this.raw.off('data', this.#hear);
    const { secureContext = createSecureContext(options) } = options;
    const tls = new TLSSocket(this.raw, { ALPNProtocols: ['postgresql'], ...options, isServer: true, secureContext });
    this.#socket = tls;
    tls.on('error', () => undefined);
    tls.on('data', this.#hear);
    await new Promise((resolve) => {
      tls.once('secure', resolve);
      this.raw.once('close', resolve);
    });
    if (this.gone) throw new Gone();
  }

  end(): void {
    this.#socket.end();
  }

  reset(): void {
    this.raw.resetAndDestroy();
  }

  async #take(length: number, consume: boolean): Promise<Buffer> {
    while (this.#unread.length < length) {
      if (this.gone) throw new Gone();
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    const taken = this.#unread.subarray(0, length);
    if (consume) this.#unread = this.#unread.subarray(length);
    return taken;
  }
}

/** Listens on 127.0.0.1 and does to each client what its script says. */
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

  /** Everything that clients have sent, but for what nobody can read. */
  get sent(): string {
    return this.peers.map(({ sent }) => sent).join('');
  }

  /** Resolves when every client has left; rejects where a script could not do what it was to. */
  async close(): Promise<void> {
    this.#server.close();
    for (const peer of this.peers) peer.raw.destroy();
    await Promise.all(this.#running);
  }

  async #run(script: Script, peer: Peer): Promise<void> {
    try {
      await script(peer);
    } catch (error) {
      if (!(error instanceof Gone)) throw error;
    }
  }
}
