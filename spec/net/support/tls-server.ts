import type { Socket } from 'node:net';
import {
  TLSSocket,
  createSecureContext,
  type ConnectionOptions,
  type SecureContextOptions,
  type TLSSocketOptions,
} from 'node:tls';
import type { Target, TlsSettings } from '../../../lib/net/target';
import { connectSocket, type Transport } from '../../../lib/net/transport';
import { encodeSslRequest } from '../../../lib/wire/frontend';
import { Events, handles, LocalServer, until } from './local-server';

type ServerSide = TLSSocketOptions & SecureContextOptions;

/** What the server does with a connection. */
export interface Script {
  /** What it answers to SSLRequest. Default: S; undefined: TLS is to start at once. */
  readonly answer?: string | Buffer | undefined;
  /** Its end of the handshake; undefined: none. */
  readonly tls?: ServerSide | undefined;
  /** What it does when it has answered, before any handshake. */
  readonly answered?: (socket: Socket) => void;
  /** What it does when the handshake is over at its end. */
  readonly secured?: (socket: TLSSocket) => void;
}

/** A server that takes one connection, and the client that is tried out. */
export class Scene {
  readonly events = new Events();
  /** What the server could read: outside TLS, and inside. */
  clear = Buffer.alloc(0);
  inside = '';
  /** The name that the client asked for. */
  servername: string | false | undefined;
  /** Its certificate's subject, where it showed one. */
  client: string | undefined;
  readonly #before = handles().length;
  #server: LocalServer | undefined;

  /** Starts the server. */
  async serve(script: Script = {}): Promise<Target> {
    const { answered = () => undefined, tls } = script;
    const answer = 'answer' in script ? script.answer : 'S';
    this.#server = new LocalServer((socket) => {
      const start = (): void => {
        answered(socket);
        if (tls) this.#secure(socket, script, tls);
        else socket.on('data', (bytes: Buffer) => (this.clear = Buffer.concat([this.clear, bytes])));
      };
      if (answer === undefined) {
        start();
        return;
      }
      socket.once('data', (request: Buffer) => {
        expect(request).toEqual(encodeSslRequest());
        socket.write(answer);
        start();
      });
    });
    return this.#server.listen();
  }

  /** Serves, and connects to it. What may be said, once it may, is `hello`. */
  async open(
    script: Script,
    options: ConnectionOptions | (() => ConnectionOptions) = {},
    settings: Partial<TlsSettings & Target> = {},
  ): Promise<Transport> {
    const target = await this.serve(script);
    const { optional = false, direct = false, ...rest } = settings;
    const tls = { options: typeof options === 'function' ? options : () => options, optional, direct };
    const transport = connectSocket({ ...target, ...rest, tls }, this.events);
    this.events.on = (event) => {
      if (event === 'connected') transport.write(Buffer.from('hello'));
    };
    return transport;
  }

  /** The error with which the connection was closed, when the client has let go of it. */
  async failure(): Promise<Error | undefined> {
    await this.events.until(() => this.events.log.includes('closed'));
    await until(() => handles().length <= this.#before);
    return this.events.cause;
  }

  async connected(): Promise<void> {
    await this.events.until(() => this.events.log.length > 0);
    expect(this.events.log).toEqual(['connected']);
  }

  /** Closes what is open at the server; nothing of the client may be left then. */
  async close(): Promise<void> {
    await this.#server?.close();
    await until(() => handles().length <= this.#before);
  }

  #secure(socket: Socket, { secured = () => undefined }: Script, options: ServerSide): void {
    const secureContext = createSecureContext(options);
    const tls = new TLSSocket(socket, { ...options, isServer: true, secureContext });
    tls.on('error', () => undefined);
    tls.on('data', (bytes: Buffer) => (this.inside += bytes.toString('latin1')));
    tls.once('secure', () => {
      // What Node's types leave out.
      const { servername } = tls as { servername?: string | false };
      this.servername = servername;
      this.client = tls.getPeerX509Certificate()?.subject;
      secured(tls);
    });
  }
}
