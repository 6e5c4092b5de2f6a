import { from, isObservable, map, Subject, takeUntil, type ObservableInput } from 'rxjs';
import { ConfigError } from '../../common/errors';
import { releaseChanges, type AckTarget } from './ack-target';

/** Is told what a work does: its subscriber, or the registry once the subscription has ended. */
export interface WorkOwner<T extends AckTarget, R> {
  /** The work has emitted a result, see {@link Work.takeResults}. */
  workEmitted(work: Work<T, R>): void;
  workFailed(work: Work<T, R>, error: unknown): void;
  workCompleted(work: Work<T, R>): void;
}

/**
 * What one call of a projection has started. It runs once, from {@link start} to its end; its owner, and the delivery that
 * is acknowledged when it has completed, may change meanwhile.
 */
export class Work<T extends AckTarget, R> {
  /** What is acknowledged when the work has completed: the input, or its redelivery. */
  target: T;
  /** Its index in the {@link WorkList} of its owner. */
  index = -1;
  owner: WorkOwner<T, R>;
  /** False for a Promise, and for what waits for one: there is no way to cancel them. */
  readonly cancellable: boolean;
  readonly #input: T;
  readonly #pending: ObservableInput<R>;
  /** Results that no owner has taken. */
  #results: R[] | undefined;
  #cancelled: Subject<void> | undefined;
  #state: 'running' | 'completed' | 'failed' | 'cancelled' = 'running';

  /**
   * @param input what the projection was called with; its changes are released when the work has ended
   * @param pending what the projection returned
   */
  constructor(input: T, pending: ObservableInput<R>, owner: WorkOwner<T, R>) {
    this.target = input;
    this.owner = owner;
    this.cancellable = !isAsync(pending);
    this.#input = input;
    this.#pending = pending;
  }

  get isRunning(): boolean {
    return this.#state === 'running';
  }

  get isCompleted(): boolean {
    return this.#state === 'completed';
  }

  /** @throws {TypeError} when RxJS cannot subscribe to what the projection returned */
  start(): void {
    const pending = this.#pending;
    // Most works are async functions, and a Promise needs no Subscriber.
    if (pending instanceof Promise) {
      pending.then(
        (result: R) => this.#resolve(result),
        (error: unknown) => this.#fail(error),
      );
    } else {
      this.#subscribe(pending);
    }
  }

  /** Removes the results from the work, except for the last `keep` ones. */
  takeResults(keep: number): readonly R[] {
    const results = this.#results ?? [];
    if (keep > 0) return results.splice(0, results.length - keep);
    this.#results = undefined;
    return results;
  }

  get hasResults(): boolean {
    return this.#results !== undefined && this.#results.length > 0;
  }

  cancel(): void {
    this.#state = 'cancelled';
    this.#cancelled?.next();
    releaseChanges(this.#input);
  }

  #subscribe(pending: ObservableInput<R>): void {
    this.#cancelled = new Subject();
    // takeUntil instead of a Subscription: a work may emit endlessly before subscribe() has returned.
    from(pending)
      .pipe(takeUntil(this.#cancelled), map(assertNoPromise))
      .subscribe({
        next: (result) => {
          (this.#results ??= []).push(result);
          this.owner.workEmitted(this);
        },
        error: (error: unknown) => {
          this.#fail(error);
        },
        complete: () => {
          // takeUntil completes a work that is cancelled.
          if (this.#state === 'running') this.#complete();
        },
      });
  }

  #resolve(result: R): void {
    this.#results = [result];
    this.#complete();
  }

  #complete(): void {
    this.#state = 'completed';
    releaseChanges(this.#input);
    this.owner.workCompleted(this);
  }

  #fail(error: unknown): void {
    this.#state = 'failed';
    releaseChanges(this.#input);
    this.owner.workFailed(this, error);
  }
}

/** Whether `value`, which a projection returned, is to be waited for; anything else counts as completed work. */
export function isPending<R>(value: unknown): value is ObservableInput<R> {
  if (value instanceof Promise) return true;
  if (typeof value !== 'object' || value === null) return false;
  return isObservable(value) || PENDING.some((member) => member in value);
}

/** Members that identify a Promise, iterables, a ReadableStream, and Observables of other libraries. */
const PENDING = ['then', Symbol.iterator, Symbol.asyncIterator, 'getReader', '@@observable'];

/** An Observable may be asynchronous, too, but ends when it is unsubscribed from. */
function isAsync(pending: unknown): boolean {
  if (pending instanceof Promise) return true;
  if (typeof pending !== 'object' || pending === null || isObservable(pending)) return false;
  return ['then', Symbol.asyncIterator, 'getReader'].some((member) => member in pending);
}

/** A Promise among the results has been started, and would be acknowledged before it has ended. */
function assertNoPromise<R>(result: R): R {
  if (typeof result !== 'object' || result === null || !('then' in result) || typeof result.then !== 'function')
    return result;
  const remedy =
    'return Promise.all() of an array of them; in an Observable, use mergeMap or concatMap in place of map';
  throw new ConfigError('ackAfter', `the work has emitted a Promise, which nothing waits for: ${remedy}`);
}
