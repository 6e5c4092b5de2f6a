import { UNIT_END, type AckHandle, type Delivery, type SessionControl } from './acknowledgement';
import { IndexSet } from '../common/index-set';
import type { Lsn } from '../common/lsn';

/** The sequence of a streamed transaction that has not ended: it is behind all other units. */
export const NOT_ENDED = Number.MAX_SAFE_INTEGER;

/** What handles call when they are used. */
export interface HandleOwner {
  readonly session: SessionControl;
  /** @returns false where the delivery can no longer be settled */
  settle(part: UnitPart, bytes: number, index: number, bySubscriber: boolean): boolean;
  /** A delivery was acknowledged that had been settled, or gathered, before. */
  recordRepeatedAck(unit: CommitUnit): void;
  gather(part: UnitPart, bytes: number, index: number): void;
  /** @param held bytes that the group adds to the window; default: those of all that was gathered */
  attachGroup(unit: CommitUnit, end: Delivery, group: Delivery, held?: number): void;
  /** Confirms a keepalive's position once the unit before it is confirmed. */
  acknowledgeKeepalive(walEnd: Lsn, after: CommitUnit | undefined): boolean;
  /** Attaches to a delivery the handle of a unit that consists of it. */
  openStandaloneUnit(delivery: Delivery, position: Lsn, bytes: number): void;
}

/** The handle of deliveries of one unit: of the whole unit, or of the changes of one streamed subtransaction. */
export abstract class UnitPart implements AckHandle {
  readonly isProgress = false;
  /** Deliveries that are neither settled nor gathered. */
  unacked = 0;
  /** The bytes with which they count against the window. */
  unackedBytes = 0;
  /** Bytes of the gathered changes, which the group adds to the window again. */
  gathered = 0;

  constructor(readonly owner: HandleOwner) {}

  abstract get unit(): CommitUnit;
  abstract get xid(): number | undefined;

  get session(): SessionControl {
    return this.owner.session;
  }

  markReached(index: number): void {
    const { unit } = this;
    if (unit.changes === 0 || (unit.isGroup && index === UNIT_END)) unit.reached = true;
  }

  settle(bytes: number, index: number, bySubscriber: boolean): boolean {
    return this.owner.settle(this, bytes, index, bySubscriber);
  }

  recordRepeatedAck(): void {
    this.owner.recordRepeatedAck(this.unit);
  }

  gather(bytes: number, index: number): void {
    this.owner.gather(this, bytes, index);
  }

  attachGroup(end: Delivery, group: Delivery, held?: number): void {
    this.owner.attachGroup(this.unit, end, group, held);
  }
}

/** What is confirmed as a whole: a transaction, a logical message outside transactions, or a message of another plugin. */
export class CommitUnit extends UnitPart {
  next: CommitUnit | undefined;
  xid: number | undefined;
  /** Changes that were delivered. */
  changes = 0;
  /** The indexes of the changes that are settled, gathered or aborted. */
  readonly settled = new IndexSet();
  /** Whether the delivery that ends the unit is settled; undefined until there is one. */
  isEndSettled: boolean | undefined;
  /** Whether that delivery is a group, which settles the gathered changes. */
  isGroup = false;
  /** The LSN that settling the unit confirms. A transaction's is known after its Commit. */
  position: Lsn | undefined;
  /** The start of the commit record, from the Begin message. */
  commitLsn: Lsn = 0n;
  /** The highest keepalive between this unit and the next one. */
  walEnd: Lsn = 0n;
  /** Whether it was settled and has been removed from the queue. */
  isRemoved = false;
  /** Whether it is a prepared transaction, which may stay unacknowledged until its end is delivered. */
  prepared = false;
  countsAgainstWindow = true;
  /** Whether it, or its group, has reached an operator that will settle it. */
  reached = false;
  /** Of a transaction that is streamed in blocks, by subtransaction. */
  streamed: Map<number, StreamedPart> | undefined;

  constructor(
    owner: HandleOwner,
    public sequence: number,
    /**
     * Whether the end of the unit is confirmed with it. Where the consumer owns the position, only once the subscriber has
     * acknowledged any of it: operators may have dropped the rest.
     */
    public mayConfirmEnd: boolean,
  ) {
    super(owner);
  }

  get unit(): this {
    return this;
  }

  /** The handle of the streamed changes of a subtransaction. */
  getStreamed(subxid: number): StreamedPart {
    this.streamed ??= new Map();
    let part = this.streamed.get(subxid);
    if (!part) this.streamed.set(subxid, (part = new StreamedPart(this)));
    return part;
  }
}

/** The handle of the streamed changes of one subtransaction. The unit counts them, too. */
export class StreamedPart extends UnitPart {
  /** Whether the subtransaction was rolled back: its changes need no settling. */
  aborted = false;
  /** The indexes of its changes in the unit, in runs: the first of each, and the one after the last. */
  readonly #runs: { readonly start: number; end: number }[] = [];

  constructor(readonly unit: CommitUnit) {
    super(unit.owner);
  }

  addIndex(index: number): void {
    const run = this.#runs.at(-1);
    if (run?.end === index) run.end++;
    else this.#runs.push({ start: index, end: index + 1 });
  }

  /** Its changes need no settling any more. */
  abort(): void {
    this.aborted = true;
    const { settled } = this.unit;
    for (const { start, end } of this.#runs)
      for (let index = start; index < end; index++) if (!settled.has(index)) settled.add(index);
  }

  get xid(): number | undefined {
    return this.unit.xid;
  }

  override settle(bytes: number, index: number, bySubscriber: boolean): boolean {
    return this.aborted || super.settle(bytes, index, bySubscriber);
  }

  override gather(bytes: number, index: number): void {
    if (!this.aborted) super.gather(bytes, index);
  }
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
  const isDeliveredAsOne = unit.isGroup || (unit.changes === 0 && unit.isEndSettled === undefined);
  return isDeliveredAsOne && unit.unacked > 0 && !unit.reached;
}
