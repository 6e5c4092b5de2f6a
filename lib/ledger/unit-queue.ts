import { maxLsn, type Lsn } from '../common/lsn';
import { isDone, type Unit } from './unit';

/**
 * Units in the order of their arrival, up to a stop. Those at the head that are done are confirmed and leave it. A position
 * that is no unit's own waits at the last one before it, and counts once that leaves.
 */
export class UnitQueue {
  #head: Unit | undefined;
  #tail: Unit | undefined;
  #sequence = 0;
  /** Units from here on lie beyond a stop. */
  #limit = Infinity;
  #confirmed: Lsn = 0n;
  /** The end of the last unit that has left. */
  #left: Lsn = 0n;

  /** The oldest. */
  get head(): Unit | undefined {
    return this.#head;
  }

  /** The newest. */
  get tail(): Unit | undefined {
    return this.#tail;
  }

  /** Of the unit that comes next. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Everything before it is done; 0 until the first confirmation. */
  get confirmed(): Lsn {
    return this.#confirmed;
  }

  /** A confirmation from here on covers all units before the stop, those that have left as well. */
  get delivered(): Lsn {
    let lsn = this.#left;
    for (let unit = this.#head; unit && !this.isBeyond(unit); unit = unit.next) {
      // One that is still open ends behind the start of its commit record.
      lsn = maxLsn(lsn, unit.position ?? unit.commitLsn + 1n);
    }
    return lsn;
  }

  /** What will be confirmed when the newest is done. */
  get prospect(): Lsn {
    const tail = this.#tail;
    if (!tail || !(tail.answered || tail.outstanding > 0)) return this.#confirmed;
    return maxLsn(this.#confirmed, tail.position ?? 0n);
  }

  /** Whether nothing before the stop is left, if there is one. */
  get settled(): boolean {
    return this.#head === undefined || this.isBeyond(this.#head);
  }

  isBeyond(unit: Unit): boolean {
    return unit.sequence >= this.#limit;
  }

  append(unit: Unit): Unit {
    unit.sequence = this.#sequence++;
    if (this.#tail) this.#tail.next = unit;
    else this.#head = unit;
    this.#tail = unit;
    return unit;
  }

  stopBefore(sequence: number): void {
    this.#limit = Math.min(this.#limit, sequence, this.#sequence);
  }

  /** @returns whether any was confirmed */
  advance(): boolean {
    let unit = this.#head;
    if (!unit || !isDone(unit)) return false;
    while (unit && isDone(unit) && !this.isBeyond(unit)) {
      this.#confirm(unit.answered ? maxLsn(unit.position, unit.walEnd) : unit.walEnd);
      if (unit.answered) this.#left = maxLsn(this.#left, unit.position);
      unit.left = true;
      const { next }: Unit = unit;
      // Whoever keeps a message shall not keep all that came after it.
      unit.next = undefined;
      unit = next;
    }
    this.#head = unit;
    if (!unit) this.#tail = undefined;
    return true;
  }

  /** A position that is confirmed as soon as the unit that stands before it is, if there still is one. */
  mark(lsn: Lsn, after: Unit | undefined): void {
    if (after && !after.left) after.walEnd = maxLsn(after.walEnd, lsn);
    else this.#confirm(lsn);
  }

  /** A position that counts once all units before this one are done. */
  markBefore(sequence: number, lsn: Lsn): void {
    let last: Unit | undefined;
    for (let unit = this.#head; unit && unit.sequence < sequence; unit = unit.next) last = unit;
    this.mark(lsn, last);
  }

  #confirm(lsn: Lsn): void {
    this.#confirmed = maxLsn(this.#confirmed, lsn);
  }
}
