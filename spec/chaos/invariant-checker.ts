import { formatLsn } from '../../lib/index';
import { Endings, type StopOutcome } from './endings';
import type { ConsumerEvent, DeliverEvent, DoneEvent, OpenEvent, Span, StreamedEvent } from './events';
import { PreparedUnits } from './prepared-units';

/** What came of one consumer. */
export interface ConsumerResult {
  readonly transactions: number;
  readonly redeliveries: number;
  /** Transactions whose work succeeded more than once, in different processes. */
  readonly repeated: number;
  readonly sessions: number;
  /** How many of its transactions were read from a spool file. */
  readonly spooled: number;
  /** How streamed transactions, and subtransactions of them, have ended. */
  readonly streamed: Readonly<Partial<Record<StreamedEvent['end'], number>>>;
  readonly prepared: { readonly committed: number; readonly rolledBack: number };
  readonly errors: Readonly<Record<string, number>>;
}

/** What a transaction was like when it first came. */
interface Seen {
  readonly unit: Span;
  readonly size: number;
  digest?: string | undefined;
}

/**
 * Checks the events of all processes of one consumer against what the library promises. Each violation is kept as a
 * sentence. Units are told apart by where they end.
 */
export class InvariantChecker {
  readonly violations: string[] = [];
  readonly #name: string;
  readonly #keepsPosition: boolean;
  /** Over all processes. */
  readonly #seen = new Map<bigint, Seen>();
  /** Whose work has succeeded at least once, over all processes, and how often. */
  readonly #done = new Map<bigint, number>();
  readonly #prepared = new PreparedUnits((sentence) => this.addViolation(sentence));
  readonly #endings = new Endings((sentence) => this.addViolation(sentence));
  /** How far an exactly-once store is. */
  #stored = 0n;
  #acknowledged = 0n;
  #lastAcknowledged = 0;
  #deliveries = 0;
  #spooled = 0;
  readonly #streamed: Partial<Record<StreamedEvent['end'], number>> = {};
  readonly #errors = new Map<string, number>();
  #sessions = 0;
  /** What belongs to the process that runs. */
  #subscribed = false;
  #start: bigint | undefined;
  #slot = 0n;
  #last = 0n;
  #confirmed = 0n;
  readonly #running = new Set<bigint>();
  readonly #doneHere = new Set<bigint>();
  /** Delivered in this process, and not done. */
  readonly #pending = new Set<bigint>();

  constructor(name: string, keepsPosition: boolean) {
    this.#name = name;
    this.#keepsPosition = keepsPosition;
  }

  /** By xid: what the transactions have done that are committed, and whose work has succeeded. */
  get digests(): Map<number, string> {
    const digests = this.#prepared.committed;
    for (const end of this.#done.keys()) {
      const { unit, digest = '' } = this.#seen.get(end) ?? {};
      if (unit?.kind === 'transaction') digests.set(unit.xid, digest);
    }
    return digests;
  }

  /** What is prepared, and has not ended. */
  get open(): readonly string[] {
    return this.#prepared.open;
  }

  /** How each stop went. */
  get stops(): readonly StopOutcome[] {
    return this.#endings.stops;
  }

  get lastStop(): string {
    return this.#endings.stops.at(-1)?.state ?? 'none';
  }

  /** Whether the process that runs has subscribed. */
  get hasSubscribed(): boolean {
    return this.#subscribed;
  }

  /** Whether a stream has been open in this subscription, the attempts of `reconnect` included. */
  get hasOpened(): boolean {
    return this.#endings.hasOpened;
  }

  /** Where the furthest work ends that has succeeded in this process. */
  get furthestDone(): bigint {
    return this.#endings.furthestDone;
  }

  /** When something was acknowledged last, by `performance.now()`. */
  get lastAcknowledged(): number {
    return this.#lastAcknowledged;
  }

  /** Up to where everything is done, as far as this consumer has said. */
  doneUpTo(lsn: bigint): boolean {
    for (const end of this.#seen.keys()) if (end <= lsn && !this.#done.has(end)) return false;
    return true;
  }

  /** How many streams have started, over all processes. */
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

  /** Whether all that lies before a position, and something beyond it, has been acknowledged. */
  isBeyond(lsn: bigint): boolean {
    if (this.#acknowledged < lsn) return false;
    for (const end of this.#pending) if (end <= lsn) return false;
    return true;
  }

  /** A new process knows nothing of the one before. */
  restarted(): void {
    this.#subscribed = false;
    this.#start = undefined;
    this.#confirmed = 0n;
    this.#running.clear();
    this.#doneHere.clear();
    this.#pending.clear();
    this.#endings.restarted();
  }

  /** The same process goes on, in another subscription. */
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
    // The server starts no further back than the slot's position.
    this.#start = start === undefined || BigInt(start) < this.#slot ? this.#slot : BigInt(start);
    this.#last = 0n;
    // A process may have been killed before it could tell what it had stored.
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
    // What was prepared and is rolled back meanwhile may come with some of its changes only.
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

  /** Also of one that was stored before it failed: without a store of positions it has to be done again. */
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

  /** What is reported as durable has to be. */
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
