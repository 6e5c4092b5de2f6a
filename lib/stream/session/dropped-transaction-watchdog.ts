import type { DropEvidence } from '../../ledger/unit-ledger';
import { isPossiblyDropped, type CommitUnit } from '../../ledger/commit-unit';

/** An operator in between may be asynchronous, and bring it within so many ms. */
const GRACE = 1000;

/** Finds out whether what seems to have been dropped comes after all, and warns once of each kind if it does not. */
export class DroppedTransactionWatchdog {
  readonly #later: (ms: number, callback: () => void) => void;
  readonly #warn: (how: DropEvidence) => void;
  readonly #warned: Set<string>;
  #waiting = false;

  /** @param warned the kinds that need no warning any more */
  constructor(
    later: (ms: number, callback: () => void) => void,
    warned: Set<string>,
    warn: (how: DropEvidence) => void,
  ) {
    this.#later = later;
    this.#warned = warned;
    this.#warn = warn;
  }

  suspect(unit: CommitUnit, how: DropEvidence): void {
    if (this.#waiting || this.#warned.has(how)) return;
    this.#waiting = true;
    this.#later(GRACE, () => {
      this.#waiting = false;
      if (!isPossiblyDropped(unit)) return;
      this.#warned.add(how);
      this.#warn(how);
    });
  }
}
