/** Bytes allocated at a time. */
const SLAB = 256 * 1024;
/** The smallest buffer for a read: one read should take everything that the kernel has. */
const MIN_READ = 128 * 1024;

/**
 * Collects received bytes until they are taken. Reads fill large slabs, so that small reads allocate nothing; no byte of a slab is
 * written twice.
 */
export class ReceiveBuffer {
  #slab = Buffer.alloc(0);
  /** The collected bytes of the slab are in [#start, #end). */
  #start = 0;
  #end = 0;
  /** Bytes collected before, in full slabs. */
  #full: Buffer[] = [];

  /** The buffer for the next read. */
  readonly nextReadBuffer = (): Buffer => {
    if (this.#slab.length - this.#end < MIN_READ) {
      this.#setAside();
      this.#slab = Buffer.allocUnsafeSlow(SLAB);
      this.#start = 0;
      this.#end = 0;
    }
    return this.#slab.subarray(this.#end);
  };

  /** A read has filled so many bytes of the buffer. */
  commitRead(length: number): void {
    this.#end += length;
  }

  /** Adds bytes that were read into another buffer. */
  append(chunk: Buffer): void {
    for (let at = 0; at < chunk.length;) {
      const copied = chunk.copy(this.nextReadBuffer(), 0, at);
      this.commitRead(copied);
      at += copied;
    }
  }

  /** @returns the collected bytes, in order */
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
