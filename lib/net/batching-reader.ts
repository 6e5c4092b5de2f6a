import { FULL_READ, type ReadPacer } from './read-pacer';
import { ReceiveBuffer } from './receive-buffer';

/** What the reader calls: the listener for its bytes, and the flow control of its socket. */
export interface BatchingReaderHandlers {
  /** Bytes were received, in order. */
  data(bytes: Buffer): void;
  /** Pauses or resumes the socket. */
  setReading(isReading: boolean): void;
}

/**
 * Collects the bytes that are read and emits them once per turn of the event loop: under TLS each message is read separately,
 * however many were received at once.
 */
export class BatchingReader {
  readonly #handlers: BatchingReaderHandlers;
  readonly #received = new ReceiveBuffer();
  readonly #pacer: ReadPacer | undefined;
  /** Received and not emitted yet. */
  readonly #chunks: Buffer[] = [];
  #immediate: NodeJS.Immediate | undefined;
  #pauseTimer: NodeJS.Timeout | undefined;
  #isPaused = false;
  #closed = false;

  /** @param pacer adds short pauses, so that the kernel batches reads; without it only {@link pause} and a full read stop reading */
  constructor(handlers: BatchingReaderHandlers, pacer?: ReadPacer) {
    this.#handlers = handlers;
    this.#pacer = pacer;
  }

  /** The buffer for the next read. */
  get nextReadBuffer(): () => Buffer {
    return this.#received.nextReadBuffer;
  }

  /**
   * Records that a read has filled so many bytes of the buffer.
   *
   * @returns whether to read on at once, rather than after these are emitted
   */
  recordRead(length: number): boolean {
    this.#received.commitRead(length);
    this.#emitLater();
    return length < FULL_READ || this.#closed;
  }

  /** Adds bytes that were read into another buffer. */
  append(chunk: Buffer): void {
    this.#received.append(chunk);
    this.#emitLater();
  }

  /** Stops emitting and pauses the socket (back-pressure). */
  pause(): void {
    this.#setPaused(true);
  }

  resume(): void {
    this.#setPaused(false);
  }

  /** The socket has ended: emits the rest, even while paused. */
  end(): void {
    this.#isPaused = false;
    this.#emit();
    this.close();
  }

  /** Emits nothing more. */
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
   * Emits until the listener pauses the reader.
   *
   * @returns the number of bytes emitted
   */
  #emit(): number {
    let bytes = 0;
    this.#chunks.push(...this.#received.take());
    while (!this.#isPaused && !this.#closed) {
      const piece = this.#chunks.shift();
      if (piece === undefined) break;
      bytes += piece.length;
      this.#handlers.data(piece);
    }
    return bytes;
  }

  #applyPause(bytes: number): void {
    // Emissions by back-pressure and during a pause say nothing of the pauses.
    if (bytes === 0 || this.#pauseTimer !== undefined) return;
    const ms = this.#pacer?.recordReadAndChoosePause(bytes, performance.now()) ?? 0;
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
    this.#handlers.setReading(!this.#isPaused && this.#pauseTimer === undefined);
  }
}
