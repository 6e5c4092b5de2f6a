import type { DescribedTable } from './described-table';
import type { AnyChange } from './messages';

/** The bytes of a streamed change, from which it is decoded again once the commit LSN of its transaction is known. */
export interface RawChange {
  /** The subtransaction that made the change. */
  readonly xid: number;
  /** A copy of the payload. */
  readonly payload: Buffer;
  /** The tables of the change, as described at that time. */
  readonly relations: readonly DescribedTable[];
}

/** Lets a derived class add private members to an existing object. */
class PrivateField {
  constructor(object: object) {
    return object;
  }
}

/** Stores the raw change in a private member of a streamed change, so that other changes take no memory for it. */
class RawChangeHolder extends PrivateField {
  readonly #raw: RawChange;

  constructor(change: AnyChange, raw: RawChange) {
    super(change);
    this.#raw = raw;
  }

  static get(change: object): RawChange | undefined {
    return #raw in change ? change.#raw : undefined;
  }
}

export function attachRawChange(change: AnyChange, raw: RawChange): void {
  new RawChangeHolder(change, raw);
}

/** Returns undefined for a change that was not streamed. */
export function getRawChange(change: object): RawChange | undefined {
  return RawChangeHolder.get(change);
}
