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

/** The behavior of the server on a connection. */
export interface Script {
  /** The response to SSLRequest. Default: S; undefined: direct TLS. */
  readonly answer?: string | Buffer | undefined;
  /** The options of the handshake; undefined: no handshake. */
  readonly tls?: ServerSide | undefined;
  /** Runs after the response, before any handshake. */
  readonly answered?: (socket: Socket) => void;
  /** Runs when the server's handshake is complete. */
  readonly secured?: (socket: TLSSocket) => void;
}

/** A server that accepts one connection, and the client under test. */
export class TlsFixture {
  readonly events = new Events();
  /** The data that the server received outside TLS, and inside it. */
  clear = Buffer.alloc(0);
  inside = '';
  /** The server name that the client requested. */
  servername: string | false | undefined;
  /** The subject of the client's certificate, if any. */
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

  /** Accepts a connection, and connects a client, which writes `hello` as soon as it may. */
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

  /** Resolves with the error with which the client has closed the connection. */
  async failure(): Promise<Error | undefined> {
    await this.events.until(() => this.events.log.includes('closed'));
    await until(() => handles().length <= this.#before);
    return this.events.cause;
  }

  async connected(): Promise<void> {
    await this.events.until(() => this.events.log.length > 0);
    expect(this.events.log).toEqual(['connected']);
  }

  /** Closes the server's side. Verifies that nothing of the client is left. */
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
      // Members missing in Node's types.
      const { servername } = tls as { servername?: string | false };
      this.servername = servername;
      this.client = tls.getPeerX509Certificate()?.subject;
      secured(tls);
    });
  }
}
