import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { encodeCopyDone, encodeQuery, encodeStartupMessage } from '../../../lib/wire/frontend';
import { FrameDecoder } from '../../../lib/wire/frames';
import { buildStartReplication } from '../../../lib/commands/sql';
import { encodeStandbyStatusUpdate } from '../../../lib/wire/replication-messages';
import type { FakeWalSender } from '../../../lib/testing';
import { until } from '../../net/support/local-server';

/** A client without manners: it sends what a spec says, and keeps what comes. */
export class RawClient {
  /** What came, segment by segment. */
  readonly segments: Buffer[] = [];
  /** The types of the frames that came; of CopyData with what it carries, as in `d:k` and `d:w`. */
  readonly frames: string[] = [];
  error: Error | undefined;
  ended = false;
  closed = false;
  readonly #socket: Socket;
  readonly #decoder = new FrameDecoder();

  private constructor(port: number) {
    this.#socket = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true });
    this.#socket.on('data', (bytes) => {
      this.segments.push(bytes);
      this.#decoder.push(bytes);
      while (this.#decoder.next()) this.#frame();
    });
    this.#socket.on('error', (error) => (this.error = error));
    this.#socket.on('end', () => (this.ended = true));
    this.#socket.on('close', () => (this.closed = true));
  }

  /** A TCP connection, and nothing said. */
  static async connect({ port }: FakeWalSender): Promise<RawClient> {
    const client = new RawClient(port);
    await once(client.#socket, 'connect');
    return client;
  }

  /** Up to the stream of slot `orders`. */
  static async stream(server: FakeWalSender, lsn = '0/0'): Promise<RawClient> {
    const client = await RawClient.connect(server);
    client.send(encodeStartupMessage({ user: 'app', database: 'postgres', replication: 'database' }));
    await client.received('Z');
    client.send(encodeQuery(buildStartReplication('orders', lsn, {})));
    // The server says how far it has come, and that there is no more.
    await client.received(server.behaviour.keepalives ? 'd:k' : 'W');
    return client;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.segments);
  }

  send(...parts: readonly Buffer[]): void {
    this.#socket.write(Buffer.concat(parts));
  }

  /** A status update with this flush position. */
  status(flushed: bigint, written = flushed): void {
    this.send(
      encodeStandbyStatusUpdate({ written, flushed, applied: flushed, now: Date.now(), replyRequested: false }),
    );
  }

  /** Resolves when so many frames of the type have come. */
  async received(frame: string, count = 1): Promise<void> {
    const came = (): boolean => this.frames.filter((one) => one === frame).length >= count;
    await until(() => came() || this.ended || this.closed);
    if (!came()) throw new Error(`the connection ended before ${count} × ${frame} had come`);
  }

  /** Ends the stream, and waits until the server has read all that was sent. */
  async leaveStream(): Promise<void> {
    const ready = this.frames.filter((one) => one === 'Z').length;
    this.send(encodeCopyDone());
    await this.received('Z', ready + 1);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #frame(): void {
    const { tag, buffer, start } = this.#decoder;
    const type = String.fromCharCode(tag);
    this.frames.push(type === 'd' ? `d:${String.fromCharCode(buffer[start] ?? 0)}` : type);
  }
}
