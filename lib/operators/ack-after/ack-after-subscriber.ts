import type { Subscriber } from 'rxjs';
import { ConfigError, ReplicationError } from '../../common/errors';
import type { SessionControl } from '../../ledger/acknowledgement';
import type { FailedTransaction } from '../../ledger/failure';
import {
  acknowledge,
  getSession,
  holdChanges,
  isAckTarget,
  isBatch,
  releaseChanges,
  toItems,
  type AckTarget,
} from './ack-target';
import { listTransactions } from './failed-transactions';
import { SourceSessions } from './source-sessions';
import { isPending, Work, type WorkOwner } from './work';
import { WorkList } from './work-list';
import type { WorkRegistry } from './work-registry';

/**
 * One subscription of `ackAfter`: an observer of its source, and the owner of the work that it has started or reattached.
 * Values wait in a queue while `concurrent` works run.
 */
export class AckAfterSubscriber<T extends AckTarget, R> implements WorkOwner<T, R> {
  readonly #project: (value: T, index: number) => unknown;
  readonly #concurrent: number;
  readonly #subscriber: Subscriber<R>;
  readonly #registry: WorkRegistry<T, R>;
  readonly #sessions = new SourceSessions();
  readonly #queue: T[] = [];
  readonly #works = new WorkList<T, R>();
  #unsubscribeFromSource: () => void = () => undefined;
  #index = 0;
  #starting = false;
  /** Whether the source has completed, and its sessions have closed. */
  #sourceClosed = false;
  #failed = false;
  /** Whether no subscription will follow the failure. */
  #givenUp = false;

  constructor(
    project: (value: T, index: number) => unknown,
    concurrent: number,
    subscriber: Subscriber<R>,
    registry: WorkRegistry<T, R>,
  ) {
    this.#project = project;
    this.#concurrent = concurrent;
    this.#subscriber = subscriber;
    this.#registry = registry;
    subscriber.add(
      registry.onDetachedEnd(() => {
        this.#startQueued();
      }),
    );
    subscriber.add(() => {
      this.#end();
    });
  }

  /** @param unsubscribe called before an error is passed on, so that a retry can subscribe to the source at once */
  setSource(unsubscribe: () => void): void {
    this.#unsubscribeFromSource = unsubscribe;
  }

  next(value: T): void {
    if (!isAckTarget(value)) {
      const remedy = 'after map, keep it: map((tx) => ({ n: tx.size, ack: tx.ack }))';
      this.#fail(new ConfigError('ackAfter', `a value has no ack(); ${remedy}`));
      return;
    }
    if (isBatch(value)) for (const item of value) this.#sessions.add(item);
    else this.#sessions.add(value);
    holdChanges(value);
    this.#queue.push(value);
    this.#startQueued();
  }

  error(error: unknown): void {
    this.#fail(error, this.#sessions.only);
  }

  complete(): void {
    this.#sessions.watchClosing(
      () => {
        this.#sourceClosed = true;
        this.#completeIfDone();
      },
      (error, session) => {
        this.#fail(error, session);
      },
    );
  }

  workEmitted(work: Work<T, R>): void {
    // The last result is passed on after the acknowledgement, so that take(n) counts acknowledged values.
    this.#passResults(work, 1);
  }

  workFailed(work: Work<T, R>, error: unknown): void {
    this.#works.remove(work);
    this.#failWork(work.target, error);
  }

  workCompleted(work: Work<T, R>): void {
    this.#works.remove(work);
    if (!this.#acknowledge(work.target)) return;
    this.#passResults(work, 0);
    this.#startQueued();
    this.#completeIfDone();
  }

  /** A loop instead of recursion: thousands of works that complete synchronously must not overflow the stack. */
  #startQueued(): void {
    if (this.#starting) return;
    this.#starting = true;
    while (!this.#subscriber.closed) {
      const value = this.#queue[0];
      if (value === undefined || !this.#startNext(value)) break;
    }
    this.#starting = false;
  }

  /** @returns false when the value has to stay in the queue */
  #startNext(value: T): boolean {
    const registry = this.#registry;
    if (registry.isCompleted(value)) {
      this.#queue.shift();
      releaseChanges(value);
      if (this.#acknowledge(value)) this.#completeIfDone();
      return true;
    }
    const work = registry.reattach(value, this);
    if (work) {
      this.#queue.shift();
      // The work reads the earlier delivery.
      releaseChanges(value);
      this.#works.add(work);
      if (work.hasResults) this.workEmitted(work);
      if (work.isCompleted) this.workCompleted(work);
      return true;
    }
    const isBusy = this.#works.size + registry.detachedCount >= this.#concurrent;
    if (isBusy || registry.mustWait(value)) return false;
    this.#queue.shift();
    this.#startWork(value);
    return true;
  }

  #startWork(value: T): void {
    let work: Work<T, R> | undefined;
    try {
      const pending = this.#project(this.#registry.withoutCompleted(value), this.#index++);
      if (!isPending<R>(pending)) {
        if (this.#acknowledge(value)) this.#completeIfDone();
        releaseChanges(value);
        return;
      }
      work = new Work<T, R>(value, pending, this);
      if (!this.#subscriber.closed) {
        this.#works.add(work);
        work.start();
      } else if (!work.cancellable) {
        // The projection has started it, and has unsubscribed.
        this.#registry.detach(work);
        work.start();
      } else {
        releaseChanges(value);
      }
    } catch (error) {
      if (work) this.#works.remove(work);
      releaseChanges(value);
      this.#failWork(value, error);
    }
  }

  #passResults(work: Work<T, R>, keep: number): void {
    for (const result of work.takeResults(keep)) this.#subscriber.next(result);
  }

  #acknowledge(value: T): boolean {
    if (this.#subscriber.closed) return false;
    if (!acknowledge(value)) {
      const what = 'The work has completed, but its stream ended before it could be acknowledged';
      this.#failWork(value, new ReplicationError('ACK_TOO_LATE', what));
      return false;
    }
    this.#registry.recordCompleted(value);
    return true;
  }

  #completeIfDone(): void {
    if (this.#sourceClosed && this.#works.size === 0 && this.#queue.length === 0) this.#subscriber.complete();
  }

  #failWork(value: T, error: unknown): void {
    this.#fail(error, getSession(toItems(value)[0]), listTransactions(value));
  }

  #fail(error: unknown, session?: SessionControl, transactions?: readonly FailedTransaction[]): void {
    if (this.#subscriber.closed) return;
    this.#failed = true;
    const giveUp = (): void => {
      this.#givenUp = true;
      this.#registry.cancelDetached();
    };
    const failure = this.#sessions.attachFailure(error, { session, transactions, giveUp });
    // An operator below may go on listening for a stop. Until it does, unsubscribing must not end the notifier.
    const stopListening =
      failure?.streams.flatMap(({ stops }) => stops.map((stop) => stop.listen(ignore, ignore))) ?? [];
    this.#unsubscribeFromSource();
    this.#subscriber.error(error);
    for (const stop of stopListening) stop();
  }

  /** The subscription has ended. After a failure the next one may reattach the works. */
  #end(): void {
    for (const work of this.#works.takeAll()) {
      if ((this.#failed && !this.#givenUp) || !work.cancellable) this.#registry.detach(work);
      else work.cancel();
    }
    // Values whose work has not started are delivered again, with a spool file of their own.
    for (const value of this.#queue.splice(0)) releaseChanges(value);
    if (!this.#failed) this.#registry.cancelDetached();
    this.#sessions.abandon();
  }
}

const ignore = (): void => undefined;
