import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Target } from '../../../lib/net/target';
import type { TransportEvents } from '../../../lib/net/transport';
import type { ChannelSecurity } from '../../../lib/wire/channel-security';
import { LoopClock } from '../../support/loop-clock';

/** A server on 127.0.0.1 that a spec controls. */
export class LocalServer {
  readonly sockets: Socket[] = [];
  readonly #server: Server;
  #wake: () => void = () => undefined;

  constructor(serve: (socket: Socket) => void = () => undefined) {
    this.#server = createServer((socket) => {
      this.sockets.push(socket);
      socket.on('error', () => undefined);
      serve(socket);
      this.#wake();
    });
  }

  async listen(where: { path: string } | { port: number } = { port: 0 }): Promise<Target> {
    this.#server.listen({ host: '127.0.0.1', ...where });
    await once(this.#server, 'listening');
    const address = this.#server.address();
    return { host: '127.0.0.1', port: (address as AddressInfo).port, tls: undefined, keepAlive: undefined };
  }

  /** The accepted connection, or the next one. */
  async socket(index = 0): Promise<Socket> {
    while (this.sockets.length <= index) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.sockets[index]!;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** Records the events of a transport. */
export class Events implements TransportEvents {
  /** `connected`, `data` and `closed`, in order; consecutive `data` is one entry. */
  readonly log: string[] = [];
  channel: ChannelSecurity | undefined;
  cause: Error | undefined;
  received = Buffer.alloc(0);
  /** Called for each event. */
  on: (event: string) => void = () => undefined;

  connected(channel: ChannelSecurity): void {
    this.channel = channel;
    this.#say('connected');
  }

  data(chunk: Buffer): void {
    this.received = Buffer.concat([this.received, chunk]);
    this.#say('data');
  }

  closed(cause?: Error): void {
    this.cause = cause;
    this.#say('closed');
  }

  #say(event: string): void {
    if (event !== 'data' || this.log.at(-1) !== 'data') this.log.push(event);
    this.on(event);
  }

  readonly until = until;
}

export async function until(condition: () => boolean): Promise<void> {
  const clock = new LoopClock();
  while (!condition()) {
    if (clock.elapsed > 4000) throw new Error('it did not happen within 4 s');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  clock.stop();
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The sockets and timers that keep the process running. */
export function handles(): string[] {
  return process.getActiveResourcesInfo().filter((name) => /TCPSocketWrap|PipeWrap|TLSWrap|Timeout/.test(name));
}
