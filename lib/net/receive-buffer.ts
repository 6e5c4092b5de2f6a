/** So much is allocated at a time. */
const SLAB = 256 * 1024;
/** The least room to read into: what the kernel has gathered is to be taken at once. */
const ROOM = 128 * 1024;

/**
 * Gathers what comes in until somebody takes it. It is read into large pieces of memory, so that small reads cost no
 * allocations; nothing in them is written twice.
 */
export class ReceiveBuffer {
  #slab = Buffer.alloc(0);
  /** What has been gathered in the slab, in [#start, #end). */
  #start = 0;
  #end = 0;
  /** What was gathered before, in slabs that are full. */
  #full: Buffer[] = [];

  /** Where the next read goes. */
  readonly nextReadBuffer = (): Buffer => {
    if (this.#slab.length - this.#end < ROOM) {
      this.#setAside();
      this.#slab = Buffer.allocUnsafeSlow(SLAB);
      this.#start = 0;
      this.#end = 0;
    }
    return this.#slab.subarray(this.#end);
  };

  /** A read has filled so many bytes of the room. */
  commitRead(length: number): void {
    this.#end += length;
  }

  /** Adds what was read elsewhere. */
  append(chunk: Buffer): void {
    for (let at = 0; at < chunk.length;) {
      const copied = chunk.copy(this.nextReadBuffer(), 0, at);
      this.commitRead(copied);
      at += copied;
    }
  }

  /** @returns what has been gathered, in order */
  take(): Buffer[] {
    this.#setAside();
    const pieces = this.#full;
    this.#full = [];
    return pieces;
  }

  #setAside(): void {
    if (this.#start < this.#end) this.#full.push(this.#slab.subarray(this.#start, this.#end));
    this.#start = this.#end;
  }
}
