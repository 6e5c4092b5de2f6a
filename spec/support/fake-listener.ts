import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { asyncScheduler } from 'rxjs';
import type { Transport } from '../../lib/net/transport';
import { FakeBackend } from './fake-backend';

/** A FakeBackend behind a port of 127.0.0.1, for what makes its own connections. */
export class FakeListener {
  readonly server = new FakeBackend(asyncScheduler);
  readonly #sockets = new Set<Socket>();
  readonly #listener = createServer((socket) => this.#serve(socket));
  #port = 0;

  async listen(): Promise<this> {
    this.#listener.listen(0, '127.0.0.1');
    await once(this.#listener, 'listening');
    this.#port = (this.#listener.address() as AddressInfo).port;
    return this;
  }

  get url(): string {
    return `postgres://app:secret@127.0.0.1:${this.#port}/shop`;
  }

  /** Connections that are open. */
  get open(): number {
    return this.#sockets.size;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#listener.close();
    await once(this.#listener, 'close');
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    const client: Transport = this.server.connect(
      { host: '127.0.0.1', port: this.#port, tls: undefined },
      {
        connected: () => undefined,
        data: (chunk) => socket.write(chunk),
        closed: () => socket.destroySoon(),
      },
    );
    socket.on('data', (chunk: Buffer) => client.write(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#sockets.delete(socket);
      client.destroy();
    });
  }
}
