import type { AckHandle, SessionControl, StopControl } from './acknowledgement';
import {
  CommitUnit,
  CommitUnitHandle,
  isPossiblyDropped,
  NOT_ENDED,
  StreamedChangeHandle,
  type HandleOwner,
} from './commit-unit';
import type { Lsn } from '../common/lsn';
import { KeepaliveHandle, SettledHandle } from './settled-handles';
import { getStallReason, getStallRemedy, type StalledDelivery } from './stalled-delivery';
import { UnackedList } from './unacked-list';
import { UnitQueue } from './unit-queue';
import { Window, type WindowLimits } from './window';

/** Who stores, for a restart after a crash, how far the work has come: the slot, or a store of the consumer. */
export type PositionOwner = 'slot' | 'consumer';

export interface LedgerEvents {
  /** The oldest units were settled. */
  advanced(): void;
  /** A full window is half empty. */
  windowReopened(): void;
  /** An operator may have dropped the unit before it reached the operator that settles it. */
  dropSuspected(unit: CommitUnit, evidence: DropEvidence): void;
}

/** Why a unit may have been dropped: its gathered changes are settled one by one, or a later unit is settled. */
export type DropEvidence = 'changes' | 'overtaken';

/**
 * Which deliveries are settled (acknowledged by the subscriber, or dropped by an operator), which positions that confirms,
 * and whether the window is full.
 *
 * A unit is done once its end was delivered and all its handles are settled; units are confirmed in the order of their
 * arrival. The position of a keepalive is confirmed with the unit before it. {@link UnitQueue.advance} decides what may be
 * confirmed.
 *
 * Where the consumer owns the position, the slot must not advance beyond the consumer's store: then only what the
 * subscriber itself has settled is confirmed, also of keepalives.
 */
export class UnitLedger implements HandleOwner, StopControl {
  readonly session: SessionControl;
  readonly #events: LedgerEvents;
  readonly #positionOwner: PositionOwner;
  readonly #settledHandle: SettledHandle;
  readonly #queue = new UnitQueue();
  readonly #unacked = new UnackedList();
  /** Everything unacked but prepared transactions: what has to be delivered before they are acknowledged is still unread. */
  readonly #window: Window;
  #deliveries = 0;
  #closed = false;
  #acknowledged = false;

  constructor(limits: WindowLimits, session: SessionControl, events: LedgerEvents, owner: PositionOwner = 'slot') {
    this.session = session;
    this.#events = events;
    this.#positionOwner = owner;
    this.#settledHandle = new SettledHandle(this);
    this.#window = new Window(limits, () => {
      events.windowReopened();
    });
  }

  /**
   * The LSN to report as flushed: everything before it is done. {@link UnitQueue.advance} decides it. 0 until the first
   * confirmation of this session.
   */
  get confirmed(): Lsn {
    return this.#queue.confirmed;
  }

  /** Confirming this LSN covers everything that was delivered before the stop, if there is one; 0 where nothing was. */
  get delivered(): Lsn {
    return this.#queue.delivered;
  }

  /** The LSN that is confirmed when all present deliveries are settled. */
  get confirmableLsn(): Lsn {
    return this.#queue.confirmableLsn;
  }

  /**
   * Whether reading has to wait. Becomes true at a limit, and false again at half of both limits.
   *
   * The session asks between two messages: what is delivered and then gathered by a group does not fill the window.
   */
  isFull(): boolean {
    return this.#window.isFull();
  }

  /** Whether a subscriber has acknowledged anything so far. */
  get acknowledged(): boolean {
    return this.#acknowledged;
  }

  get unackedMessages(): number {
    return this.#unacked.size;
  }

  get unackedBytes(): number {
    return this.#unacked.bytes;
  }

  /** Whether everything before the stop is settled, if there is one. */
  get settled(): boolean {
    return this.#queue.settled;
  }

  /** The oldest delivery that is not settled of the oldest unit; where only open streamed transactions fill the window, of them. */
  get stalled(): StalledDelivery | undefined {
    const handle = this.#findStalled();
    return handle && { sequence: handle.sequence, reason: getStallReason(handle.unit) };
  }

  /** What the program has to change so that the stalled delivery is settled. */
  get stallRemedy(): string {
    const handle = this.#findStalled();
    return handle ? getStallRemedy(handle.unit) : '';
  }

  /** The handle of messages that need no settling: Relation, Type, Origin, Keepalive. */
  get settledHandle(): AckHandle {
    return this.#settledHandle;
  }

  /** A message that is confirmed by itself. */
  openStandaloneUnit(position: Lsn, bytes: number): AckHandle {
    const unit = this.appendUnit();
    unit.position = position;
    return this.openHandle(unit, bytes);
  }

  /** Everything that commits before this LSN, where the stream starts, is done. */
  resume(startLsn: Lsn): void {
    this.#queue.confirmAfter(startLsn, undefined);
  }

  /** Everything that commits before this LSN has been delivered. */
  recordDelivered(walEnd: Lsn): void {
    if (!this.#closed && this.#positionOwner === 'slot') this.#queue.confirmAfter(walEnd, this.#queue.tail);
  }

  /**
   * A keepalive that counts when it is acknowledged.
   *
   * @param isProgress whether the consumer should store its position
   */
  openKeepaliveHandle(walEnd: Lsn, isProgress = true): AckHandle {
    return new KeepaliveHandle(this, walEnd, this.#queue.tail, isProgress);
  }

  /** From here on nothing can be settled. */
  close(): void {
    this.#closed = true;
  }

  stopBefore(handle: AckHandle, upTo?: Lsn): void {
    this.#stopAt(handle instanceof CommitUnitHandle ? handle.unit.sequence : this.#queue.sequence, upTo);
  }

  stopAfter(handle: AckHandle, upTo?: Lsn): void {
    this.#stopAt(handle instanceof CommitUnitHandle ? handle.unit.sequence + 1 : this.#queue.sequence, upTo);
  }

  settle(handle: CommitUnitHandle, bySubscriber: boolean): boolean {
    if (this.#closed || this.#queue.isBeyond(handle.unit)) return false;
    const { head } = this.#queue;
    handle.unit.ackedBySubscriber ||= bySubscriber;
    this.#acknowledged ||= bySubscriber;
    this.removeUnacked(handle);
    if (handle.unit === head) this.advance();
    else if (handle.unit.reached && head && isPossiblyDropped(head)) this.#events.dropSuspected(head, 'overtaken');
    return true;
  }

  settleAgain({ unit }: CommitUnitHandle): void {
    if (!this.#closed && unit.group?.settled === false && isPossiblyDropped(unit))
      this.#events.dropSuspected(unit, 'changes');
  }

  gather(handle: CommitUnitHandle): void {
    if (this.#closed) return;
    this.removeUnacked(handle);
    handle.unit.gathered += handle.bytes;
  }

  group(commit: CommitUnitHandle, held = commit.unit.gathered): AckHandle {
    const { unit } = commit;
    const group = this.openHandle(unit, held + commit.bytes);
    unit.gathered = 0;
    unit.group = group;
    if (commit.markSettled()) this.removeUnacked(commit);
    return group;
  }

  acknowledgeKeepalive(walEnd: Lsn, after: CommitUnit | undefined): boolean {
    if (this.#closed || (after && this.#queue.isBeyond(after))) return false;
    this.#queue.confirmAfter(walEnd, after);
    this.#events.advanced();
    return true;
  }

  protected createUnit(): CommitUnit {
    return new CommitUnit(NOT_ENDED, this.#positionOwner === 'slot');
  }

  protected appendUnit(unit = this.createUnit()): CommitUnit {
    return this.#queue.append(unit);
  }

  protected openHandle(unit: CommitUnit, bytes: number): CommitUnitHandle {
    return this.#addUnacked(new CommitUnitHandle(this, unit, bytes, this.#deliveries++));
  }

  protected openStreamedHandle(unit: CommitUnit, bytes: number, subxid: number): CommitUnitHandle {
    return this.#addUnacked(new StreamedChangeHandle(this, unit, bytes, this.#deliveries++, subxid));
  }

  protected listUnacked(unit: CommitUnit): CommitUnitHandle[] {
    return this.#unacked.listHandles(unit);
  }

  protected excludeFromWindow(unit: CommitUnit): void {
    for (const handle of this.#unacked.listHandles(unit)) this.#window.remove(handle.bytes);
    unit.countsAgainstWindow = false;
  }

  protected includeInWindow(unit: CommitUnit): void {
    unit.countsAgainstWindow = true;
    if (unit.unacked > 0) for (const handle of this.#unacked.listHandles(unit)) this.#window.add(handle.bytes);
  }

  protected removeUnacked(handle: CommitUnitHandle): void {
    handle.unit.unacked--;
    this.#unacked.remove(handle);
    if (handle.unit.countsAgainstWindow) this.#window.remove(handle.bytes);
  }

  protected advance(): void {
    if (this.#queue.advance()) this.#events.advanced();
  }

  #addUnacked(handle: CommitUnitHandle): CommitUnitHandle {
    handle.unit.unacked++;
    this.#unacked.add(handle);
    if (handle.unit.countsAgainstWindow) this.#window.add(handle.bytes);
    return handle;
  }

  #stopAt(sequence: number, upTo: Lsn | undefined): void {
    if (upTo !== undefined && this.#positionOwner === 'slot' && !this.#closed)
      this.#queue.confirmBefore(sequence, upTo);
    this.#queue.stopBefore(sequence);
    this.session.stop();
  }

  #findStalled(): CommitUnitHandle | undefined {
    const unit = this.#queue.head;
    const isHead = unit !== undefined && unit.unacked > 0;
    if (!isHead && !this.isFull()) return undefined;
    let handle = this.#unacked.oldest;
    // Blocks of open transactions may have been delivered between the others.
    while (handle && (isHead ? handle.unit !== unit : handle.unit.sequence !== NOT_ENDED)) handle = handle.newer;
    return handle && !this.#queue.isBeyond(handle.unit) ? handle : undefined;
  }
}
