import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, TLSSocket } from 'node:tls';
import { encodeSslRequest } from '../../../lib/wire/frontend';
import { LocalServer } from '../../net/support/local-server';
import type { Credentials } from '../../support/certificates';
import type { TestServer } from '../../support/server';

export interface RelayOptions {
  /** The certificate presented to clients. */
  readonly certificate: Credentials;
  /** Whether it uses TLS with the server. Default: true. */
  readonly tls?: boolean;
  /** Changes the server's data. During authentication, the server writes one message at a time. */
  readonly edit?: (message: Buffer) => Buffer;
}

/** A man in the middle: terminates the TLS of clients, and can read everything. */
export class TlsRelay {
  readonly #server: LocalServer;
  port = 0;

  private constructor(target: TestServer, { certificate, tls = true, edit = (message) => message }: RelayOptions) {
    const secureContext = createSecureContext(certificate);
    this.#server = new LocalServer((socket) => {
      socket.once('data', () => {
        socket.write('S');
        const client = new TLSSocket(socket, { isServer: true, secureContext });
        client.on('error', () => undefined);
        void connected(target, tls).then((server) => {
          server.on('error', () => undefined);
          client.pipe(server);
          server.on('data', (message: Buffer) => client.write(edit(message)));
          server.on('end', () => client.end());
          client.on('close', () => server.destroy());
        });
      });
    });
  }

  static async before(server: TestServer, options: RelayOptions): Promise<TlsRelay> {
    const relay = new TlsRelay(server, options);
    relay.port = (await relay.#server.listen()).port;
    return relay;
  }

  close(): Promise<void> {
    return this.#server.close();
  }
}

async function connected({ host, port }: TestServer, tls: boolean): Promise<Socket> {
  const socket = connect({ host, port });
  if (!tls) return socket;
  socket.write(encodeSslRequest());
  await once(socket, 'data');
  return connectTls({ socket, rejectUnauthorized: false });
}
