import type { Entry, SessionControl } from './acknowledgement';
import type { Lsn } from '../common/lsn';

/** The sequence of a unit that has no place in the queue yet: behind all others. */
export const UNPLACED = Number.MAX_SAFE_INTEGER;

/** What is confirmed as a whole: a transaction, a logical message outside any, or a message of another plugin. */
export class Unit {
  next: Unit | undefined;
  /** The entries that are neither settled nor gathered. */
  outstanding = 0;
  /** How many changes it has had. */
  changes = 0;
  /** Bytes that a group has taken over and will put back. */
  gathered = 0;
  /** What a group answers for its gathered changes with. */
  group: UnitEntry | undefined;
  commit: UnitEntry | undefined;
  /** What its settling confirms; a transaction's is known when its Commit has come. */
  position: Lsn | undefined;
  /** Where its commit record starts, as its Begin tells. */
  commitLsn: Lsn = 0n;
  xid: number | undefined;
  /** The highest keepalive that came after it and before the next unit. */
  walEnd: Lsn = 0n;

  /** Whether it was done and has left the queue. */
  left = false;
  /** Whether it is a prepared transaction: it may be held until what follows tells how it ends. */
  prepared = false;
  /** Whether it is in the window. */
  weighs = true;
  /** Whether it, or the group that answers for it, has come to an operator that will settle it. */
  reached = false;

  constructor(
    public sequence: number,
    /** Whether a subscriber has settled any of it, and not only operators that dropped it; or where that is all the same. */
    public answered: boolean,
  ) {}
}

/** Whether it can be confirmed once everything before it is. */
export function isDone(unit: Unit): unit is Unit & { position: Lsn } {
  return unit.position !== undefined && unit.outstanding === 0 && unit.gathered === 0;
}

/**
 * Whether it was delivered as one, as a group say, and has come to no operator that would settle it, nor was settled: an
 * operator in between may have dropped it.
 */
export function isAstray(unit: Unit): boolean {
  const isOne = unit.group !== undefined || (unit.changes === 0 && !unit.commit);
  return isOne && unit.outstanding > 0 && !unit.reached;
}

/** What its subscriber has left undone, for the person who has to find it. */
export function reasonOf(unit: Unit): string {
  const { commit, group } = unit;
  if (unit.prepared && (group ?? commit)?.settled === false) return 'a prepared transaction is not acknowledged';
  if (group && !group.settled) return 'a transaction is not acknowledged';
  if (unit.changes === 0 && !commit) return 'a message is not acknowledged';
  const changes = unit.outstanding - (commit && !commit.settled ? 1 : 0);
  const count = changes === 1 ? '1 change' : `${changes} changes`;
  if (group) return `transaction acknowledged, ${count} left out of it not`;
  if (!commit) return `${count} not acknowledged, of a transaction whose commit has not come yet`;
  if (commit.settled) return `commit acknowledged, ${count} not`;
  return changes === 0 ? 'all changes acknowledged, their commit not' : `commit and ${count} not acknowledged`;
}

const ACKNOWLEDGE =
  'Call ack() on each message, or put ackAfter(work) at the end of the pipe, which does; where filter() drops messages of tables, use ofTable(), which settles them.';

/** What its subscriber may write for that. */
export function adviceOf({ group, prepared }: Unit): string {
  if (prepared && group?.settled !== true)
    return `Acknowledge it once its changes are stored, or give ackAfter a concurrent above the number that you hold. ${ACKNOWLEDGE}`;
  if (!group) return ACKNOWLEDGE;
  return group.settled
    ? `What was left out of a transaction has to be acknowledged as well. ${ACKNOWLEDGE}`
    : `Let the work see every transaction: filter() behind transactions() drops them, and what map() makes of one has to keep its ack. ${ACKNOWLEDGE}`;
}

/** What entries ask of the ledger that they stand in. */
export interface EntryKeeper {
  readonly session: SessionControl;
  settle(entry: UnitEntry, answered: boolean): boolean;
  /** What was settled, or gathered, is settled once more. */
  settleAgain(entry: UnitEntry): void;
  gather(entry: UnitEntry): void;
  /** @param held bytes that the group takes up; by default those of all that it gathered */
  group(commit: UnitEntry, held?: number): Entry;
  /** Confirms a position once the unit that stood before it has left. */
  reach(walEnd: Lsn, after: Unit | undefined): boolean;
  /** A unit that is confirmed by itself. */
  single(position: Lsn, bytes: number): Entry;
  /**
   * @param sequence of the first unit that does not count any more; by default the next that will come
   * @param upTo a position that is done once all before it are
   */
  stopBefore(sequence?: number, upTo?: Lsn): void;
}

/** A delivery that belongs to a unit. There is one for each message, so its members are plain ones: V8 makes those fastest. */
export class UnitEntry implements Entry {
  readonly isProgress = false;
  /** Its neighbours among what is outstanding. */
  older: UnitEntry | undefined;
  newer: UnitEntry | undefined;
  settled: boolean;

  constructor(
    readonly ledger: EntryKeeper,
    readonly unit: Unit,
    readonly bytes = 0,
    /** Its place among all that can be settled; -1 for what settles itself. */
    readonly sequence = -1,
  ) {
    this.settled = sequence < 0;
  }

  get session(): SessionControl {
    return this.ledger.session;
  }

  get xid(): number | undefined {
    return this.unit.xid;
  }

  reached(): void {
    const { unit } = this;
    if (this === unit.group || unit.changes === 0) unit.reached = true;
  }

  settle(): boolean {
    if (!this.settled) return this.#settle(true);
    this.ledger.settleAgain(this);
    return true;
  }

  discard(): void {
    if (!this.settled) this.#settle(false);
  }

  gather(): void {
    if (this.take()) this.ledger.gather(this);
  }

  group(held?: number): Entry {
    return this.ledger.group(this, held);
  }

  /** Settled before it is told: who hears of it may settle it again. */
  #settle(answered: boolean): boolean {
    this.settled = true;
    return (this.settled = this.ledger.settle(this, answered));
  }

  /** @returns whether it was still to be settled */
  take(): boolean {
    const wasSettled = this.settled;
    this.settled = true;
    return !wasSettled;
  }

  stopBefore(upTo?: Lsn): void {
    this.ledger.stopBefore(this.unit.sequence, upTo);
  }

  stopAfter(upTo?: Lsn): void {
    this.ledger.stopBefore(this.unit.sequence + 1, upTo);
  }
}

/** A change that was streamed before its transaction has ended. */
export class StreamedEntry extends UnitEntry {
  constructor(
    ledger: EntryKeeper,
    unit: Unit,
    bytes: number,
    sequence: number,
    /** The subtransaction that made it. */
    readonly subxid: number,
  ) {
    super(ledger, unit, bytes, sequence);
  }
}

/** A delivery that needs no settling. */
export class SettledEntry implements Entry {
  readonly isProgress: boolean = false;
  readonly xid = undefined;

  constructor(readonly ledger: EntryKeeper) {}

  get session(): SessionControl {
    return this.ledger.session;
  }

  reached(): void {}

  settle(): boolean {
    return true;
  }

  discard(): void {}

  gather(): void {}

  group(): Entry {
    return this;
  }

  stopBefore(upTo?: Lsn): void {
    this.ledger.stopBefore(undefined, upTo);
  }

  stopAfter(upTo?: Lsn): void {
    this.ledger.stopBefore(undefined, upTo);
  }
}

/** A keepalive that counts when it is acknowledged. It holds nothing up, unless somebody passes it on as a delivery. */
export class ProgressEntry extends SettledEntry {
  #reached = false;

  constructor(
    ledger: EntryKeeper,
    readonly walEnd: Lsn,
    /** The unit that was the last one when it came. */
    readonly after: Unit | undefined,
    override readonly isProgress: boolean,
  ) {
    super(ledger);
  }

  override settle(): boolean {
    return (this.#reached ||= this.ledger.reach(this.walEnd, this.after));
  }

  override group(): Entry {
    return this.ledger.single(this.walEnd, 0);
  }
}
