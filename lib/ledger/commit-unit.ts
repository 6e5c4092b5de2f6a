import type { AckHandle, SessionControl } from './acknowledgement';
import type { Lsn } from '../common/lsn';

/** The sequence of a streamed transaction that has not ended: it is behind all other units. */
export const NOT_ENDED = Number.MAX_SAFE_INTEGER;

/** What is confirmed as a whole: a transaction, a logical message outside transactions, or a message of another plugin. */
export class CommitUnit {
  next: CommitUnit | undefined;
  /** Handles that are neither settled nor gathered. */
  unacked = 0;
  /** Changes that were delivered. */
  changes = 0;
  /** Bytes of the gathered changes, which the group adds to the window again. */
  gathered = 0;
  /** Settles the gathered changes. */
  group: CommitUnitHandle | undefined;
  commit: CommitUnitHandle | undefined;
  /** The LSN that settling the unit confirms. A transaction's is known after its Commit. */
  position: Lsn | undefined;
  /** Where the commit record starts, as the Begin tells. */
  commitLsn: Lsn = 0n;
  xid: number | undefined;
  /** The highest keepalive between this unit and the next one. */
  walEnd: Lsn = 0n;
  /** Whether it was settled and has been removed from the queue. */
  confirmed = false;
  /** Whether it is a prepared transaction, which may stay unacknowledged until its end is delivered. */
  prepared = false;
  countsAgainstWindow = true;
  /** Whether it, or its group, has reached an operator that will settle it. */
  reached = false;

  constructor(
    public sequence: number,
    /**
     * Whether the subscriber has acknowledged any of it, while the rest may have been dropped by operators. True from the
     * start where that makes no difference.
     */
    public ackedBySubscriber: boolean,
  ) {}
}

/** Whether the unit can be confirmed once all units before it are. */
export function isDone(unit: CommitUnit): unit is CommitUnit & { position: Lsn } {
  return unit.position !== undefined && unit.unacked === 0 && unit.gathered === 0;
}

/**
 * Whether an operator may have dropped the unit: it was delivered as one, as a group for example, is not settled, and has
 * not reached an operator that will settle it.
 */
export function isPossiblyDropped(unit: CommitUnit): boolean {
  const isDeliveredAsOne = unit.group !== undefined || (unit.changes === 0 && !unit.commit);
  return isDeliveredAsOne && unit.unacked > 0 && !unit.reached;
}

/** What handles call when they are used. */
export interface HandleOwner {
  readonly session: SessionControl;
  /** @returns false where the handle can no longer be settled */
  settle(handle: CommitUnitHandle, bySubscriber: boolean): boolean;
  /** The handle was settled, or gathered, before. */
  settleAgain(handle: CommitUnitHandle): void;
  gather(handle: CommitUnitHandle): void;
  /** @param held bytes that the group adds to the window; default: those of all that was gathered */
  group(commit: CommitUnitHandle, held?: number): AckHandle;
  /** Confirms a keepalive's position once the unit before it is confirmed. */
  acknowledgeKeepalive(walEnd: Lsn, after: CommitUnit | undefined): boolean;
  /** Makes a delivery that is confirmed by itself. */
  openStandaloneUnit(position: Lsn, bytes: number): AckHandle;
}

/**
 * The handle of a delivery that belongs to a unit. There is one for each message, so its members are plain ones: V8 makes
 * those fastest.
 */
export class CommitUnitHandle implements AckHandle {
  readonly isProgress = false;
  /** Its neighbours in the {@link UnackedList}. */
  older: CommitUnitHandle | undefined;
  newer: CommitUnitHandle | undefined;
  settled: boolean;

  constructor(
    readonly owner: HandleOwner,
    readonly unit: CommitUnit,
    readonly bytes = 0,
    /** The order of delivery; -1 for what needs no settling. */
    readonly sequence = -1,
  ) {
    this.settled = sequence < 0;
  }

  get session(): SessionControl {
    return this.owner.session;
  }

  get xid(): number | undefined {
    return this.unit.xid;
  }

  markReached(): void {
    const { unit } = this;
    if (this === unit.group || unit.changes === 0) unit.reached = true;
  }

  settle(): boolean {
    if (!this.settled) return this.#settle(true);
    this.owner.settleAgain(this);
    return true;
  }

  discard(): void {
    if (!this.settled) this.#settle(false);
  }

  gather(): void {
    if (this.markSettled()) this.owner.gather(this);
  }

  group(held?: number): AckHandle {
    return this.owner.group(this, held);
  }

  /** `settled` is set before the owner is called, as a listener may settle the handle again. */
  #settle(bySubscriber: boolean): boolean {
    this.settled = true;
    return (this.settled = this.owner.settle(this, bySubscriber));
  }

  /** @returns whether it was not settled before */
  markSettled(): boolean {
    const wasSettled = this.settled;
    this.settled = true;
    return !wasSettled;
  }
}

/** The handle of a change that was streamed before its transaction ended. */
export class StreamedChangeHandle extends CommitUnitHandle {
  constructor(
    owner: HandleOwner,
    unit: CommitUnit,
    bytes: number,
    sequence: number,
    /** The subtransaction of the change. */
    readonly subxid: number,
  ) {
    super(owner, unit, bytes, sequence);
  }
}
