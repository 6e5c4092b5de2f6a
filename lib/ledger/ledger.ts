import type { AckHandle } from './acknowledgement';
import { CommitUnitHandle, NOT_ENDED, StreamedChangeHandle, type CommitUnit } from './commit-unit';
import type { Lsn } from '../common/lsn';
import { UnitLedger } from './unit-ledger';

/**
 * The ledger of one session: creates a handle for each message, and a unit for each transaction. What may be confirmed is
 * decided in {@link UnitQueue.advance}.
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
  begin(commitLsn: Lsn = 0n, xid?: number): AckHandle {
    this.#open = this.appendUnit();
    this.#open.commitLsn = commitLsn;
    this.#open.xid = xid;
    return new CommitUnitHandle(this, this.#open);
  }

  /** @param subxid the subtransaction of a streamed change */
  change(bytes: number, subxid?: number): AckHandle {
    const unit = this.#open ?? this.appendUnit();
    unit.changes++;
    return subxid === undefined ? this.openHandle(unit, bytes) : this.openStreamedHandle(unit, bytes, subxid);
  }

  commit(endLsn: Lsn, bytes: number): AckHandle {
    const unit = this.#open ?? this.appendUnit();
    if (unit.changes > 0) return this.#end(unit, endLsn, bytes);
    // An empty transaction needs no acknowledgement.
    this.#open = undefined;
    unit.position = endLsn;
    const handle = new CommitUnitHandle(this, unit);
    this.advance();
    return handle;
  }

  /** The transaction is complete; a later message tells whether it is committed. */
  prepare(xid: number, endLsn: Lsn, bytes: number): AckHandle {
    return this.#prepare(this.#open ?? this.appendUnit(), xid, endLsn, bytes);
  }

  /** A prepared transaction is committed or rolled back. From here on it counts against the window. */
  endPrepared(xid: number, endLsn: Lsn, bytes: number): AckHandle {
    const unit = this.#prepared.get(xid);
    this.#prepared.delete(xid);
    if (unit) this.includeInWindow(unit);
    return this.openStandaloneUnit(endLsn, bytes);
  }

  /** Whether the next changes belong to a streamed transaction that has not ended. */
  get inBlock(): boolean {
    return this.#open?.sequence === NOT_ENDED;
  }

  /** A block of a streamed transaction starts. */
  enterBlock(xid: number): AckHandle {
    const unit = this.#streamed.get(xid) ?? this.createUnit();
    this.#streamed.set(xid, unit);
    this.#open = unit;
    return this.settledHandle;
  }

  leaveBlock(): AckHandle {
    this.#open = undefined;
    return this.settledHandle;
  }

  /** An empty one needs an acknowledgement, too: only now a stop can tell whether it lies before the transaction. */
  commitStream(xid: number, endLsn: Lsn, bytes: number): AckHandle {
    return this.#end(this.#appendStreamed(xid), endLsn, bytes);
  }

  prepareStream(xid: number, endLsn: Lsn, bytes: number): AckHandle {
    return this.#prepare(this.#appendStreamed(xid), xid, endLsn, bytes);
  }

  /** The streamed changes of a subtransaction, or of the whole transaction, need no settling any more. */
  abortStream(xid: number, subxid: number): AckHandle {
    const unit = this.#streamed.get(xid);
    if (!unit) return this.settledHandle;
    if (xid === subxid) this.#streamed.delete(xid);
    for (const handle of this.listUnacked(unit)) {
      const isAborted = xid === subxid || (handle instanceof StreamedChangeHandle && handle.subxid === subxid);
      if (isAborted && handle.markSettled()) this.removeUnacked(handle);
    }
    return this.settledHandle;
  }

  #appendStreamed(xid: number): CommitUnit {
    const unit = this.#streamed.get(xid);
    this.#streamed.delete(xid);
    return this.appendUnit(unit);
  }

  #prepare(unit: CommitUnit, xid: number, endLsn: Lsn, bytes: number): AckHandle {
    this.excludeFromWindow(unit);
    unit.prepared = true;
    this.#prepared.set(xid, unit);
    return this.#end(unit, endLsn, bytes);
  }

  #end(unit: CommitUnit, endLsn: Lsn, bytes: number): AckHandle {
    this.#open = undefined;
    unit.position = endLsn;
    return (unit.commit = this.openHandle(unit, bytes));
  }
}
