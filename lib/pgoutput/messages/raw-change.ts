import type { DescribedTable } from './described-table';
import type { AnyChange } from './messages';

/** A streamed change as it came: what it takes to make it again, once it is known where its transaction commits. */
export interface RawChange {
  /** The subtransaction that made it. */
  readonly xid: number;
  /** A copy of the payload. */
  readonly payload: Buffer;
  /** The tables that it is about, as they were. */
  readonly relations: readonly DescribedTable[];
}

/** Has the constructor of a derived class put its private members into an object that exists already. */
class PrivateField {
  constructor(object: object) {
    return object;
  }
}

/** A change that carries its recording, out of sight. Others have no room for one, as they are many. */
class Recorded extends PrivateField {
  readonly #recording: RawChange;

  constructor(change: AnyChange, recording: RawChange) {
    super(change);
    this.#recording = recording;
  }

  static get(change: object): RawChange | undefined {
    return #recording in change ? change.#recording : undefined;
  }
}

export function attachRawChange(change: AnyChange, recording: RawChange): void {
  new Recorded(change, recording);
}

/** Undefined for a change that was not streamed. */
export function getRawChange(change: object): RawChange | undefined {
  return Recorded.get(change);
}
