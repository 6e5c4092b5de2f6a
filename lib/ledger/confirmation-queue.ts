import { maxLsn, type Lsn } from '../common/lsn';
import { isDone, type CommitUnit } from './commit-unit';

/**
 * Units in the order of their arrival, up to a stop. Units at the head that are done are confirmed and removed. A position
 * that belongs to no unit, as that of a keepalive, is confirmed together with the last unit before it.
 */
export class ConfirmationQueue {
  #head: CommitUnit | undefined;
  #tail: CommitUnit | undefined;
  #sequence = 0;
  /** The sequence of the first unit beyond a stop. */
  #limit = Infinity;
  #confirmed: Lsn = 0n;
  /** The end of the last unit that was removed. */
  #removedEnd: Lsn = 0n;

  /** The oldest unit. */
  get head(): CommitUnit | undefined {
    return this.#head;
  }

  /** The newest unit. */
  get tail(): CommitUnit | undefined {
    return this.#tail;
  }

  /** The sequence of the next unit. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Everything before it is done; 0 until the first confirmation. */
  get confirmed(): Lsn {
    return this.#confirmed;
  }

  /** Confirming this LSN covers all units before the stop, also the removed ones. */
  get delivered(): Lsn {
    let lsn = this.#removedEnd;
    for (let unit = this.#head; unit && !this.isBeyond(unit); unit = unit.next) {
      // The commit of an open unit ends after the start of its commit record.
      lsn = maxLsn(lsn, unit.position ?? unit.commitLsn + 1n);
    }
    return lsn;
  }

  /** The LSN that is confirmed when the newest unit is done. */
  get confirmableLsn(): Lsn {
    const tail = this.#tail;
    if (!tail || !(tail.mayConfirmEnd || tail.unacked > 0)) return this.#confirmed;
    return maxLsn(this.#confirmed, tail.position ?? 0n);
  }

  /** Whether no unit is left before the stop, if there is one. */
  get settled(): boolean {
    return this.#head === undefined || this.isBeyond(this.#head);
  }

  isBeyond(unit: CommitUnit): boolean {
    return unit.sequence >= this.#limit;
  }

  append(unit: CommitUnit): CommitUnit {
    unit.sequence = this.#sequence++;
    if (this.#tail) this.#tail.next = unit;
    else this.#head = unit;
    this.#tail = unit;
    return unit;
  }

  stopBefore(sequence: number): void {
    this.#limit = Math.min(this.#limit, sequence, this.#sequence);
  }

  /**
   * Confirms and removes the units at the head that are done.
   *
   * @returns whether the head was done
   */
  advance(): boolean {
    let unit = this.#head;
    if (!unit || !isDone(unit)) return false;
    while (unit && isDone(unit) && !this.isBeyond(unit)) {
      // Where only operators dropped the unit, its own end is not confirmed; keepalives after it are.
      this.#confirm(unit.mayConfirmEnd ? maxLsn(unit.position, unit.walEnd) : unit.walEnd);
      if (unit.mayConfirmEnd) this.#removedEnd = maxLsn(this.#removedEnd, unit.position);
      unit.isRemoved = true;
      const { next }: CommitUnit = unit;
      // Unlink, so that a retained message does not retain the queue.
      unit.next = undefined;
      unit = next;
    }
    this.#head = unit;
    if (!unit) this.#tail = undefined;
    return true;
  }

  /** Confirms a position together with the unit before it; at once where that is confirmed. */
  confirmAfter(lsn: Lsn, after: CommitUnit | undefined): void {
    if (after && !after.isRemoved) after.walEnd = maxLsn(after.walEnd, lsn);
    else this.#confirm(lsn);
  }

  /** Confirms a position once all units before this sequence are confirmed. */
  confirmBefore(sequence: number, lsn: Lsn): void {
    let last: CommitUnit | undefined;
    for (let unit = this.#head; unit && unit.sequence < sequence; unit = unit.next) last = unit;
    this.confirmAfter(lsn, last);
  }

  /** Only this moves the flush position of status updates. */
  #confirm(lsn: Lsn): void {
    this.#confirmed = maxLsn(this.#confirmed, lsn);
  }
}
