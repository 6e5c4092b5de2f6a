import { Delivery } from './acknowledgement';
import { NOT_ENDED, type CommitUnit } from './commit-unit';
import type { Lsn } from '../common/lsn';
import { UnitLedger } from './unit-ledger';

/**
 * The ledger of one session: attaches a handle to each message, and opens a unit for each transaction. The queue of the units,
 * in `confirmation-queue.ts`, decides what is confirmed.
 *
 * - A *unit* is what is confirmed as a whole, usually a transaction.
 * - A delivery is *unacked* until it is settled or gathered. It then counts against the window.
 * - It is *settled* when the subscriber acknowledges it, or an operator drops it.
 * - It is *gathered* when an operator takes it into a group, such as a Transaction, which is settled in its place.
 * - A unit is *done* when its end was delivered and nothing of it is unacked. In its order it is then confirmed.
 *
 * A transaction that is streamed in blocks enters the order of confirmation when it ends; until then nothing waits for it.
 */
export class Ledger extends UnitLedger {
  /** The unit of the transaction, or block, that is being delivered. */
  #open: CommitUnit | undefined;
  /** By xid: transactions that are streamed and have not ended. */
  readonly #streamed = new Map<number, CommitUnit>();
  /** By xid: transactions that are prepared and have not ended. */
  readonly #prepared = new Map<number, CommitUnit>();

  /** @param commitLsn where the commit, or prepare, record starts */
  begin(message: Delivery, commitLsn: Lsn = 0n, xid?: number): void {
    this.#open = this.appendUnit();
    this.#open.commitLsn = commitLsn;
    this.#open.xid = xid;
    Delivery.attach(message, this.#open);
  }

  /** @param subxid the subtransaction of a streamed change */
  change(message: Delivery, bytes: number, subxid?: number): void {
    const unit = this.#open ?? this.appendUnit();
    this.attachChange(message, subxid === undefined ? unit : unit.getStreamed(subxid), bytes);
  }

  commit(message: Delivery, endLsn: Lsn, bytes: number): void {
    const unit = this.#open ?? this.appendUnit();
    if (unit.changes > 0) {
      this.#end(message, unit, endLsn, bytes);
      return;
    }
    // An empty transaction needs no acknowledgement.
    this.#open = undefined;
    unit.position = endLsn;
    Delivery.attach(message, unit);
    this.advance();
  }

  /** The transaction is complete; a later message tells whether it is committed. */
  prepare(message: Delivery, xid: number, endLsn: Lsn, bytes: number): void {
    this.#prepare(message, this.#open ?? this.appendUnit(), xid, endLsn, bytes);
  }

  /** A prepared transaction is committed or rolled back. From here on it counts against the window. */
  endPrepared(message: Delivery, xid: number, endLsn: Lsn, bytes: number): void {
    const unit = this.#prepared.get(xid);
    this.#prepared.delete(xid);
    if (unit) this.includeInWindow(unit);
    this.openStandaloneUnit(message, endLsn, bytes);
  }

  /** Whether the next changes belong to a streamed transaction that has not ended. */
  get inBlock(): boolean {
    return this.#open?.sequence === NOT_ENDED;
  }

  /** A block of a streamed transaction starts. */
  enterBlock(message: Delivery, xid: number): void {
    const unit = this.#streamed.get(xid) ?? this.createUnit();
    unit.xid = xid;
    this.#streamed.set(xid, unit);
    this.#open = unit;
    this.attachSettled(message);
  }

  leaveBlock(message: Delivery): void {
    this.#open = undefined;
    this.attachSettled(message);
  }

  /** An empty transaction needs an acknowledgement, too, as an operator may stop the stream before its commit. */
  commitStream(message: Delivery, xid: number, endLsn: Lsn, bytes: number): void {
    this.#end(message, this.#appendStreamed(xid), endLsn, bytes);
  }

  prepareStream(message: Delivery, xid: number, endLsn: Lsn, bytes: number): void {
    this.#prepare(message, this.#appendStreamed(xid), xid, endLsn, bytes);
  }

  /** The streamed changes of a subtransaction, or of the whole transaction, need no settling any more. */
  abortStream(message: Delivery, xid: number, subxid: number): void {
    this.attachSettled(message);
    const streamed = this.#streamed.get(xid)?.streamed;
    if (xid === subxid) this.#streamed.delete(xid);
    for (const [id, part] of streamed ?? []) {
      if (xid !== subxid && id !== subxid) continue;
      streamed?.delete(id);
      this.abort(part);
    }
  }

  protected override get openStreamed(): Iterable<CommitUnit> {
    return this.#streamed.values();
  }

  #appendStreamed(xid: number): CommitUnit {
    const unit = this.#streamed.get(xid);
    this.#streamed.delete(xid);
    return this.appendUnit(unit);
  }

  #prepare(message: Delivery, unit: CommitUnit, xid: number, endLsn: Lsn, bytes: number): void {
    this.excludeFromWindow(unit);
    unit.prepared = true;
    this.#prepared.set(xid, unit);
    this.#end(message, unit, endLsn, bytes);
  }

  #end(message: Delivery, unit: CommitUnit, endLsn: Lsn, bytes: number): void {
    this.#open = undefined;
    unit.position = endLsn;
    this.attachEnd(message, unit, bytes);
  }
}
