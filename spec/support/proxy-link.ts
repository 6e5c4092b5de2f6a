import { connect, type Socket } from 'node:net';
import { FrameSplitter } from './frame-splitter';

export type Side = 'client' | 'server';

/**
 * Receives each frame with the side that sent it, and returns what is forwarded instead: the frame, others, or nothing; `cut`
 * closes the connection.
 */
export type FrameFilter = (frame: Buffer, from: Side) => Buffer | readonly Buffer[] | 'cut';

interface LinkOptions {
  readonly filter: FrameFilter;
  readonly delay: () => number;
  readonly closed: () => void;
}

/** One connection through a proxy: two sockets, and the faults between them. */
export class ProxyLink {
  readonly #options: LinkOptions;
  readonly #sockets: Readonly<Record<Side, Socket>>;
  #open = 2;
  #stalled = false;
  /** The number of bytes that are still forwarded to the client. */
  #left = Infinity;

  constructor(client: Socket, target: { host: string; port: number }, options: LinkOptions) {
    this.#options = options;
    const server = connect({ host: target.host, port: target.port, allowHalfOpen: true });
    this.#sockets = { client, server };
    this.#carry('client');
    this.#carry('server');
    client.resume();
  }

  cut(how: 'fin' | 'rst'): void {
    for (const socket of Object.values(this.#sockets)) {
      if (how === 'fin') socket.destroySoon();
      // Node 20 never releases a socket that is reset while its end is pending, and then hangs at exit.
      else if (socket.writableEnded) socket.destroy();
      else socket.resetAndDestroy();
    }
  }

  cutAfter(bytes: number): void {
    this.#left = bytes;
  }

  halfClose(side: Side): void {
    other(this.#sockets, side).end();
  }

  stall(): void {
    this.#stalled = true;
  }

  inject(frames: readonly Buffer[]): void {
    this.#send('client', frames);
  }

  #carry(from: Side): void {
    const source = this.#sockets[from];
    const sink = other(this.#sockets, from);
    const to = from === 'client' ? 'server' : 'client';
    const splitter = new FrameSplitter(from);
    source.setNoDelay(true);
    source.on('data', (chunk) => {
      if (this.#stalled) return;
      this.#later(() => this.#pass(from, to, splitter.push(chunk)));
    });
    source.on('drain', () => sink.resume());
    source.on('end', () => {
      // A side that does not receive the other's end detects it by its own timeout.
      if (this.#stalled) source.destroy();
      else this.#later(() => sink.end());
    });
    source.on('error', () => undefined);
    source.on('close', () => {
      this.#open--;
      if (!this.#stalled) this.#later(() => sink.destroySoon());
      if (this.#open === 0) this.#options.closed();
    });
  }

  #later(what: () => void): void {
    const ms = this.#options.delay();
    if (ms > 0) setTimeout(what, ms);
    else what();
  }

  #pass(from: Side, to: Side, frames: readonly Buffer[]): void {
    const passing: Buffer[] = [];
    for (const frame of frames) {
      const outcome = this.#options.filter(frame, from);
      if (outcome === 'cut') {
        this.#send(to, passing);
        this.cut('rst');
        return;
      }
      if (Buffer.isBuffer(outcome)) passing.push(outcome);
      else passing.push(...outcome);
    }
    this.#send(to, passing);
  }

  #send(to: Side, frames: readonly Buffer[]): void {
    const sink = this.#sockets[to];
    if (this.#stalled || frames.length === 0 || !sink.writable) return;
    const bytes = Buffer.concat(frames);
    if (to === 'server') {
      this.#write('server', bytes);
      return;
    }
    this.#write('client', bytes.subarray(0, Math.min(bytes.length, this.#left)));
    this.#left -= bytes.length;
    if (this.#left <= 0) this.cut('fin');
  }

  #write(to: Side, bytes: Buffer): void {
    // A reader that pauses makes the sender pause, too.
    if (!this.#sockets[to].write(bytes)) other(this.#sockets, to).pause();
  }
}

function other(sockets: Readonly<Record<Side, Socket>>, side: Side): Socket {
  return side === 'client' ? sockets.server : sockets.client;
}
