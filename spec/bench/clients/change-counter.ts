const INSERT = 0x49;
const UPDATE = 0x55;
const DELETE = 0x44;
const COMMIT = 0x43;
const COPY_DATA = 0x64;
const XLOG_DATA = 0x77;
const KEEPALIVE = 0x6b;
const READY_FOR_QUERY = 0x5a;
const ERROR_RESPONSE = 0x45;

/** The length of the headers of CopyData and XLogData, and the type byte of pgoutput's message. */
const HEAD = 5 + 25 + 1;

/** Callbacks of a {@link ChangeCounter}. */
export interface CounterEvents {
  changed(kind: 'insert' | 'update' | 'delete'): void;
  /** @param high the upper half of the end LSN */
  committed(high: number, low: number): void;
  replyRequested(): void;
  readyForQuery(): void;
  failed(): void;
}

/** Counts frames by their first bytes, and copies, decodes and validates nothing. */
export class ChangeCounter {
  /** The bytes of all XLogData payloads so far, plus one byte for each. */
  bytes = 0;
  readonly #sights: CounterEvents;
  /** The bytes of the current frame that are still to come. */
  #rest = 0;
  /** The start of a header that is split between two chunks. */
  readonly #head = Buffer.alloc(HEAD);
  #filled = 0;

  constructor(sights: CounterEvents) {
    this.#sights = sights;
  }

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#filled > 0 || chunk.length - at < HEAD) {
        // Copy byte by byte up to the end of the header, or of a shorter frame.
        if (this.#rest > 0) {
          at += this.#pass(chunk.length - at);
          continue;
        }
        this.#head[this.#filled++] = chunk[at++] ?? 0;
        if (this.#filled < 5 || this.#filled < Math.min(HEAD, this.#head.readUInt32BE(1) + 1)) continue;
        this.#look(this.#head, 0);
        this.#rest -= this.#filled;
        this.#filled = 0;
      } else {
        if (this.#rest === 0) this.#look(chunk, at);
        at += this.#pass(chunk.length - at);
      }
    }
  }

  #pass(available: number): number {
    const passed = Math.min(this.#rest, available);
    this.#rest -= passed;
    return passed;
  }

  #look(bytes: Buffer, at: number): void {
    this.#rest = bytes.readUInt32BE(at + 1) + 1;
    switch (bytes[at]) {
      case COPY_DATA:
        if (bytes[at + 5] === XLOG_DATA) this.#change(bytes, at);
        else if (bytes[at + 5] === KEEPALIVE && bytes[at + 22] === 1) this.#sights.replyRequested();
        break;
      case READY_FOR_QUERY:
        this.#sights.readyForQuery();
        break;
      case ERROR_RESPONSE:
        this.#sights.failed();
        break;
    }
  }

  #change(bytes: Buffer, at: number): void {
    this.bytes += this.#rest - (HEAD - 1) + 1;
    switch (bytes[at + HEAD - 1]) {
      case INSERT:
        this.#sights.changed('insert');
        break;
      case UPDATE:
        this.#sights.changed('update');
        break;
      case DELETE:
        this.#sights.changed('delete');
        break;
      case COMMIT:
        // The XLogData of a commit contains the end LSN.
        this.#sights.committed(bytes.readUInt32BE(at + 6), bytes.readUInt32BE(at + 10));
        break;
    }
  }
}
