/**
 * A set of indexes, which are mostly added in order: these are only counted. One that is added before its predecessors takes
 * one bit.
 */
export class IndexSet {
  #next = 0;
  #bits: BitSet | undefined;

  /** The first index that is not in the set. */
  get next(): number {
    return this.#next;
  }

  has(index: number): boolean {
    return index < this.#next || this.#bits?.has(index) === true;
  }

  add(index: number): void {
    if (index !== this.#next) {
      (this.#bits ??= new BitSet()).add(index);
      return;
    }
    this.#next++;
    if (this.#bits) while (this.#bits.has(this.#next)) this.#next++;
  }
}

/** A set of numbers that takes a bit for each number up to its largest. */
class BitSet {
  #bytes = new Uint8Array(16);

  has(n: number): boolean {
    return ((this.#bytes[n >>> 3] ?? 0) & (1 << (n & 7))) !== 0;
  }

  add(n: number): void {
    const at = n >>> 3;
    if (at >= this.#bytes.length) {
      const bytes = new Uint8Array(at * 2);
      bytes.set(this.#bytes);
      this.#bytes = bytes;
    }
    this.#bytes[at] = (this.#bytes[at] ?? 0) | (1 << (n & 7));
  }
}
