import { FULL_READ, type ReadPacer } from './read-pacer';
import { ReceiveBuffer } from './receive-buffer';

/** What an intake does with a socket. */
export interface BatchingReaderEvents {
  /** What has come in, in order. */
  data(bytes: Buffer): void;
  /** Lets the socket rest, or flow again. */
  flow(open: boolean): void;
}

/**
 * Takes bytes as they are read, and hands them on once in a turn of the event loop: under TLS each message comes by itself,
 * however many have come at once. After that it may let the socket rest.
 */
export class BatchingReader {
  readonly #events: BatchingReaderEvents;
  readonly #received = new ReceiveBuffer();
  readonly #pace: ReadPacer | undefined;
  /** What has been received and waits to be handed on. */
  readonly #pieces: Buffer[] = [];
  #turn: NodeJS.Immediate | undefined;
  #resting: NodeJS.Timeout | undefined;
  #held = false;
  #closed = false;

  /** @param pace says when the socket may rest; without one it never does */
  constructor(events: BatchingReaderEvents, pace?: ReadPacer) {
    this.#events = events;
    this.#pace = pace;
  }

  /** Where the next read goes. */
  get nextReadBuffer(): () => Buffer {
    return this.#received.nextReadBuffer;
  }

  /**
   * A read has filled so many bytes of the room.
   *
   * @returns whether to read on at once, rather than when these have been handed on
   */
  commitRead(length: number): boolean {
    this.#received.commitRead(length);
    this.#handOnLater();
    return length < FULL_READ || this.#closed;
  }

  /** Something was read that is not in the room. */
  append(chunk: Buffer): void {
    this.#received.append(chunk);
    this.#handOnLater();
  }

  /** Keeps the socket from being read, or lets it. */
  hold(held: boolean): void {
    if (held === this.#held) return;
    this.#held = held;
    if (this.#pieces.length > 0) this.#handOnLater();
    this.#flow();
  }

  /** Nothing more will come: hands on what there is, until somebody holds it who then hears of the end. */
  end(): void {
    this.#held = false;
    this.#handOn();
    this.close();
  }

  /** Nobody wants to hear of anything any more. */
  close(): void {
    this.#closed = true;
    clearImmediate(this.#turn);
    clearTimeout(this.#resting);
  }

  #handOnLater(): void {
    if (this.#closed) {
      this.#received.take();
      return;
    }
    this.#turn ??= setImmediate(() => {
      this.#turn = undefined;
      this.#rest(this.#handOn());
    });
  }

  /**
   * What comes behind a hold waits for its end.
   *
   * @returns how many bytes it has handed on
   */
  #handOn(): number {
    let bytes = 0;
    this.#pieces.push(...this.#received.take());
    while (!this.#held && !this.#closed) {
      const piece = this.#pieces.shift();
      if (piece === undefined) break;
      bytes += piece.length;
      this.#events.data(piece);
    }
    return bytes;
  }

  #rest(bytes: number): void {
    const ms = this.#pace?.getPause(bytes, performance.now()) ?? 0;
    if (this.#closed) return;
    if (ms > 0) {
      this.#resting = setTimeout(() => {
        this.#resting = undefined;
        this.#flow();
      }, ms);
    }
    if (ms > 0 || bytes >= FULL_READ) this.#flow();
  }

  #flow(): void {
    this.#events.flow(!this.#held && this.#resting === undefined);
  }
}
