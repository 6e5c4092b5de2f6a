import type { Acknowledgeable } from '../acknowledgement';
import type { Lsn } from '../lsn';
import { Message, type StreamMessage } from '../pgoutput/messages';
import { Transaction } from './transaction';
import { Work } from './work';

/** What is acknowledged as one: a delivery, or an array of them. */
export type Acknowledged = Acknowledgeable | readonly Acknowledgeable[];

/** The same for a delivery and for its redelivery: a position that is its own, and a place there. */
interface Identity {
  readonly lsn: Lsn;
  readonly place: number;
}

/** Places of what is no change of a transaction. */
const BEGIN = -1;
const COMMIT = -2;
const ALONE = -3;

/**
 * What is known of works beyond the subscription that started them: those that nobody waits for run on, and what they and
 * others have done is not done again when it is delivered again, as long as that can happen.
 */
export class Hand<R> {
  readonly #works = new Map<Lsn, Map<number, Work<R>>>();
  readonly #nothingToDo = new Work<R>(undefined);
  readonly #waiting = new Set<() => void>();
  #detached = 0;

  /** How many works run that nobody waits for. */
  get detached(): number {
    return this.#detached;
  }

  /** @returns stops listening for the end of a work that nobody waits for */
  whenFreed(listener: () => void): () => void {
    this.#waiting.add(listener);
    return () => this.#waiting.delete(listener);
  }

  /** A work that runs on, though its subscription has ended. */
  keep(value: Acknowledged, work: Work<R>): void {
    this.#detached++;
    this.#remember(value, work, 0n);
    work.leave(() => {
      this.#detached--;
      for (const listener of this.#waiting) listener();
    });
  }

  /** The work that does exactly this, or has done it, and that nobody waits for. */
  take(value: Acknowledged): Work<R> | undefined {
    const works = itemsOf(value).map((item) => this.#find(item));
    const [work] = works;
    if (!work || works.some((other) => other !== work)) return undefined;
    if (work.state === 'done') return work;
    if (!work.free) return undefined;
    this.#detached--;
    return work;
  }

  /** Whether it has to wait, as a work that runs may be doing it, or a part of it. */
  mustWait(value: Acknowledged): boolean {
    if (this.#detached === 0) return false;
    return itemsOf(value).some((item) => !identityOf(item) || this.#find(item)?.state === 'running');
  }

  /** What is still to be done of a value; an array may have members that were done in another one. */
  left<T extends Acknowledged>(value: T): T {
    if (this.#works.size === 0 || !isBatch(value)) return value;
    return value.filter((item) => this.#find(item)?.state !== 'done') as readonly Acknowledgeable[] as T;
  }

  /** It was done and acknowledged; as long as it is not confirmed it can come again. */
  done(value: Acknowledged, confirmed: Lsn): void {
    this.#remember(value, this.#nothingToDo, confirmed);
    for (const [lsn, works] of this.#works) {
      if (lsn >= confirmed || [...works.values()].some((work) => work.state === 'running')) break;
      this.#works.delete(lsn);
    }
  }

  /** @param from what commits before does not come again */
  #remember(value: Acknowledged, work: Work<R>, from: Lsn): void {
    for (const item of itemsOf(value)) {
      const identity = identityOf(item);
      if (!identity || identity.lsn < from) continue;
      const works = this.#works.get(identity.lsn);
      if (works) works.set(identity.place, work);
      else this.#works.set(identity.lsn, new Map([[identity.place, work]]));
    }
  }

  /** One that has failed is as if it had never been, so that it is done again. */
  #find(item: Acknowledgeable): Work<R> | undefined {
    const identity = this.#works.size === 0 ? undefined : identityOf(item);
    const work = identity && this.#works.get(identity.lsn)?.get(identity.place);
    return work?.state === 'over' ? undefined : work;
  }
}

export function isBatch(value: Acknowledged): value is readonly Acknowledgeable[] {
  return Array.isArray(value);
}

export function itemsOf(value: Acknowledged): readonly Acknowledgeable[] {
  return isBatch(value) ? value : [value];
}

/** undefined for what has none: another plugin's data, what is sent anew with each stream, and what a `map` has made. */
function identityOf(item: Acknowledgeable): Identity | undefined {
  if (item instanceof Transaction) {
    return item.kind === 'progress' ? undefined : { lsn: item.commitLsn, place: COMMIT };
  }
  if (!isMessage(item)) return undefined;
  switch (item.kind) {
    case 'begin':
      return { lsn: item.commitLsn, place: BEGIN };
    case 'commit':
      return { lsn: item.commitLsn, place: COMMIT };
    case 'insert':
    case 'update':
    case 'delete':
    case 'truncate':
      return { lsn: item.commitLsn, place: item.ordinal };
    case 'message': {
      const { commitLsn: lsn, ordinal: place } = item;
      return lsn === undefined || place === undefined ? { lsn: item.lsn, place: ALONE } : { lsn, place };
    }
    default:
      return undefined;
  }
}

function isMessage(item: Acknowledgeable): item is StreamMessage {
  return item instanceof Message;
}
