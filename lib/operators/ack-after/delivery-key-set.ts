/** Identifies a delivery within its transaction: the ordinal of a change, or a name for what is no change. */
export type DeliveryKey = number | string;

/**
 * A set of deliveries of one transaction. A transaction may have millions of changes, which are mostly added in order: these
 * are only counted. A change that is added before its predecessors takes one bit.
 */
export class DeliveryKeySet {
  /** Every ordinal below this one is in the set. */
  #through = 0;
  readonly #bits = new BitSet();
  readonly #names = new Set<string>();

  has(key: DeliveryKey): boolean {
    if (typeof key === 'string') return this.#names.has(key);
    return key < this.#through || this.#bits.has(key);
  }

  add(key: DeliveryKey): void {
    if (typeof key === 'string') this.#names.add(key);
    else if (key !== this.#through) this.#bits.add(key);
    else while (this.#bits.has(++this.#through));
  }
}

/** A set of numbers that takes a bit for each number up to its largest. */
class BitSet {
  #bytes: Uint8Array | undefined;

  has(n: number): boolean {
    return ((this.#bytes?.[n >>> 3] ?? 0) & (1 << (n & 7))) !== 0;
  }

  add(n: number): void {
    const at = n >>> 3;
    let bytes = this.#bytes;
    if (!bytes || at >= bytes.length) {
      bytes = new Uint8Array(Math.max(16, at * 2));
      bytes.set(this.#bytes ?? []);
      this.#bytes = bytes;
    }
    bytes[at] = (bytes[at] ?? 0) | (1 << (n & 7));
  }
}
