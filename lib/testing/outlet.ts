/** The way to the client: a socket, or what stands for one. */
export interface Line {
  write(bytes: Buffer): void;
  /** Ends the server's half in order, behind what was written: FIN. */
  close(): void;
  /** Cuts it at once: RST. */
  reset(): void;
  /** Calls back in a later turn, when the client may have read what was written. */
  defer(callback: () => void): void;
}

export interface OutletEvents {
  /** A segment leaves. */
  passed(bytes: Buffer): void;
  /** The connection was closed, as asked for or by a fault. */
  ended(): void;
}

/**
 * What a server process writes goes through here, where faults of the network can be made: rests, other segments, and
 * the end of it all at any byte. Without a fault it passes on what comes, at once.
 */
export class Outlet {
  readonly #line: Line;
  readonly #later: (ms: number, callback: () => void) => void;
  readonly #events: OutletEvents;
  #queue: Buffer[] = [];
  /** Sizes of the segments to come. */
  #sizes: number[] = [];
  #rests = 0;
  #cut: { after: number; readonly how: 'close' | 'reset' } | undefined;
  #state: 'open' | 'closing' | 'closed' = 'open';

  constructor(line: Line, later: (ms: number, callback: () => void) => void, events: OutletEvents) {
    this.#line = line;
    this.#later = later;
    this.#events = events;
  }

  write(bytes: Buffer): void {
    if (this.#state !== 'open' || bytes.length === 0) return;
    this.#queue.push(bytes);
    this.#flow();
  }

  /** Closes in order, once all that was written has left. */
  close(): void {
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    this.#flow();
  }

  /** Nothing leaves any more; what still waits is lost. */
  shut(): void {
    this.#state = 'closed';
    this.#queue = [];
  }

  /** Nothing leaves for so many ms; then it leaves as it was written. */
  stall(ms: number): void {
    this.#rest((callback) => {
      this.#later(ms, callback);
    });
  }

  /** What is written within so many ms leaves as one segment. */
  glue(ms: number): void {
    this.#rest((callback) => {
      this.#later(ms, () => {
        if (this.#queue.length > 0) this.#queue = [Buffer.concat(this.#queue)];
        callback();
      });
    });
  }

  /** What is written next leaves in segments of these sizes in bytes, and what follows as usual. */
  split(sizes: readonly number[]): void {
    this.#sizes.push(...sizes.filter((size) => size > 0));
  }

  /** Ends the connection once so many more bytes have left, in the middle of a message or not. */
  cut(after: number, how: 'close' | 'reset' = 'close'): void {
    this.#cut = { after, how };
    this.#flow();
  }

  /** The client hears the end, and is still heard. */
  halfClose(): void {
    if (this.#state === 'closed') return;
    this.shut();
    this.#line.close();
  }

  /** @param wait calls back when the rest is over */
  #rest(wait: (callback: () => void) => void): void {
    this.#rests++;
    wait(() => {
      this.#rests--;
      this.#flow();
    });
  }

  #flow(): void {
    while (this.#rests === 0 && this.#state !== 'closed') {
      const chunk = this.#cut?.after === 0 ? undefined : this.#queue.shift();
      if (chunk) {
        this.#pass(chunk);
      } else {
        if (this.#cut?.after === 0) this.#end(this.#cut.how);
        else if (this.#state === 'closing') this.#end('close');
        return;
      }
    }
  }

  #pass(chunk: Buffer): void {
    const size = this.#sizes.shift();
    const segment = chunk.subarray(0, Math.min(size ?? Infinity, this.#cut?.after ?? Infinity));
    const rest = chunk.subarray(segment.length);
    if (rest.length > 0) this.#queue.unshift(rest);
    if (this.#cut) this.#cut.after -= segment.length;
    if (size !== undefined) {
      // In a turn of its own, or TCP would put the segments together again.
      this.#rest((callback) => {
        this.#line.defer(callback);
      });
    }
    this.#events.passed(segment);
    this.#line.write(segment);
  }

  #end(how: 'close' | 'reset'): void {
    this.shut();
    this.#events.ended();
    this.#line[how]();
  }
}
