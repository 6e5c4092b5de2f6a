/** The server's end of a connection: a socket, or a substitute for one. */
export interface ServerSocket {
  write(bytes: Buffer): void;
  /** Closes the server's half after all that was written has been sent: FIN. */
  close(): void;
  /** Closes the connection at once: RST. */
  reset(): void;
  /** Calls back in a later turn, when the client may have read what was written. */
  defer(callback: () => void): void;
}

export interface OutboxEvents {
  /** A segment is about to be written to the socket. */
  sent(bytes: Buffer): void;
  /** The connection was closed, as asked for or by a fault. */
  ended(): void;
}

/**
 * Sits between a server process and its socket, and makes the faults of a network: pauses, other segments, and the end of
 * the connection at any byte. Without a fault it writes everything through at once.
 */
export class FaultyOutbox {
  readonly #socket: ServerSocket;
  readonly #later: (ms: number, callback: () => void) => void;
  readonly #events: OutboxEvents;
  #queue: Buffer[] = [];
  /** Sizes of the segments to come. */
  #sizes: number[] = [];
  #pauses = 0;
  #cut: { after: number; readonly how: 'close' | 'reset' } | undefined;
  #state: 'open' | 'closing' | 'closed' = 'open';

  constructor(socket: ServerSocket, later: (ms: number, callback: () => void) => void, events: OutboxEvents) {
    this.#socket = socket;
    this.#later = later;
    this.#events = events;
  }

  write(bytes: Buffer): void {
    if (this.#state !== 'open' || bytes.length === 0) return;
    this.#queue.push(bytes);
    this.#flush();
  }

  /** Closes in order, once all that was written has left. */
  close(): void {
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    this.#flush();
  }

  /** Discards what is queued, and writes nothing more. */
  discard(): void {
    this.#state = 'closed';
    this.#queue = [];
  }

  /** Writes nothing for this time, in ms; then everything as it was written. */
  stall(ms: number): void {
    this.#pause((callback) => {
      this.#later(ms, callback);
    });
  }

  /** Gathers what is written within this time, in ms, into one segment. */
  glue(ms: number): void {
    this.#pause((callback) => {
      this.#later(ms, () => {
        if (this.#queue.length > 0) this.#queue = [Buffer.concat(this.#queue)];
        callback();
      });
    });
  }

  /** Writes the next bytes in segments of these sizes, in bytes, and what follows as usual. */
  split(sizes: readonly number[]): void {
    this.#sizes.push(...sizes.filter((size) => size > 0));
  }

  /** Ends the connection after this many more bytes, in the middle of a message or not. */
  cut(after: number, how: 'close' | 'reset' = 'close'): void {
    this.#cut = { after, how };
    this.#flush();
  }

  /** Closes the server's half; the client can still send. */
  halfClose(): void {
    if (this.#state === 'closed') return;
    this.discard();
    this.#socket.close();
  }

  /** @param wait calls back when the pause is over */
  #pause(wait: (callback: () => void) => void): void {
    this.#pauses++;
    wait(() => {
      this.#pauses--;
      this.#flush();
    });
  }

  #flush(): void {
    while (this.#pauses === 0 && this.#state !== 'closed') {
      const chunk = this.#cut?.after === 0 ? undefined : this.#queue.shift();
      if (chunk) {
        this.#writeSegment(chunk);
      } else {
        if (this.#cut?.after === 0) this.#end(this.#cut.how);
        else if (this.#state === 'closing') this.#end('close');
        return;
      }
    }
  }

  #writeSegment(chunk: Buffer): void {
    const size = this.#sizes.shift();
    const segment = chunk.subarray(0, Math.min(size ?? Infinity, this.#cut?.after ?? Infinity));
    const rest = chunk.subarray(segment.length);
    if (rest.length > 0) this.#queue.unshift(rest);
    if (this.#cut) this.#cut.after -= segment.length;
    if (size !== undefined) {
      // In a turn of its own: TCP would merge the segments otherwise.
      this.#pause((callback) => {
        this.#socket.defer(callback);
      });
    }
    this.#events.sent(segment);
    this.#socket.write(segment);
  }

  #end(how: 'close' | 'reset'): void {
    this.discard();
    this.#events.ended();
    this.#socket[how]();
  }
}
