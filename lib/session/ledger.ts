import type { Entry, SessionControl } from '../acknowledgement';
import { laterLsn, type Lsn } from '../lsn';
import { isDone, reasonOf, SettledEntry, Unit, UnitEntry, type EntryKeeper } from './unit';

/** How much may be delivered and not settled before reading stops. */
export interface WindowLimits {
  readonly messages: number;
  readonly bytes: number;
}

/** What holds up the oldest thing that is not confirmed. */
export interface Held {
  /** Stays the same for as long as the same thing is held up. */
  readonly sequence: number;
  readonly reason: string;
}

/** Told when the oldest units were settled, and when a full window has emptied by half. */
export interface LedgerEvents {
  advanced(): void;
  relieved(): void;
}

/**
 * Which deliveries are settled, what may be confirmed, and when to stop reading.
 *
 * Units stand in a queue in the order in which they arrived. A unit is done once its end has arrived and nothing of it is
 * outstanding; done units at the head of the queue are confirmed and leave it. A keepalive has no unit of its own: it
 * waits at the last one, and counts once that leaves.
 */
export class Ledger implements EntryKeeper {
  readonly #session: SessionControl;
  readonly #events: LedgerEvents;
  readonly #limits: WindowLimits;
  readonly #settled: SettledEntry;
  #head: Unit | undefined;
  #tail: Unit | undefined;
  #open: Unit | undefined;
  #sequence = 0;
  /** Units from here on lie beyond a stop. */
  #limit = Infinity;
  #closed = false;
  #full = false;
  #confirmed: Lsn = 0n;
  #messages = 0;
  #bytes = 0;

  constructor(limits: WindowLimits, session: SessionControl, events: LedgerEvents) {
    this.#limits = limits;
    this.#session = session;
    this.#events = events;
    this.#settled = new SettledEntry(this);
  }

  get session(): SessionControl {
    return this.#session;
  }

  /** What may be reported as flushed: everything before it is done. 0 until the first confirmation of this session. */
  get confirmed(): Lsn {
    return this.#confirmed;
  }

  /**
   * Whether reading has to wait. Becomes true at a limit, and false again at half of both.
   *
   * Looked at when it is asked for, between two messages: what a delivery is charged before a group takes it over does not
   * fill the window.
   */
  get full(): boolean {
    this.#full ||= this.#messages >= this.#limits.messages || this.#bytes >= this.#limits.bytes;
    return this.#full;
  }

  get unackedMessages(): number {
    return this.#messages;
  }

  get unackedBytes(): number {
    return this.#bytes;
  }

  /** Whether nothing is left to settle before the stop, if there is one. */
  get settled(): boolean {
    return this.#head === undefined || this.#head.sequence >= this.#limit;
  }

  /** What the subscriber has not settled of the oldest unit. */
  get held(): Held | undefined {
    const unit = this.#head;
    if (!unit || unit.outstanding === 0 || unit.sequence >= this.#limit) return undefined;
    return { sequence: unit.sequence, reason: reasonOf(unit) };
  }

  begin(): Entry {
    this.#open = this.#append();
    return new UnitEntry(this, this.#open, 0, 0);
  }

  change(bytes: number): Entry {
    const unit = this.#open ?? this.#append();
    unit.changes++;
    return this.#charge(unit, 1, bytes);
  }

  commit(endLsn: Lsn, bytes: number): Entry {
    const unit = this.#open ?? this.#append();
    this.#open = undefined;
    unit.position = endLsn;
    // Nobody has anything to do for an empty transaction.
    if (unit.changes > 0) return (unit.commit = this.#charge(unit, 1, bytes));
    const entry = new UnitEntry(this, unit, 0, 0);
    this.#advance();
    return entry;
  }

  /** A message that is confirmed by itself. */
  single(position: Lsn, bytes: number): Entry {
    const unit = this.#append();
    unit.position = position;
    return this.#charge(unit, 1, bytes);
  }

  /** What needs no settling: Relation, Type, Origin, Keepalive. */
  get nothing(): Entry {
    return this.#settled;
  }

  /** Everything that commits before this position has been delivered. */
  progress(walEnd: Lsn): void {
    if (this.#closed) return;
    if (this.#tail) this.#tail.walEnd = laterLsn(this.#tail.walEnd, walEnd);
    else this.#confirm(walEnd);
  }

  /** Nothing can be settled any more. */
  close(): void {
    this.#closed = true;
  }

  stopBefore(sequence: number): void {
    this.#limit = Math.min(this.#limit, sequence);
    this.#session.stop();
  }

  stopAfter(sequence: number | undefined, upTo: Lsn | undefined): void {
    if (upTo !== undefined) this.progress(upTo);
    this.stopBefore(sequence === undefined ? this.#sequence : sequence + 1);
  }

  settle(entry: UnitEntry): boolean {
    if (this.#closed || entry.unit.sequence >= this.#limit) return false;
    this.#discharge(entry);
    if (entry.unit === this.#head) this.#advance();
    return true;
  }

  gather(entry: UnitEntry): void {
    if (this.#closed) return;
    this.#discharge(entry);
    entry.unit.gathered += entry.bytes;
  }

  group(commit: UnitEntry): Entry {
    const unit = commit.unit;
    const group = this.#charge(unit, 1, unit.gathered + commit.bytes);
    unit.gathered = 0;
    unit.grouped = true;
    if (commit.take()) this.#discharge(commit);
    return group;
  }

  #append(): Unit {
    const unit = new Unit(this.#sequence++);
    if (this.#tail) this.#tail.next = unit;
    else this.#head = unit;
    this.#tail = unit;
    return unit;
  }

  #charge(unit: Unit, messages: number, bytes: number): UnitEntry {
    unit.outstanding++;
    this.#messages += messages;
    this.#bytes += bytes;
    return new UnitEntry(this, unit, messages, bytes);
  }

  #discharge(entry: UnitEntry): void {
    entry.unit.outstanding--;
    this.#messages -= entry.messages;
    this.#bytes -= entry.bytes;
    const { messages, bytes } = this.#limits;
    if (this.#full && this.#messages <= messages / 2 && this.#bytes <= bytes / 2) {
      this.#full = false;
      this.#events.relieved();
    }
  }

  #advance(): void {
    let unit = this.#head;
    if (!unit || !isDone(unit)) return;
    for (; unit && isDone(unit) && unit.sequence < this.#limit; unit = unit.next) {
      this.#confirm(laterLsn(unit.position, unit.walEnd));
    }
    this.#head = unit;
    if (!unit) this.#tail = undefined;
    this.#events.advanced();
  }

  #confirm(lsn: Lsn): void {
    this.#confirmed = laterLsn(this.#confirmed, lsn);
  }
}
