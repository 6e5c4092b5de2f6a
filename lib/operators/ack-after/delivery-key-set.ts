import { IndexSet } from '../../common/index-set';

/** Identifies a delivery within its transaction: the ordinal of a change, or a name for what is no change. */
export type DeliveryKey = number | string;

/** A set of deliveries of one transaction, which may have millions of changes. */
export class DeliveryKeySet {
  readonly #ordinals = new IndexSet();
  readonly #names = new Set<string>();

  has(key: DeliveryKey): boolean {
    return typeof key === 'string' ? this.#names.has(key) : this.#ordinals.has(key);
  }

  add(key: DeliveryKey): void {
    if (typeof key === 'string') this.#names.add(key);
    else this.#ordinals.add(key);
  }
}
