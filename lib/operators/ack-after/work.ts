import { from, isObservable, map, Subject, takeUntil, type ObservableInput } from 'rxjs';
import { ConfigError } from '../../common/errors';

/** Who waits for a work. */
export interface WorkListener {
  /** There is something to take from it. */
  emitted(): void;
  failed(error: unknown): void;
  done(): void;
}

/** What one call of a projection does, from its start to its end. Who waits for it may change meanwhile. */
export class Work<R> {
  /** Whether it can be called off: a Promise cannot, nor what waits for one. */
  readonly cancellable: boolean;
  readonly #pending: ObservableInput<R> | undefined;
  readonly #cancelled = new Subject<void>();
  /** What it has emitted and nobody has taken. */
  readonly #results: R[] = [];
  #listener: WorkListener | undefined;
  #onEnd: () => void = () => undefined;
  readonly #release: () => void;
  #state: 'running' | 'done' | 'over';

  /**
   * @param pending what the projection returned; undefined where nothing is left to be done
   * @param release called when it reads what it works on no more, however it ended
   */
  constructor(pending: ObservableInput<R> | undefined, release: () => void = () => undefined) {
    this.#pending = pending;
    this.#release = release;
    this.#state = pending === undefined ? 'done' : 'running';
    this.cancellable = !isAsync(pending);
  }

  /** `over` is what has failed or was called off. */
  get state(): 'running' | 'done' | 'over' {
    return this.#state;
  }

  /** Whether nobody waits for it. */
  get free(): boolean {
    return this.#listener === undefined;
  }

  /** @throws {TypeError} when it is nothing that can be waited for */
  start(listener: WorkListener): void {
    this.#listener = listener;
    if (this.#pending === undefined) listener.done();
    else this.#run(this.#pending);
  }

  /** Somebody else waits for it. */
  join(listener: WorkListener): void {
    this.#listener = listener;
    if (this.#results.length > 0) listener.emitted();
    if (this.#state === 'done') listener.done();
  }

  /** Takes what it has emitted, but for the last so many. */
  take(except: number): R[] {
    return this.#results.splice(0, this.#results.length - except);
  }

  /** Nobody waits for it any more; it runs on. */
  leave(onEnd: () => void): void {
    this.#listener = undefined;
    this.#onEnd = onEnd;
  }

  /** It runs without anybody who waits for it. */
  startFree(): void {
    this.start({ emitted: () => undefined, failed: () => undefined, done: () => undefined });
  }

  cancel(): void {
    this.#state = 'over';
    this.#cancelled.next();
    this.#release();
  }

  #run(pending: ObservableInput<R>): void {
    // takeUntil, not a Subscription: a work may emit for ever while it is still being subscribed to.
    from(pending)
      .pipe(takeUntil(this.#cancelled), map(notAwaited))
      .subscribe({
        next: (result) => {
          this.#results.push(result);
          this.#listener?.emitted();
        },
        error: (error: unknown) => {
          this.#state = 'over';
          this.#release();
          if (this.#listener) this.#listener.failed(error);
          else this.#onEnd();
        },
        complete: () => {
          // Being called off looks like completion from here.
          if (this.#state === 'over') return;
          this.#state = 'done';
          this.#release();
          if (this.#listener) this.#listener.done();
          else this.#onEnd();
        },
      });
  }
}

/** What comes as a result was done, or so it seems: a Promise was begun, and would be acknowledged before it has ended. */
function notAwaited<R>(result: R): R {
  if (typeof result !== 'object' || result === null || !('then' in result) || typeof result.then !== 'function')
    return result;
  const remedy =
    'return Promise.all() of an array of them; in an Observable, use mergeMap or concatMap in place of map';
  throw new ConfigError('ackAfter', `the work has emitted a Promise, which nobody waits for: ${remedy}`);
}

/** An Observable may be asynchronous, too, but ends when it is unsubscribed from. */
function isAsync(pending: unknown): boolean {
  if (typeof pending !== 'object' || pending === null || isObservable(pending)) return false;
  return ['then', Symbol.asyncIterator, 'getReader'].some((member) => member in pending);
}
