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

/** What `ackAfter` takes: messages, transactions, or arrays of them. */
export type Work = Acknowledgeable | readonly Acknowledgeable[];

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
 *   been told: complete means confirmed.
 *
 * @param project starts the work: returns an Observable, a Promise or an iterable, or nothing if the work is done when it
 * returns
 * @param concurrent how many works run at the same time; default 1
 * @throws {ConfigError} `CONFIG_INVALID` when `concurrent` is no number from 1 on
 * @example
 * logicalReplication(config).pipe(transactions(), ackAfter(async (tx) => { await store(tx); }, 4)).subscribe();
 */
export function ackAfter<T extends Work, R = never>(
  project: (value: T, index: number) => ObservableInput<R> | undefined,
  concurrent?: number,
): OperatorFunction<T, R>;
export function ackAfter<T extends Work>(
  project: (value: T, index: number) => void,
  concurrent?: number,
): OperatorFunction<T, never>;
export function ackAfter<T extends Work, R>(
  project: (value: T, index: number) => ObservableInput<R> | undefined | void,
  concurrent = 1,
): OperatorFunction<T, R> {
  if (!(concurrent >= 1)) throw new ConfigError('concurrent', `expected a number from 1 on, got ${String(concurrent)}`);
  return (source) =>
    new Observable((subscriber) => {
      const works = new Works(project, concurrent, subscriber);
      subscriber.add(() => {
        works.giveUp();
      });
      subscriber.add(
        source.subscribe({
          next: (value) => {
            works.take(value);
          },
          error: (error) => {
            subscriber.error(error);
          },
          complete: () => {
            works.sourceCompleted();
          },
        }),
      );
    });
}

/** The works of one subscription. */
class Works<T extends Work, R> {
  readonly #project: (value: T, index: number) => ObservableInput<R> | undefined | void;
  readonly #concurrent: number;
  readonly #subscriber: Subscriber<R>;
  readonly #givenUp = new Subject<void>();
  readonly #waiting: T[] = [];
  #session: SessionControl | undefined;
  #active = 0;
  #index = 0;
  #starting = false;
  #closed = false;

  constructor(
    project: (value: T, index: number) => ObservableInput<R> | undefined | void,
    concurrent: number,
    subscriber: Subscriber<R>,
  ) {
    this.#project = project;
    this.#concurrent = concurrent;
    this.#subscriber = subscriber;
  }

  take(value: T): void {
    this.#session = sessionOf(value) ?? this.#session;
    this.#waiting.push(value);
    this.#startWaiting();
  }

  sourceCompleted(): void {
    const closed = (error?: unknown): void => {
      this.#closed = true;
      if (error === undefined) this.#completeIfDone();
      else this.#subscriber.error(error);
    };
    if (this.#session) this.#subscriber.add(this.#session.whenClosed(closed));
    else closed();
  }

  giveUp(): void {
    this.#givenUp.next();
    // A session that drains after a stop waits for acknowledgements that will not come any more.
    this.#session?.abandon();
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
      if (work === undefined) this.#finish(value, []);
      else this.#run(value, from(work));
    } catch (error) {
      this.#subscriber.error(error);
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
        this.#subscriber.error(error);
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
      this.#subscriber.error(
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

function sessionOf(value: Work): SessionControl | undefined {
  const item: unknown = Array.isArray(value) ? value[0] : value;
  return item instanceof Delivery ? Delivery.entryOf(item)?.session : undefined;
}

function acknowledge(value: Work): boolean {
  if (!('ack' in value)) return value.map((item) => item.ack()).every(Boolean);
  return value.ack();
}
