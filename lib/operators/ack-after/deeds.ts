import type { Work } from './work';

/** Where in its transaction something stands: a change's ordinal, or a name for what is no change. */
export type Place = number | string;

/**
 * What is known of the works on one transaction: which places are done, and which are being worked on. There may be millions
 * of changes. They are mostly done in their order, so they are counted; those that are done before others, or of which an
 * operator above has dropped some, take a bit each.
 */
export class Deeds<R> {
  /** Every change before this one is done. */
  #through = 0;
  readonly #bits = new Bits();
  readonly #names = new Set<string>();
  readonly #works = new Map<Place, Work<R>>();

  isDone(place: Place): boolean {
    if (typeof place === 'string') return this.#names.has(place);
    return place < this.#through || this.#bits.has(place);
  }

  /** A work that has failed is as if it had never been, so that it is done again. */
  workAt(place: Place): Work<R> | undefined {
    const work = this.#works.get(place);
    return work?.state === 'over' ? undefined : work;
  }

  /** Whether anything of it is being worked on. */
  get running(): boolean {
    return [...this.#works.values()].some((work) => work.state === 'running');
  }

  /** What had been done before was not given to this work, though it stands in the same array: it stays done. */
  begin(place: Place, work: Work<R>): void {
    if (this.#works.get(place)?.state !== 'done') this.#works.set(place, work);
  }

  done(place: Place): void {
    this.#works.delete(place);
    if (typeof place === 'string') this.#names.add(place);
    else if (place !== this.#through) this.#bits.add(place);
    else while (this.#bits.has(++this.#through));
  }
}

/** A set of numbers that takes a bit for each number up to its largest. */
class Bits {
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
