import type { Entry, SessionControl } from './acknowledgement';
import type { Lsn } from '../common/lsn';
import { Outstanding } from './outstanding';
import { Window, type WindowLimits } from './window';
import {
  adviceOf,
  isAstray,
  ProgressEntry,
  reasonOf,
  SettledEntry,
  StreamedEntry,
  Unit,
  UNPLACED,
  UnitEntry,
  type EntryKeeper,
} from './unit';
import { UnitQueue } from './unit-queue';

/** The oldest delivery that is not settled, and with it all that is not confirmed. */
export interface Held {
  /** Stays the same for as long as it is the same delivery. */
  readonly sequence: number;
  readonly reason: string;
}

/** Who knows, after a crash, how far the work has come: the slot, or a store that the consumer keeps. */
export type PositionKeeper = 'slot' | 'consumer';

/** Told when the oldest units were settled, and when a full window has emptied by half. */
export interface LedgerEvents {
  advanced(): void;
  relieved(): void;
  /** A unit seems to have been dropped on its way to the operator that would settle it. */
  astray(unit: Unit, how: Astray): void;
}

/** By what it is seen: its changes are settled, which a group has taken over; or a unit behind it is. */
export type Astray = 'changes' | 'overtaken';

/**
 * Which deliveries are settled, what may be confirmed, and when to stop reading.
 *
 * A unit is done once its end has arrived and nothing of it is outstanding; those that are done are confirmed in the order
 * of their arrival. A keepalive has no unit of its own, and counts with the last one. A transaction that comes in blocks takes its place in the queue when
 * it ends; until then it holds nothing up.
 *
 * Where the consumer keeps the position, the slot must not run ahead of its store: there only what the subscriber itself
 * has settled is confirmed, keepalives included.
 */
export class Ledger implements EntryKeeper {
  readonly #session: SessionControl;
  readonly #events: LedgerEvents;
  readonly #settled: SettledEntry;
  readonly #keeper: PositionKeeper;
  readonly #queue = new UnitQueue();
  #open: Unit | undefined;
  /** By xid: the transactions of which blocks have come, and no end. */
  readonly #streams = new Map<number, Unit>();
  /** By xid: the transactions that are prepared, and may be held until their end is read. */
  readonly #prepared = new Map<number, Unit>();
  #closed = false;
  #acknowledged = false;
  readonly #outstanding = new Outstanding();
  #delivered = 0;
  /** All that is outstanding but what is prepared and has not ended: what that is held for has yet to be read. */
  readonly #window: Window;

  constructor(limits: WindowLimits, session: SessionControl, events: LedgerEvents, keeper: PositionKeeper = 'slot') {
    this.#keeper = keeper;
    this.#session = session;
    this.#events = events;
    this.#window = new Window(limits, () => {
      events.relieved();
    });
    this.#settled = new SettledEntry(this);
  }

  get session(): SessionControl {
    return this.#session;
  }

  /** What may be reported as flushed: everything before it is done. 0 until the first confirmation of this session. */
  get confirmed(): Lsn {
    return this.#queue.confirmed;
  }

  /** A confirmation from here on covers everything that was delivered before the stop, if there is one; 0 where nothing was. */
  get delivered(): Lsn {
    return this.#queue.delivered;
  }

  /** What the consumer's settling of what it has in hand will confirm, if nothing more comes. */
  get prospect(): Lsn {
    return this.#queue.prospect;
  }

  /**
   * Whether reading has to wait. Becomes true at a limit, and false again at half of both.
   *
   * Looked at when it is asked for, between two messages: what a delivery is charged before a group takes it over does not
   * fill the window.
   */
  isFull(): boolean {
    return this.#window.isFull();
  }

  /** Whether a subscriber has acknowledged anything so far. */
  get acknowledged(): boolean {
    return this.#acknowledged;
  }

  get unackedMessages(): number {
    return this.#outstanding.size;
  }

  get unackedBytes(): number {
    return this.#outstanding.bytes;
  }

  /** Whether nothing is left to settle before the stop, if there is one. */
  get settled(): boolean {
    return this.#queue.settled;
  }

  /**
   * What the subscriber has not settled of the oldest unit. Where that is nothing, but the window is full, it is of a
   * transaction in blocks: its end cannot be read before.
   */
  get held(): Held | undefined {
    const entry = this.#heldEntry;
    return entry && { sequence: entry.sequence, reason: reasonOf(entry.unit) };
  }

  /** What its subscriber may write, so that what is held is settled. */
  get advice(): string {
    const entry = this.#heldEntry;
    return entry ? adviceOf(entry.unit) : '';
  }

  get #heldEntry(): UnitEntry | undefined {
    const unit = this.#queue.head;
    const isHead = unit !== undefined && unit.outstanding > 0;
    if (!isHead && !this.isFull()) return undefined;
    let entry = this.#outstanding.oldest;
    // Blocks of open transactions may have been delivered between the others.
    while (entry && (isHead ? entry.unit !== unit : entry.unit.sequence !== UNPLACED)) entry = entry.newer;
    if (!entry || this.#queue.isBeyond(entry.unit)) return undefined;
    return entry;
  }

  /** @param commitLsn where its commit, or prepare, record starts */
  begin(commitLsn: Lsn = 0n, xid?: number): Entry {
    this.#open = this.#append();
    this.#open.commitLsn = commitLsn;
    this.#open.xid = xid;
    return new UnitEntry(this, this.#open);
  }

  /** @param xid of the subtransaction, where the change is streamed */
  change(bytes: number, xid?: number): Entry {
    const unit = this.#open ?? this.#append();
    unit.changes++;
    const entry =
      xid === undefined ? this.#entry(unit, bytes) : new StreamedEntry(this, unit, bytes, this.#delivered++, xid);
    return this.#charge(entry);
  }

  commit(endLsn: Lsn, bytes: number): Entry {
    const unit = this.#open ?? this.#append();
    if (unit.changes > 0) return this.#end(unit, endLsn, bytes);
    // Nobody has anything to do for an empty transaction.
    this.#open = undefined;
    unit.position = endLsn;
    const entry = new UnitEntry(this, unit);
    this.#advance();
    return entry;
  }

  /** The transaction is complete and will be told to count, or not, by another message. */
  prepare(xid: number, endLsn: Lsn, bytes: number): Entry {
    return this.#prepare(this.#open ?? this.#append(), xid, endLsn, bytes);
  }

  /** Tells how a prepared transaction ended. Nobody has to hold that any more: from here on it is in the window. */
  endPrepared(xid: number, endLsn: Lsn, bytes: number): Entry {
    const unit = this.#prepared.get(xid);
    this.#prepared.delete(xid);
    if (unit) {
      unit.weighs = true;
      if (unit.outstanding > 0) for (const entry of this.#outstanding.of(unit)) this.#window.add(entry.bytes);
    }
    return this.single(endLsn, bytes);
  }

  /** Whether changes that come now are streamed, before their transaction has ended. */
  get inBlock(): boolean {
    return this.#open?.sequence === UNPLACED;
  }

  /** A block of a transaction that is still open starts. */
  enterBlock(xid: number): Entry {
    const unit = this.#streams.get(xid) ?? new Unit(UNPLACED, this.#keeper === 'slot');
    this.#streams.set(xid, unit);
    this.#open = unit;
    return this.#settled;
  }

  leaveBlock(): Entry {
    this.#open = undefined;
    return this.#settled;
  }

  /** Even an empty one is to be settled: where its commit lies, and whether a stop comes before it, is told only now. */
  commitStream(xid: number, endLsn: Lsn, bytes: number): Entry {
    return this.#end(this.#place(xid), endLsn, bytes);
  }

  prepareStream(xid: number, endLsn: Lsn, bytes: number): Entry {
    return this.#prepare(this.#place(xid), xid, endLsn, bytes);
  }

  /** What was streamed of a subtransaction, or of the whole transaction, needs no settling any more. */
  abortStream(xid: number, subxid: number): Entry {
    const unit = this.#streams.get(xid);
    if (unit) {
      if (xid === subxid) this.#streams.delete(xid);
      for (const entry of this.#outstanding.of(unit)) {
        const isAborted = xid === subxid || (entry instanceof StreamedEntry && entry.subxid === subxid);
        if (isAborted && entry.take()) this.#discharge(entry);
      }
    }
    return this.#settled;
  }

  /** A message that is confirmed by itself. */
  single(position: Lsn, bytes: number): Entry {
    const unit = this.#append();
    unit.position = position;
    return this.#charge(this.#entry(unit, bytes));
  }

  /** What needs no settling: Relation, Type, Origin, Keepalive. */
  get nothing(): Entry {
    return this.#settled;
  }

  /** Everything that commits before this position, from which the stream starts, is done. */
  resume(startLsn: Lsn): void {
    this.#queue.mark(startLsn, undefined);
  }

  /** Everything that commits before this position has been delivered. */
  progress(walEnd: Lsn): void {
    if (!this.#closed && this.#keeper === 'slot') this.#queue.mark(walEnd, this.#queue.tail);
  }

  /**
   * A keepalive that counts when it is acknowledged.
   *
   * @param isProgress whether the consumer should hear of it
   */
  keepalive(walEnd: Lsn, isProgress = true): Entry {
    return new ProgressEntry(this, walEnd, this.#queue.tail, isProgress);
  }

  reach(walEnd: Lsn, after: Unit | undefined): boolean {
    if (this.#closed || (after && this.#queue.isBeyond(after))) return false;
    this.#queue.mark(walEnd, after);
    this.#events.advanced();
    return true;
  }

  /** Nothing can be settled any more. */
  close(): void {
    this.#closed = true;
  }

  stopBefore(sequence = this.#queue.sequence, upTo?: Lsn): void {
    if (upTo !== undefined && this.#keeper === 'slot' && !this.#closed) this.#queue.markBefore(sequence, upTo);
    this.#queue.stopBefore(sequence);
    this.#session.stop();
  }

  settle(entry: UnitEntry, answered: boolean): boolean {
    if (this.#closed || this.#queue.isBeyond(entry.unit)) return false;
    const { head } = this.#queue;
    entry.unit.answered ||= answered;
    this.#acknowledged ||= answered;
    this.#discharge(entry);
    if (entry.unit === head) this.#advance();
    else if (entry.unit.reached && head && isAstray(head)) this.#events.astray(head, 'overtaken');
    return true;
  }

  settleAgain({ unit }: UnitEntry): void {
    if (!this.#closed && unit.group?.settled === false && isAstray(unit)) this.#events.astray(unit, 'changes');
  }

  gather(entry: UnitEntry): void {
    if (this.#closed) return;
    this.#discharge(entry);
    entry.unit.gathered += entry.bytes;
  }

  group(commit: UnitEntry, held = commit.unit.gathered): Entry {
    const unit = commit.unit;
    const group = this.#charge(this.#entry(unit, held + commit.bytes));
    unit.gathered = 0;
    unit.group = group;
    if (commit.take()) this.#discharge(commit);
    return group;
  }

  #append(unit = new Unit(UNPLACED, this.#keeper === 'slot')): Unit {
    return this.#queue.append(unit);
  }

  /** The transaction that came in blocks ends, and takes its place. */
  #place(xid: number): Unit {
    const unit = this.#streams.get(xid);
    this.#streams.delete(xid);
    return this.#append(unit);
  }

  /** The transaction is complete. */
  #end(unit: Unit, endLsn: Lsn, bytes: number): Entry {
    this.#open = undefined;
    unit.position = endLsn;
    return (unit.commit = this.#charge(this.#entry(unit, bytes)));
  }

  #prepare(unit: Unit, xid: number, endLsn: Lsn, bytes: number): Entry {
    for (const entry of this.#outstanding.of(unit)) this.#window.remove(entry.bytes);
    unit.prepared = true;
    unit.weighs = false;
    this.#prepared.set(xid, unit);
    return this.#end(unit, endLsn, bytes);
  }

  #entry(unit: Unit, bytes: number): UnitEntry {
    return new UnitEntry(this, unit, bytes, this.#delivered++);
  }

  #charge(entry: UnitEntry): UnitEntry {
    entry.unit.outstanding++;
    this.#outstanding.add(entry);
    if (entry.unit.weighs) this.#window.add(entry.bytes);
    return entry;
  }

  #discharge(entry: UnitEntry): void {
    entry.unit.outstanding--;
    this.#outstanding.remove(entry);
    if (entry.unit.weighs) this.#window.remove(entry.bytes);
  }

  #advance(): void {
    if (this.#queue.advance()) this.#events.advanced();
  }
}
