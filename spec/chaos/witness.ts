import { formatLsn } from '../../lib/index';
import type { ConsumerResult } from './chaos';
import type { ConsumerEvent, DeliverEvent, OpenEvent } from './events';

/** What a transaction was like when it first came. */
interface Seen {
  readonly end: string;
  readonly xid: number;
  readonly size: number;
}

/**
 * Hears everything that the processes of one consumer say, and holds it to what the library promises. A promise that was
 * broken is kept as a sentence.
 */
export class Witness {
  readonly violations: string[] = [];
  readonly #name: string;
  readonly #keepsPosition: boolean;
  /** By commit LSN, over all processes. */
  readonly #seen = new Map<bigint, Seen>();
  /** Commit LSNs of which the work has succeeded at least once, over all processes, and how often. */
  readonly #done = new Map<bigint, number>();
  /** How far an exactly-once store is. */
  #stored = 0n;
  #acknowledged = 0n;
  #deliveries = 0;
  #errors = new Map<string, number>();
  #sessions = 0;
  /** What belongs to the process that runs. */
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

  /** xids of which the work has succeeded. */
  get done(): Set<number> {
    return new Set([...this.#done.keys()].map((commit) => this.#seen.get(commit)?.xid ?? -1));
  }

  /** Up to where everything is done, as far as this consumer has said. */
  doneBelow(lsn: bigint): boolean {
    for (const commit of this.#seen.keys()) if (commit < lsn && !this.#done.has(commit)) return false;
    return true;
  }

  get result(): ConsumerResult {
    const transactions = this.#seen.size;
    return {
      transactions,
      redeliveries: this.#deliveries - transactions,
      repeated: [...this.#done.values()].filter((times) => times > 1).length,
      sessions: this.#sessions,
      errors: Object.fromEntries([...this.#errors].sort(([a], [b]) => a.localeCompare(b))),
    };
  }

  /** Whether all that lies before a position, and something beyond it, has been acknowledged. */
  isBeyond(lsn: bigint): boolean {
    if (this.#acknowledged < lsn) return false;
    for (const commit of this.#pending) if (commit < lsn) return false;
    return true;
  }

  /** A new process knows nothing of the one before. */
  restarted(): void {
    this.#start = undefined;
    this.#confirmed = 0n;
    this.#running.clear();
    this.#doneHere.clear();
    this.#pending.clear();
  }

  hear(told: ConsumerEvent): void {
    switch (told.event) {
      case 'open':
        this.#open(told);
        break;
      case 'deliver':
        this.#deliver(told);
        break;
      case 'work':
        if (!told.progress) this.#work(BigInt(told.commit));
        break;
      case 'failed':
        if (!told.progress) this.#fail(BigInt(told.commit));
        break;
      case 'done':
        if (BigInt(told.end) > this.#stored) this.#stored = BigInt(told.end);
        if (!told.progress) this.#finish(BigInt(told.commit));
        break;
      case 'acknowledged':
        if (BigInt(told.end) > this.#acknowledged) this.#acknowledged = BigInt(told.end);
        break;
      case 'status':
        this.#status(BigInt(told.confirmed));
        break;
      case 'attempt':
        this.#errors.set(told.code, (this.#errors.get(told.code) ?? 0) + 1);
        break;
      case 'ended':
        this.violated(`gave up: ${told.code}, ${told.message}`);
        break;
    }
  }

  #open({ start, slot }: OpenEvent): void {
    this.#sessions++;
    this.#slot = BigInt(slot);
    // The server starts no further back than the slot's position.
    this.#start = start === undefined || BigInt(start) < this.#slot ? this.#slot : BigInt(start);
    this.#last = 0n;
    if (this.#start < this.#confirmed) {
      this.violated(
        `started at ${formatLsn(this.#start)}, before what it had confirmed, ${formatLsn(this.#confirmed)}`,
      );
    }
    if (this.#keepsPosition && this.#slot > this.#stored && this.#stored > 0n) {
      this.violated(`the slot, at ${formatLsn(this.#slot)}, was ahead of the store, at ${formatLsn(this.#stored)}`);
    }
  }

  #deliver({ commit, end, progress, size, xid }: DeliverEvent): void {
    const lsn = BigInt(commit);
    const what = `the transaction at ${formatLsn(lsn)}`;
    if (this.#start === undefined) this.violated(`${what} came before any stream was open`);
    else if (lsn < this.#start) this.violated(`${what} came though the stream started at ${formatLsn(this.#start)}`);
    if (progress) return;
    if (!this.#doneHere.has(lsn)) this.#pending.add(lsn);
    if (lsn <= this.#last) this.violated(`${what} came behind ${formatLsn(this.#last)} within one session`);
    this.#last = lsn;
    this.#deliveries++;
    const seen = this.#seen.get(lsn);
    if (!seen) this.#seen.set(lsn, { end, xid, size });
    else if (seen.end !== end || seen.xid !== xid || seen.size !== size) this.violated(`${what} came again otherwise`);
  }

  #work(commit: bigint): void {
    const what = `the work of ${formatLsn(commit)}`;
    if (this.#running.has(commit)) this.violated(`${what} was started while it ran`);
    if (this.#doneHere.has(commit)) this.violated(`${what} was started again after it had succeeded`);
    this.#running.add(commit);
  }

  /** Also of one that was stored before it failed: without a store of positions it has to be done again. */
  #fail(commit: bigint): void {
    this.#running.delete(commit);
    this.#doneHere.delete(commit);
    if (!this.#keepsPosition) this.#pending.add(commit);
  }

  #finish(commit: bigint): void {
    this.#running.delete(commit);
    this.#pending.delete(commit);
    this.#doneHere.add(commit);
    const times = (this.#done.get(commit) ?? 0) + 1;
    this.#done.set(commit, times);
    if (this.#keepsPosition && times > 1) this.violated(`${formatLsn(commit)} was stored twice`);
  }

  /** What is reported as durable has to be. */
  #status(confirmed: bigint): void {
    if (confirmed > this.#confirmed) this.#confirmed = confirmed;
    for (const commit of this.#pending) {
      if (commit >= confirmed) continue;
      this.violated(`${formatLsn(confirmed)} was confirmed while ${formatLsn(commit)} was not done`);
    }
    if (this.#keepsPosition && confirmed > this.#slot && confirmed > this.#stored) {
      this.violated(`${formatLsn(confirmed)} was confirmed, but only ${formatLsn(this.#stored)} stored`);
    }
  }

  violated(sentence: string): void {
    this.violations.push(`${this.#name}: ${sentence}`);
  }
}
