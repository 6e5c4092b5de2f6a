import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { encodeCopyDone, encodeQuery, encodeStartupMessage } from '../../../lib/wire/frontend';
import { FrameDecoder } from '../../../lib/wire/frames';
import { buildStartReplication } from '../../../lib/commands/sql';
import { encodeStandbyStatusUpdate } from '../../../lib/wire/replication-messages';
import type { FakeWalSender } from '../../../lib/testing';
import { until } from '../../net/support/local-server';

/** A client without a protocol implementation: it sends what a spec says, and records what it receives. */
export class RawClient {
  /** The data received, segment by segment. */
  readonly segments: Buffer[] = [];
  /** The types of the frames received; for CopyData with the type inside, as in `d:k` and `d:w`. */
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

  /** A TCP connection on which nothing was sent. */
  static async connect({ port }: FakeWalSender): Promise<RawClient> {
    const client = new RawClient(port);
    await once(client.#socket, 'connect');
    return client;
  }

  /** Starts the stream of slot `orders`. */
  static async stream(server: FakeWalSender, lsn = '0/0'): Promise<RawClient> {
    const client = await RawClient.connect(server);
    client.send(encodeStartupMessage({ user: 'app', database: 'postgres', replication: 'database' }));
    await client.received('Z');
    client.send(encodeQuery(buildStartReplication('orders', lsn, {})));
    // The server sends its position after all other data.
    await client.received(server.behaviour.keepalives ? 'd:k' : 'W');
    return client;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.segments);
  }

  send(...parts: readonly Buffer[]): void {
    this.#socket.write(Buffer.concat(parts));
  }

  /** Sends a status update with this flush position. */
  status(flushed: bigint, written = flushed): void {
    this.send(
      encodeStandbyStatusUpdate({ written, flushed, applied: flushed, now: Date.now(), replyRequested: false }),
    );
  }

  /** Resolves when this number of frames of the type is received. */
  async received(frame: string, count = 1): Promise<void> {
    const came = (): boolean => this.frames.filter((one) => one === frame).length >= count;
    await until(() => came() || this.ended || this.closed);
    if (!came()) throw new Error(`the connection ended before ${count} × ${frame} had come`);
  }

  /** Ends the stream, and waits until the server has read everything. */
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
