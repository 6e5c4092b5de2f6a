import { FULL_READ, type ReadPacer } from './read-pacer';
import { ReceiveBuffer } from './receive-buffer';

/** What an intake does with a socket. */
export interface BatchingReaderEvents {
  /** What has come in, in order. */
  data(bytes: Buffer): void;
  /** Lets the socket rest, or flow again. */
  setReading(isReading: boolean): void;
}

/**
 * Takes bytes as they are read, and hands them on once in a turn of the event loop: under TLS each message comes by itself,
 * however many have come at once. After that it may let the socket rest.
 */
export class BatchingReader {
  readonly #events: BatchingReaderEvents;
  readonly #received = new ReceiveBuffer();
  readonly #pacer: ReadPacer | undefined;
  /** What has been received and waits to be handed on. */
  readonly #chunks: Buffer[] = [];
  #immediate: NodeJS.Immediate | undefined;
  #pauseTimer: NodeJS.Timeout | undefined;
  #isPaused = false;
  #closed = false;

  /** @param pace says when the socket may rest; without one it never does */
  constructor(events: BatchingReaderEvents, pace?: ReadPacer) {
    this.#events = events;
    this.#pacer = pace;
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
    this.#emitLater();
    return length < FULL_READ || this.#closed;
  }

  /** Something was read that is not in the room. */
  append(chunk: Buffer): void {
    this.#received.append(chunk);
    this.#emitLater();
  }

  /** Emits nothing more, and lets the socket be paused. */
  pause(): void {
    this.#setPaused(true);
  }

  resume(): void {
    this.#setPaused(false);
  }

  /** Nothing more will come: hands on what there is, until somebody holds it who then hears of the end. */
  end(): void {
    this.#isPaused = false;
    this.#emit();
    this.close();
  }

  /** Nobody wants to hear of anything any more. */
  close(): void {
    this.#closed = true;
    clearImmediate(this.#immediate);
    clearTimeout(this.#pauseTimer);
  }

  #setPaused(isPaused: boolean): void {
    if (isPaused === this.#isPaused) return;
    this.#isPaused = isPaused;
    if (this.#chunks.length > 0) this.#emitLater();
    this.#updateFlow();
  }

  #emitLater(): void {
    if (this.#closed) {
      this.#received.take();
      return;
    }
    this.#immediate ??= setImmediate(() => {
      this.#immediate = undefined;
      this.#applyPause(this.#emit());
    });
  }

  /**
   * What comes behind a hold waits for its end.
   *
   * @returns how many bytes it has handed on
   */
  #emit(): number {
    let bytes = 0;
    this.#chunks.push(...this.#received.take());
    while (!this.#isPaused && !this.#closed) {
      const piece = this.#chunks.shift();
      if (piece === undefined) break;
      bytes += piece.length;
      this.#events.data(piece);
    }
    return bytes;
  }

  #applyPause(bytes: number): void {
    const ms = this.#pacer?.getPause(bytes, performance.now()) ?? 0;
    if (this.#closed) return;
    if (ms > 0) {
      this.#pauseTimer = setTimeout(() => {
        this.#pauseTimer = undefined;
        this.#updateFlow();
      }, ms);
    }
    if (ms > 0 || bytes >= FULL_READ) this.#updateFlow();
  }

  #updateFlow(): void {
    this.#events.setReading(!this.#isPaused && this.#pauseTimer === undefined);
  }
}
