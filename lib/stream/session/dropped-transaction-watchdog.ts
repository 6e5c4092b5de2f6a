import type { DropEvidence } from '../../ledger/unit-ledger';
import { isPossiblyDropped, type CommitUnit } from '../../ledger/commit-unit';

/** An asynchronous operator may still pass it on within so many ms. */
const GRACE = 1000;

/** Checks again whether a transaction that seemed dropped has arrived, and warns once per kind of evidence if not. */
export class DroppedTransactionWatchdog {
  readonly #schedule: (ms: number, callback: () => void) => void;
  readonly #warn: (how: DropEvidence) => void;
  readonly #warned: Set<string>;
  #waiting = false;

  /** @param warned the kinds of evidence that were warned of */
  constructor(
    schedule: (ms: number, callback: () => void) => void,
    warned: Set<string>,
    warn: (how: DropEvidence) => void,
  ) {
    this.#schedule = schedule;
    this.#warned = warned;
    this.#warn = warn;
  }

  suspect(unit: CommitUnit, how: DropEvidence): void {
    if (this.#waiting || this.#warned.has(how)) return;
    this.#waiting = true;
    this.#schedule(GRACE, () => {
      this.#waiting = false;
      if (!isPossiblyDropped(unit)) return;
      this.#warned.add(how);
      this.#warn(how);
    });
  }
}
