import {
  from,
  Observable,
  Subject,
  takeUntil,
  type ObservableInput,
  type OperatorFunction,
  type Subscriber,
} from 'rxjs';
import { Delivery, type Acknowledgeable, type SessionControl } from '../acknowledgement';
import { ConfigError, ReplicationError } from '../errors';
import { subscribeUntilClosed } from './subscribe-until-closed';

/** What `ackAfter` takes: messages, transactions, or arrays of them. */
export type Work = Acknowledgeable | readonly Acknowledgeable[];

/** What a work emits; nothing where it is no Observable, Promise or iterable. */
export type WorkResult<O> = O extends string ? never : O extends ObservableInput<infer R> ? R : never;

/**
 * Does the work that `project` returns for each value, at most `concurrent` at a time, and acknowledges the value when
 * its work has completed. Works may finish in any order; the slot moves in commit order, and never past one that is not
 * done. What the works emit is passed on; the last result of each comes once the value is acknowledged, so `take(n)` below
 * it lets n works be done and confirmed.
 *
 * - A work that fails ends the stream with its error at once. It is not acknowledged, and is delivered again when
 *   somebody subscribes again.
 * - Unsubscribing gives up the works in hand; they are not acknowledged.
 * - When the source has completed (`stopAtLsn`, `stopOn`) it completes only after all work is done and the server has
 *   been told: complete means confirmed. (It finds the connection through the messages themselves, so this holds where
 *   the values are messages, transactions or arrays of them, and not what a `map` made of their `ack`.)
 *
 * @param project starts the work: returns an Observable, a Promise or an iterable; with anything else the work is done when
 * it returns
 * @param concurrent how many works run at the same time; default 1
 * @throws {ConfigError} `CONFIG_INVALID` when `concurrent` is no number from 1 on
 * @example
 * logicalReplication(config).pipe(transactions(), ackAfter(async (tx) => { await store(tx); }, 4)).subscribe();
 */
export function ackAfter<T extends Work, O>(
  project: (value: T, index: number) => O,
  concurrent = 1,
): OperatorFunction<T, WorkResult<O>> {
  if (typeof project !== 'function') throw new ConfigError('ackAfter', 'expected a function that does the work');
  if (!(concurrent >= 1)) throw new ConfigError('concurrent', `expected a number from 1 on, got ${String(concurrent)}`);
  return (source) =>
    new Observable((subscriber) => {
      const works = new Works(project, concurrent, subscriber);
      subscriber.add(() => {
        works.giveUp();
      });
      const release = subscribeUntilClosed(source, subscriber, {
        next: (value) => {
          works.take(value);
        },
        complete: () => {
          works.sourceCompleted();
        },
      });
      works.releaseWith(release);
    });
}

/** The works of one subscription. */
class Works<T extends Work, R> {
  readonly #project: (value: T, index: number) => unknown;
  readonly #concurrent: number;
  readonly #subscriber: Subscriber<R>;
  readonly #givenUp = new Subject<void>();
  readonly #waiting: T[] = [];
  #session: SessionControl | undefined;
  #release: () => void = () => undefined;
  #stopWatching: () => void = () => undefined;
  #active = 0;
  #index = 0;
  #starting = false;
  #closed = false;

  constructor(project: (value: T, index: number) => unknown, concurrent: number, subscriber: Subscriber<R>) {
    this.#project = project;
    this.#concurrent = concurrent;
    this.#subscriber = subscriber;
  }

  take(value: T): void {
    if (!isAcknowledgeable(value)) {
      const remedy = 'after map, keep it: map((tx) => ({ n: tx.size, ack: tx.ack }))';
      this.#fail(new ConfigError('ackAfter', `a value has no ack(); ${remedy}`));
      return;
    }
    this.#session = sessionOf(value) ?? this.#session;
    this.#waiting.push(value);
    this.#startWaiting();
  }

  sourceCompleted(): void {
    const closed = (error?: unknown): void => {
      this.#closed = true;
      if (error === undefined) this.#completeIfDone();
      else this.#fail(error);
    };
    // While the session streams on, only this branch of it has ended.
    if (this.#session && !this.#session.isStreaming()) this.#stopWatching = this.#session.whenClosed(closed);
    else closed();
  }

  /** @param release lets go of the source, so that whoever hears an error may subscribe to it again at once */
  releaseWith(release: () => void): void {
    this.#release = release;
  }

  giveUp(): void {
    this.#givenUp.next();
    this.#stopWatching();
    // A session that drains after a stop waits for acknowledgements that will not come any more.
    this.#session?.abandon();
  }

  #fail(error: unknown): void {
    this.#release();
    this.#subscriber.error(error);
  }

  /** A loop, not a recursion: works that are done at once, by the thousand, must not pile up on the stack. */
  #startWaiting(): void {
    if (this.#starting) return;
    this.#starting = true;
    while (this.#active < this.#concurrent && !this.#subscriber.closed) {
      const value = this.#waiting.shift();
      if (value === undefined) break;
      this.#start(value);
    }
    this.#starting = false;
  }

  #start(value: T): void {
    this.#active++;
    try {
      const work = this.#project(value, this.#index++);
      if (isPending<R>(work)) this.#run(value, from(work));
      else this.#finish(value, []);
    } catch (error) {
      this.#fail(error);
    }
  }

  #run(value: T, work: Observable<R>): void {
    const results: R[] = [];
    // takeUntil, not a Subscription: a work may emit for ever while it is still being subscribed to.
    work.pipe(takeUntil(this.#givenUp)).subscribe({
      next: (result) => {
        // The last one stays behind until the value is acknowledged, so that whoever counts results counts done work.
        this.#pass(results);
        results.push(result);
      },
      error: (error) => {
        this.#fail(error);
      },
      complete: () => {
        this.#finish(value, results);
      },
    });
  }

  #pass(results: R[]): void {
    for (const result of results.splice(0)) this.#subscriber.next(result);
  }

  #finish(value: T, results: R[]): void {
    if (this.#subscriber.closed) return;
    this.#active--;
    if (!acknowledge(value)) {
      this.#fail(
        new ReplicationError('ACK_TOO_LATE', 'A work is done, but its stream ended before it could be acknowledged'),
      );
      return;
    }
    this.#pass(results);
    this.#startWaiting();
    this.#completeIfDone();
  }

  #completeIfDone(): void {
    if (this.#closed && this.#active === 0 && this.#waiting.length === 0) this.#subscriber.complete();
  }
}

/** What is no object, say the true of a `write()`, is nothing to wait for. */
function isPending<R>(work: unknown): work is ObservableInput<R> {
  return Object(work) === work;
}

function sessionOf(value: Work): SessionControl | undefined {
  const item: unknown = Array.isArray(value) ? value[0] : value;
  return item instanceof Delivery ? Delivery.entryOf(item)?.session : undefined;
}

/** JavaScript can send anything down. */
function isAcknowledgeable(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isAcknowledgeable);
  return typeof value === 'object' && value !== null && 'ack' in value && typeof value.ack === 'function';
}

function acknowledge(value: Work): boolean {
  if (!('ack' in value)) return value.map((item) => item.ack()).every(Boolean);
  return value.ack();
}
