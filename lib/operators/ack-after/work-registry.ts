import type { Lsn } from '../../common/lsn';
import type { Acknowledgeable, SessionControl } from '../../ledger/acknowledgement';
import { getSession, isBatch, toItems, type AckTarget } from './ack-target';
import {
  getIdentityLsn,
  getDeliveryKey,
  getStreamName,
  identify,
  isIdentifiable,
  type DeliveryIdentity,
} from './redelivery-identity';
import { DeliveryKeySet, type DeliveryKey } from './delivery-key-set';
import type { Work, WorkOwner } from './work';

/** What is known about the deliveries of one transaction. */
interface TransactionRecord<T extends AckTarget, R> {
  /** Acknowledged, but not confirmed yet. */
  readonly completed: DeliveryKeySet;
  /** Work that an earlier subscription has started. */
  readonly works: Map<DeliveryKey, Work<T, R>>;
}

type StreamRecord<T extends AckTarget, R> = Map<Lsn, TransactionRecord<T, R>>;

/**
 * Remembers works beyond the subscription that started them, so that no work is done twice when its input is delivered
 * again. There is one for each `ackAfter`, for all its subscriptions:
 *
 *     source → AckAfterSubscriber → project(value) → Work → value.ack()
 *                  │ detach()  ▲ reattach()
 *                  ▼           │
 *                  WorkRegistry
 *
 * When a subscription ends, its works are *detached*: they run on, and belong to the registry. When a later subscription
 * receives the same delivery, the work is *reattached* to it. What was acknowledged and is not confirmed yet is recorded
 * as *completed*.
 */
export class WorkRegistry<T extends AckTarget, R> implements WorkOwner<T, R> {
  /** By stream name. */
  readonly #streams = new Map<string, StreamRecord<T, R>>();
  /** The works that run and belong to no subscription. */
  readonly #detached = new Set<Work<T, R>>();
  readonly #listeners = new Set<() => void>();
  /** The session that `#streamName` belongs to: most deliveries come from the same one. */
  #session: SessionControl | undefined;
  #streamName = '';

  get detachedCount(): number {
    return this.#detached.size;
  }

  /**
   * Calls back each time that a detached work has ended.
   *
   * @returns stops listening
   */
  onDetachedEnd(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes over a running work from a subscription that has ended. */
  detach(work: Work<T, R>): void {
    work.owner = this;
    if (work.isRunning) this.#detached.add(work);
    for (const item of toItems(work.target)) {
      const identity = identify(item);
      if (!identity) continue;
      const { works } = this.#openRecord(identity.session, identity.lsn);
      // An item whose work has completed was not passed to `project` again, even if it is in the same array.
      if (!works.get(identity.key)?.isCompleted) works.set(identity.key, work);
    }
  }

  /**
   * Gives a work back to a subscription that has received its input again.
   *
   * @returns the work, running or completed; undefined where no single work covers the whole target
   */
  reattach(target: T, owner: WorkOwner<T, R>): Work<T, R> | undefined {
    if (this.#streams.size === 0) return undefined;
    const [work, ...others] = new Set(toItems(target).map((item) => this.#findWork(item)));
    if (!work || others.length > 0 || (work.owner !== this && !work.isCompleted)) return undefined;
    this.#detached.delete(work);
    work.owner = owner;
    work.target = target;
    return work;
  }

  /** Whether the target has to wait, because a running work may be working on it or on a part of it. */
  mustWait(target: T): boolean {
    if (this.#streams.size === 0 && this.#detached.size === 0) return false;
    return toItems(target).some((item) => (identify(item) ? this.#findWork(item)?.isRunning : this.#detached.size > 0));
  }

  /** Whether an earlier work has completed all of the target. */
  isCompleted(target: T): boolean {
    if (this.#streams.size === 0) return false;
    const items = toItems(target);
    return items.length > 0 && items.every((item) => this.#isCompleted(item));
  }

  /** The target without those members of an array that were completed as members of another one. */
  withoutCompleted(target: T): T {
    if (this.#streams.size === 0 || !isBatch(target)) return target;
    const items: AckTarget = target.filter((item) => !this.#isCompleted(item) && !this.#findWork(item)?.isCompleted);
    return items as T;
  }

  /** Records that the target was acknowledged. Until its position is confirmed it can be delivered again. */
  recordCompleted(target: T): void {
    if (!isBatch(target)) this.#record(target);
    else for (const item of target) this.#record(item);
  }

  /** No subscription will follow: cancels the detached works that can be cancelled. */
  cancelDetached(): void {
    for (const work of this.#detached) {
      if (!work.cancellable) continue;
      this.#detached.delete(work);
      work.cancel();
    }
  }

  workEmitted(): void {
    // The results stay in the work until it is reattached.
  }

  workFailed(work: Work<T, R>): void {
    this.#endDetached(work);
  }

  workCompleted(work: Work<T, R>): void {
    this.#endDetached(work);
  }

  #endDetached(work: Work<T, R>): void {
    this.#detached.delete(work);
    for (const listener of this.#listeners) listener();
  }

  #record(item: Acknowledgeable): void {
    const session = getSession(item);
    if (!session?.redelivers || !isIdentifiable(item)) return;
    const { resumeLsn, confirms } = session;
    const lsn = getIdentityLsn(item);
    if (lsn >= resumeLsn && confirms) {
      const key = getDeliveryKey(item);
      const record = this.#openRecord(session, lsn);
      record.completed.add(key);
      record.works.delete(key);
    }
    this.#forgetConfirmed(session, resumeLsn);
  }

  /** Drops the records of what commits before the confirmed position: it is not delivered again. */
  #forgetConfirmed(session: SessionControl, confirmed: Lsn): void {
    if (this.#streams.size === 0) return;
    const name = this.#getStreamName(session);
    const stream = this.#streams.get(name);
    if (!stream) return;
    for (const [lsn, record] of stream) {
      if (lsn >= confirmed || hasRunningWork(record)) return;
      stream.delete(lsn);
    }
    this.#streams.delete(name);
  }

  #openRecord(session: SessionControl, lsn: Lsn): TransactionRecord<T, R> {
    const name = this.#getStreamName(session);
    const stream = this.#streams.get(name) ?? new Map<Lsn, TransactionRecord<T, R>>();
    const known = stream.get(lsn);
    if (known) return known;
    const record: TransactionRecord<T, R> = { completed: new DeliveryKeySet(), works: new Map() };
    this.#streams.set(name, stream.set(lsn, record));
    return record;
  }

  #findRecord({ session, lsn }: DeliveryIdentity): TransactionRecord<T, R> | undefined {
    return this.#streams.get(this.#getStreamName(session))?.get(lsn);
  }

  /** Failed and cancelled works are not found: their input is worked on again. */
  #findWork(item: Acknowledgeable): Work<T, R> | undefined {
    const identity = identify(item);
    const work = identity && this.#findRecord(identity)?.works.get(identity.key);
    return work?.isRunning || work?.isCompleted ? work : undefined;
  }

  #isCompleted(item: Acknowledgeable): boolean {
    const identity = identify(item);
    return identity !== undefined && this.#findRecord(identity)?.completed.has(identity.key) === true;
  }

  #getStreamName(session: SessionControl): string {
    if (session !== this.#session) {
      this.#session = session;
      this.#streamName = getStreamName(session);
    }
    return this.#streamName;
  }
}

function hasRunningWork<T extends AckTarget, R>({ works }: TransactionRecord<T, R>): boolean {
  for (const work of works.values()) if (work.isRunning) return true;
  return false;
}
