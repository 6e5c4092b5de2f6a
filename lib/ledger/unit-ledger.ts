import {
  Delivery,
  DeliveryState,
  UNIT_END,
  type AckHandle,
  type SessionControl,
  type StopControl,
} from './acknowledgement';
import { CommitUnit, isPossiblyDropped, NOT_ENDED, UnitPart, StreamedPart, type HandleOwner } from './commit-unit';
import type { Lsn } from '../common/lsn';
import { KeepaliveHandle, SettledHandle } from './settled-handles';
import { describeStalled, getStallRemedy, type StalledDelivery } from './stalled-delivery';
import { ConfirmationQueue } from './confirmation-queue';
import { Window, type WindowLimits } from './window';

/** Where the position is stored from which a restart continues: in the slot, or in a store of the consumer. */
export type PositionOwner = 'slot' | 'consumer';

export interface LedgerEvents {
  /** The confirmed LSN may have changed. */
  confirmationChanged(): void;
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
 * A unit is done once its end was delivered and all its deliveries are settled; units are confirmed in the order of their
 * arrival. The position of a keepalive is confirmed with the unit before it. The {@link ConfirmationQueue} decides what is
 * confirmed.
 *
 * Where the consumer owns the position, the slot must not advance beyond the consumer's store: then only what the
 * subscriber itself has settled is confirmed, also of keepalives.
 */
export class UnitLedger implements HandleOwner, StopControl {
  readonly session: SessionControl;
  readonly #events: LedgerEvents;
  readonly #positionOwner: PositionOwner;
  /** Of all messages that need no settling. */
  readonly #settledState: DeliveryState;
  readonly #queue = new ConfirmationQueue();
  #unackedMessages = 0;
  #unackedBytes = 0;
  /** Excludes prepared transactions: acknowledging them may depend on messages that are not read yet. */
  readonly #window: Window;
  #closed = false;
  #acknowledged = false;

  constructor(limits: WindowLimits, session: SessionControl, events: LedgerEvents, owner: PositionOwner = 'slot') {
    this.session = session;
    this.#events = events;
    this.#positionOwner = owner;
    this.#settledState = new DeliveryState(new SettledHandle(this), undefined, UNIT_END);
    this.#window = new Window(limits, () => {
      events.windowReopened();
    });
  }

  /**
   * The LSN to report as flushed: everything before it is done. The {@link ConfirmationQueue} decides it. 0 until the first
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
    return this.#unackedMessages;
  }

  get unackedBytes(): number {
    return this.#unackedBytes;
  }

  /** Whether everything before the stop is settled, if there is one. */
  get settled(): boolean {
    return this.#queue.settled;
  }

  /** The oldest unsettled delivery of the oldest unit; if only open streamed transactions fill the window, of one of those. */
  get stalled(): StalledDelivery | undefined {
    const unit = this.#findStalled();
    return unit && describeStalled(unit);
  }

  /** What the program has to change so that the stalled delivery is settled. */
  get stallRemedy(): string {
    const unit = this.#findStalled();
    return unit ? getStallRemedy(unit) : '';
  }

  /** For messages that need no settling: Relation, Type, Origin, Keepalive. */
  attachSettled(message: Delivery): void {
    Delivery.attachShared(message, this.#settledState);
  }

  openStandaloneUnit(message: Delivery, position: Lsn, bytes: number): void {
    const unit = this.appendUnit();
    unit.position = position;
    this.#attach(message, unit, bytes, 0);
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
  attachKeepalive(message: Delivery, walEnd: Lsn, isProgress = true): void {
    Delivery.attach(message, new KeepaliveHandle(this, walEnd, this.#queue.tail, isProgress), 0);
  }

  /** From here on nothing can be settled. */
  close(): void {
    this.#closed = true;
  }

  stopBefore(handle: AckHandle, upTo?: Lsn): void {
    this.#stopAt(handle instanceof UnitPart ? handle.unit.sequence : this.#queue.sequence, upTo);
  }

  stopAfter(handle: AckHandle, upTo?: Lsn): void {
    this.#stopAt(handle instanceof UnitPart ? handle.unit.sequence + 1 : this.#queue.sequence, upTo);
  }

  settle(part: UnitPart, bytes: number, index: number, bySubscriber: boolean): boolean {
    const { unit } = part;
    if (this.#closed || this.#queue.isBeyond(unit)) return false;
    unit.mayConfirmEnd ||= bySubscriber;
    this.#acknowledged ||= bySubscriber;
    if (index === UNIT_END) unit.isEndSettled = true;
    else unit.settled.add(index);
    this.#removeUnacked(part, 1, bytes);
    const { head } = this.#queue;
    if (unit === head) this.advance();
    else if (unit.reached && head && isPossiblyDropped(head)) this.#events.dropSuspected(head, 'overtaken');
    return true;
  }

  recordRepeatedAck(unit: CommitUnit): void {
    if (!this.#closed && unit.isGroup && unit.isEndSettled === false && isPossiblyDropped(unit))
      this.#events.dropSuspected(unit, 'changes');
  }

  gather(part: UnitPart, bytes: number, index: number): void {
    if (this.#closed) return;
    const { unit } = part;
    unit.settled.add(index);
    part.gathered += bytes;
    if (part !== unit) unit.gathered += bytes;
    this.#removeUnacked(part, 1, bytes);
  }

  attachGroup(unit: CommitUnit, end: Delivery, group: Delivery, held = unit.gathered): void {
    const bytes = Delivery.takeBytes(end);
    this.#attach(group, unit, held + (bytes ?? 0), UNIT_END);
    unit.gathered = 0;
    unit.isGroup = true;
    unit.isEndSettled = false;
    if (bytes !== undefined) this.#removeUnacked(unit, 1, bytes);
  }

  acknowledgeKeepalive(walEnd: Lsn, after: CommitUnit | undefined): boolean {
    if (this.#closed || (after && this.#queue.isBeyond(after))) return false;
    this.#queue.confirmAfter(walEnd, after);
    this.#events.confirmationChanged();
    return true;
  }

  protected createUnit(): CommitUnit {
    return new CommitUnit(this, NOT_ENDED, this.#positionOwner === 'slot');
  }

  protected appendUnit(unit = this.createUnit()): CommitUnit {
    return this.#queue.append(unit);
  }

  /** Transactions that are streamed and have not ended. */
  protected get openStreamed(): Iterable<CommitUnit> {
    return [];
  }

  protected attachChange(message: Delivery, part: UnitPart, bytes: number): void {
    const index = part.unit.changes++;
    if (part instanceof StreamedPart) part.addIndex(index);
    this.#attach(message, part, bytes, index);
  }

  /** @param message the Commit or Prepare */
  protected attachEnd(message: Delivery, unit: CommitUnit, bytes: number): void {
    unit.isEndSettled = false;
    this.#attach(message, unit, bytes, UNIT_END);
  }

  protected abort(part: StreamedPart): void {
    part.abort();
    part.unit.gathered -= part.gathered;
    this.#removeUnacked(part, part.unacked, part.unackedBytes);
  }

  protected excludeFromWindow(unit: CommitUnit): void {
    this.#window.remove(unit.unacked, unit.unackedBytes);
    unit.countsAgainstWindow = false;
  }

  protected includeInWindow(unit: CommitUnit): void {
    unit.countsAgainstWindow = true;
    this.#window.add(unit.unacked, unit.unackedBytes);
  }

  protected advance(): void {
    if (this.#queue.advance()) this.#events.confirmationChanged();
  }

  #attach(delivery: Delivery, part: UnitPart, bytes: number, index: number): void {
    Delivery.attach(delivery, part, bytes, index);
    const { unit } = part;
    part.unacked++;
    part.unackedBytes += bytes;
    if (part !== unit) {
      unit.unacked++;
      unit.unackedBytes += bytes;
    }
    this.#unackedMessages++;
    this.#unackedBytes += bytes;
    if (unit.countsAgainstWindow) this.#window.add(1, bytes);
  }

  #removeUnacked(part: UnitPart, messages: number, bytes: number): void {
    const { unit } = part;
    part.unacked -= messages;
    part.unackedBytes -= bytes;
    if (part !== unit) {
      unit.unacked -= messages;
      unit.unackedBytes -= bytes;
    }
    this.#unackedMessages -= messages;
    this.#unackedBytes -= bytes;
    if (unit.countsAgainstWindow) this.#window.remove(messages, bytes);
  }

  #stopAt(sequence: number, upTo: Lsn | undefined): void {
    if (upTo !== undefined && this.#positionOwner === 'slot' && !this.#closed)
      this.#queue.confirmBefore(sequence, upTo);
    this.#queue.stopBefore(sequence);
    this.session.stop();
  }

  #findStalled(): CommitUnit | undefined {
    const { head } = this.#queue;
    if (head && head.unacked > 0) return this.#queue.isBeyond(head) ? undefined : head;
    if (!this.isFull()) return undefined;
    for (const unit of this.openStreamed) if (unit.unacked > 0 && !this.#queue.isBeyond(unit)) return unit;
    return undefined;
  }
}
