const INSERT = 0x49;
const UPDATE = 0x55;
const DELETE = 0x44;
const COMMIT = 0x43;
const COPY_DATA = 0x64;
const XLOG_DATA = 0x77;
const KEEPALIVE = 0x6b;
const READY_FOR_QUERY = 0x5a;
const ERROR_RESPONSE = 0x45;

/** The header of a CopyData, that of the XLogData in it, and the type of pgoutput's message. */
const HEAD = 5 + 25 + 1;

/** What a {@link ChangeCounter} sees in the bytes. */
export interface Sights {
  changed(kind: 'insert' | 'update' | 'delete'): void;
  /** Gives the end of the transaction in two halves. */
  committed(high: number, low: number): void;
  replyRequested(): void;
  readyForQuery(): void;
  failed(): void;
}

/** Walks over the server's frames and looks at the first bytes of each; nothing is copied, decoded or checked. */
export class ChangeCounter {
  /** Bytes of all payloads of XLogData so far, and one for each. */
  bytes = 0;
  readonly #sights: Sights;
  /** How many bytes belong to a frame that was looked at. */
  #rest = 0;
  /** The head of a frame that a chunk cut. */
  readonly #head = Buffer.alloc(HEAD);
  #filled = 0;

  constructor(sights: Sights) {
    this.#sights = sights;
  }

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#filled > 0 || chunk.length - at < HEAD) {
        // Byte by byte up to the end of the head, or of a frame that is shorter.
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
        // An XLogData that carries a commit says where it ends.
        this.#sights.committed(bytes.readUInt32BE(at + 6), bytes.readUInt32BE(at + 10));
        break;
    }
  }
}
