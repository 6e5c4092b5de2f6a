/** The server side of a connection: a socket, or a substitute. */
export interface ServerSocket {
  write(bytes: Buffer): void;
  /** Ends the server's side after all written data is sent: FIN. */
  close(): void;
  /** Closes the connection immediately: RST. */
  reset(): void;
  /** Calls back in a later turn of the event loop, when the client may have read the written data. */
  defer(callback: () => void): void;
}

export interface OutboxEvents {
  /** Called before a segment is written to the socket. */
  sent(bytes: Buffer): void;
  /** Called when the connection is closed, on request or by a fault. */
  ended(): void;
}

/**
 * Writes the output of a server process to its socket, and injects network faults: pauses, other segments, and the end of the
 * connection at any byte. Without a fault it writes everything immediately.
 */
export class FaultyOutbox {
  readonly #socket: ServerSocket;
  readonly #schedule: (ms: number, callback: () => void) => void;
  readonly #events: OutboxEvents;
  #queue: Buffer[] = [];
  /** The sizes of the next segments. */
  #sizes: number[] = [];
  #pauses = 0;
  #cut: { after: number; readonly how: 'close' | 'reset' } | undefined;
  #state: 'open' | 'closing' | 'closed' = 'open';

  constructor(socket: ServerSocket, schedule: (ms: number, callback: () => void) => void, events: OutboxEvents) {
    this.#socket = socket;
    this.#schedule = schedule;
    this.#events = events;
  }

  write(bytes: Buffer): void {
    if (this.#state !== 'open' || bytes.length === 0) return;
    this.#queue.push(bytes);
    this.#flush();
  }

  /** Closes once all written data is sent. */
  close(): void {
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    this.#flush();
  }

  /** Discards queued data, and writes nothing more. */
  discard(): void {
    this.#state = 'closed';
    this.#queue = [];
  }

  /** Writes nothing for this time, in ms, and then everything in the original segments. */
  stall(ms: number): void {
    this.#pause((callback) => {
      this.#schedule(ms, callback);
    });
  }

  /** Writes the data of this time, in ms, as one segment. */
  glue(ms: number): void {
    this.#pause((callback) => {
      this.#schedule(ms, () => {
        if (this.#queue.length > 0) this.#queue = [Buffer.concat(this.#queue)];
        callback();
      });
    });
  }

  /** Writes the next bytes in segments of these sizes, in bytes. */
  split(sizes: readonly number[]): void {
    this.#sizes.push(...sizes.filter((size) => size > 0));
  }

  /** Ends the connection after this number of bytes, possibly within a message. */
  cut(after: number, how: 'close' | 'reset' = 'close'): void {
    this.#cut = { after, how };
    this.#flush();
  }

  /** Ends the server's side; the client can still send. */
  halfClose(): void {
    if (this.#state === 'closed') return;
    this.discard();
    this.#socket.close();
  }

  /** @param wait calls back after a pause */
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
      // In a separate turn of the event loop, because TCP would merge the segments otherwise.
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
