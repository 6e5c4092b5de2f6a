import { formatLsn } from '../../lib/index';
import { Endings, type StopOutcome } from './endings';
import type { ConsumerEvent, DeliverEvent, DoneEvent, OpenEvent, Span, StreamedEvent } from './events';
import { PreparedUnits } from './prepared-units';

/** The result of one consumer. */
export interface ConsumerResult {
  readonly transactions: number;
  readonly redeliveries: number;
  /** Transactions whose work succeeded more than once, in different processes. */
  readonly repeated: number;
  readonly sessions: number;
  /** The number of its transactions that were read from a spool file. */
  readonly spooled: number;
  /** How streamed transactions and their subtransactions ended. */
  readonly streamed: Readonly<Partial<Record<StreamedEvent['end'], number>>>;
  readonly prepared: { readonly committed: number; readonly rolledBack: number };
  readonly errors: Readonly<Record<string, number>>;
}

/** The contents of a transaction when it was first delivered. */
interface Seen {
  readonly unit: Span;
  readonly size: number;
  digest?: string | undefined;
}

/**
 * Checks the events of all processes of one consumer against the guarantees of the library. Each violation is recorded as a
 * sentence. Units are identified by their end LSN.
 */
export class InvariantChecker {
  readonly violations: string[] = [];
  readonly #name: string;
  readonly #keepsPosition: boolean;
  /** Over all processes. */
  readonly #seen = new Map<bigint, Seen>();
  /** Units whose work has succeeded, over all processes, with the number of times. */
  readonly #done = new Map<bigint, number>();
  readonly #prepared = new PreparedUnits((sentence) => this.addViolation(sentence));
  readonly #endings = new Endings((sentence) => this.addViolation(sentence));
  /** The position of an exactly-once store. */
  #stored = 0n;
  #acknowledged = 0n;
  #lastAcknowledged = 0;
  #deliveries = 0;
  #spooled = 0;
  readonly #streamed: Partial<Record<StreamedEvent['end'], number>> = {};
  readonly #errors = new Map<string, number>();
  #sessions = 0;
  /** The state of the current process. */
  #subscribed = false;
  #start: bigint | undefined;
  #slot = 0n;
  #last = 0n;
  #confirmed = 0n;
  readonly #running = new Set<bigint>();
  readonly #doneHere = new Set<bigint>();
  /** Units delivered in this process, and not done. */
  readonly #pending = new Set<bigint>();

  constructor(name: string, keepsPosition: boolean) {
    this.#name = name;
    this.#keepsPosition = keepsPosition;
  }

  /** By xid: the effects of committed transactions whose work has succeeded. */
  get digests(): Map<number, string> {
    const digests = this.#prepared.committed;
    for (const end of this.#done.keys()) {
      const { unit, digest = '' } = this.#seen.get(end) ?? {};
      if (unit?.kind === 'transaction') digests.set(unit.xid, digest);
    }
    return digests;
  }

  /** Prepared transactions that have not ended. */
  get open(): readonly string[] {
    return this.#prepared.open;
  }

  /** The result of each stop. */
  get stops(): readonly StopOutcome[] {
    return this.#endings.stops;
  }

  get lastStop(): string {
    return this.#endings.stops.at(-1)?.state ?? 'none';
  }

  /** Whether the current process has subscribed. */
  get hasSubscribed(): boolean {
    return this.#subscribed;
  }

  /** Whether a stream has been open in this subscription, including the attempts of `reconnect`. */
  get hasOpened(): boolean {
    return this.#endings.hasOpened;
  }

  /** The highest end LSN of work that succeeded in this process. */
  get furthestDone(): bigint {
    return this.#endings.furthestDone;
  }

  /** The time of the last acknowledgement, by `performance.now()`. */
  get lastAcknowledged(): number {
    return this.#lastAcknowledged;
  }

  /** The position up to which everything is done, from the consumer's events. */
  doneUpTo(lsn: bigint): boolean {
    for (const end of this.#seen.keys()) if (end <= lsn && !this.#done.has(end)) return false;
    return true;
  }

  /** The number of streams that have started, over all processes. */
  get sessions(): number {
    return this.#sessions;
  }

  get result(): ConsumerResult {
    const units = this.#seen.size;
    return {
      transactions: units,
      redeliveries: this.#deliveries - units,
      repeated: [...this.#done.values()].filter((times) => times > 1).length,
      sessions: this.#sessions,
      spooled: this.#spooled,
      streamed: this.#streamed,
      prepared: this.#prepared.ended,
      errors: Object.fromEntries([...this.#errors].sort(([a], [b]) => a.localeCompare(b))),
    };
  }

  /** Whether everything before a position, and something beyond it, has been acknowledged. */
  isBeyond(lsn: bigint): boolean {
    if (this.#acknowledged < lsn) return false;
    for (const end of this.#pending) if (end <= lsn) return false;
    return true;
  }

  /** Resets the state of the process, because a new process has none of it. */
  restarted(): void {
    this.#subscribed = false;
    this.#start = undefined;
    this.#confirmed = 0n;
    this.#running.clear();
    this.#doneHere.clear();
    this.#pending.clear();
    this.#endings.restarted();
  }

  /** Resets the state of the subscription in the same process. */
  subscribed(): void {
    this.#endings.restarted();
  }

  observe(told: ConsumerEvent): void {
    switch (told.event) {
      case 'subscribing':
        this.#subscribed = true;
        break;
      case 'open':
        this.#open(told);
        break;
      case 'deliver':
        this.#deliver(told);
        break;
      case 'work':
        if (told.kind !== 'progress') this.#work(told);
        break;
      case 'failed':
        if (told.kind !== 'progress') this.#fail(BigInt(told.end));
        break;
      case 'done':
        if (BigInt(told.end) > this.#stored) this.#stored = BigInt(told.end);
        this.#endings.done(BigInt(told.end));
        if (told.kind !== 'progress') this.#finish(told);
        break;
      case 'acknowledged':
        if (BigInt(told.end) > this.#acknowledged) this.#acknowledged = BigInt(told.end);
        this.#lastAcknowledged = performance.now();
        break;
      case 'status':
        this.#status(BigInt(told.confirmed));
        break;
      case 'attempt':
        this.#errors.set(told.code, (this.#errors.get(told.code) ?? 0) + 1);
        this.#endings.tried(told.code);
        break;
      case 'stopping':
        this.#endings.stopping(told.state);
        break;
      case 'completed':
      case 'ended':
        this.#endings.ended(told, this.#confirmed);
        break;
      case 'streamed':
        this.#streamed[told.end] = (this.#streamed[told.end] ?? 0) + 1;
        break;
      case 'wrong':
        this.addViolation(told.what);
        break;
      case 'spools':
      case 'echo':
      case 'held':
        break;
    }
  }

  addViolation(sentence: string): void {
    this.violations.push(`${this.#name}: ${sentence}`);
  }

  #open({ start, slot }: OpenEvent): void {
    this.#sessions++;
    this.#slot = BigInt(slot);
    // The server never starts before the slot's position.
    this.#start = start === undefined || BigInt(start) < this.#slot ? this.#slot : BigInt(start);
    this.#last = 0n;
    // A process may have been killed after storing and before reporting.
    if (this.#keepsPosition && start !== undefined && BigInt(start) > this.#stored) this.#stored = BigInt(start);
    this.#endings.opened();
    if (this.#start < this.#confirmed) {
      this.addViolation(
        `started at ${formatLsn(this.#start)}, before what it had confirmed, ${formatLsn(this.#confirmed)}`,
      );
    }
    if (this.#keepsPosition && this.#slot > this.#stored && this.#stored > 0n) {
      this.addViolation(`the slot, at ${formatLsn(this.#slot)}, was ahead of the store, at ${formatLsn(this.#stored)}`);
    }
  }

  #deliver(unit: DeliverEvent): void {
    const { kind, size, xid, spooled } = unit;
    const end = BigInt(unit.end);
    const what = `the ${kind} up to ${formatLsn(end)}`;
    if (this.#start === undefined) this.addViolation(`${what} came before any stream was open`);
    else if (end < this.#start || (end === this.#start && kind !== 'progress')) {
      this.addViolation(`${what} came though the stream started at ${formatLsn(this.#start)}`);
    }
    if (kind === 'progress') return;
    this.#endings.delivered();
    if (spooled) this.#spooled++;
    if (!this.#doneHere.has(end)) this.#pending.add(end);
    if (end <= this.#last) this.addViolation(`${what} came behind ${formatLsn(this.#last)} within one session`);
    this.#last = end;
    this.#deliveries++;
    this.#prepared.delivered(unit);
    const seen = this.#seen.get(end);
    if (!seen) this.#seen.set(end, { unit, size });
    // A prepared transaction that was rolled back in the meantime may be delivered with only some of its changes.
    else if (seen.unit.xid !== xid || seen.unit.kind !== kind || (kind === 'transaction' && seen.size !== size)) {
      this.addViolation(`${what} came again otherwise`);
    }
  }

  #work(unit: Span): void {
    const end = BigInt(unit.end);
    const what = `the work of the ${unit.kind} up to ${formatLsn(end)}`;
    if (this.#running.has(end)) this.addViolation(`${what} was started while it ran`);
    if (this.#doneHere.has(end)) this.addViolation(`${what} was started again after it had succeeded`);
    this.#running.add(end);
    this.#endings.begun(end);
  }

  /** Applies also to work that stored its changes before it failed: without a store of positions it must run again. */
  #fail(end: bigint): void {
    this.#running.delete(end);
    this.#doneHere.delete(end);
    if (this.#keepsPosition) return;
    this.#pending.add(end);
    this.#endings.undone(end);
  }

  #finish(unit: DoneEvent): void {
    const { digest, kind } = unit;
    const end = BigInt(unit.end);
    this.#running.delete(end);
    this.#pending.delete(end);
    this.#doneHere.add(end);
    const times = (this.#done.get(end) ?? 0) + 1;
    this.#done.set(end, times);
    if (this.#keepsPosition && times > 1) this.addViolation(`the ${kind} up to ${formatLsn(end)} was stored twice`);
    const seen = this.#seen.get(end);
    if (!seen) this.addViolation(`the ${kind} up to ${formatLsn(end)} was done and never delivered`);
    else if (kind === 'transaction' && seen.digest !== undefined && seen.digest !== digest) {
      this.addViolation(`the ${kind} up to ${formatLsn(end)} came again with other rows`);
    } else seen.digest = digest;
    this.#prepared.done(unit);
  }

  /** Verifies that a position reported as flushed is durable. */
  #status(confirmed: bigint): void {
    if (confirmed > this.#confirmed) this.#confirmed = confirmed;
    for (const end of this.#pending) {
      if (end > confirmed) continue;
      this.addViolation(`${formatLsn(confirmed)} was confirmed while what ends at ${formatLsn(end)} was not done`);
    }
    if (this.#keepsPosition && confirmed > this.#slot && confirmed > this.#stored) {
      this.addViolation(`${formatLsn(confirmed)} was confirmed, but only ${formatLsn(this.#stored)} stored`);
    }
  }
}
