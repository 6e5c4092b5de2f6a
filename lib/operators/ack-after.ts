import { Observable, type ObservableInput, type OperatorFunction, type Subscriber } from 'rxjs';
import { Delivery, type SessionControl } from '../acknowledgement';
import { ConfigError, ReplicationError } from '../errors';
import { failureOf, noteFailure } from '../failure';
import { Hand, isBatch, itemsOf, type Acknowledged } from './hand';
import { subscribeUntilClosed } from './subscribe-until-closed';
import { Work as RunningWork, type WorkListener } from './work';

/** What `ackAfter` takes: messages, transactions, or arrays of them. */
export type Work = Acknowledged;

/** What a work emits; nothing where it is no Observable, Promise or iterable. */
export type WorkResult<O> = O extends string ? never : O extends ObservableInput<infer R> ? R : never;

/**
 * Does the work that `project` returns for each value, at most `concurrent` at a time, and acknowledges the value when
 * its work has completed. Works may finish in any order; the slot moves in commit order, and never past one that is not
 * done. What the works emit is passed on; the last result of each comes once the value is acknowledged, so `take(n)` below
 * it lets n works be done and confirmed.
 *
 * - A work that fails ends the stream with its error at once. It is not acknowledged, and is delivered again when
 *   somebody subscribes again (`reconnect`, `retry`).
 * - When the stream fails, by a work or otherwise, the works in hand run on. What they do is not done twice: when it is
 *   delivered again, a work that still runs takes it up, and one that is done lets it be acknowledged at once. (What has lost
 *   its identity, by a `map` say, and other plugins' data, wait until those works have ended, and are then done again.)
 * - Unsubscribing gives up the works in hand; they are not acknowledged. A Promise cannot be given up: it runs on as above.
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
  return (source) => {
    const hand = new Hand<WorkResult<O>>();
    return new Observable((subscriber) => {
      const works = new Works(project, concurrent, subscriber, hand);
      subscriber.add(() => {
        works.leave();
      });
      const release = subscribeUntilClosed(source, subscriber, {
        next: (value) => {
          works.take(value);
        },
        error: (error) => {
          works.fail(error);
        },
        complete: () => {
          works.sourceCompleted();
        },
      });
      works.releaseWith(release);
    });
  };
}

/** The works of one subscription. */
class Works<T extends Work, R> {
  readonly #project: (value: T, index: number) => unknown;
  readonly #concurrent: number;
  readonly #subscriber: Subscriber<R>;
  readonly #hand: Hand<R>;
  readonly #waiting: T[] = [];
  readonly #active = new Map<RunningWork<R>, T>();
  readonly #stopListening: () => void;
  #session: SessionControl | undefined;
  #release: () => void = () => undefined;
  #stopWatching: () => void = () => undefined;
  #index = 0;
  #starting = false;
  #closed = false;
  #failed = false;

  constructor(
    project: (value: T, index: number) => unknown,
    concurrent: number,
    subscriber: Subscriber<R>,
    hand: Hand<R>,
  ) {
    this.#project = project;
    this.#concurrent = concurrent;
    this.#subscriber = subscriber;
    this.#hand = hand;
    this.#stopListening = hand.whenFreed(() => {
      this.#startWaiting();
    });
  }

  take(value: T): void {
    if (!isAcknowledgeable(value)) {
      const remedy = 'after map, keep it: map((tx) => ({ n: tx.size, ack: tx.ack }))';
      this.fail(new ConfigError('ackAfter', `a value has no ack(); ${remedy}`));
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
      else this.fail(error);
    };
    // While the session streams on, only this branch of it has ended.
    if (this.#session && !this.#session.isStreaming()) this.#stopWatching = this.#session.whenClosed(closed);
    else closed();
  }

  /** @param release lets go of the source, so that whoever hears an error may subscribe to it again at once */
  releaseWith(release: () => void): void {
    this.#release = release;
  }

  fail(error: unknown): void {
    if (this.#subscriber.closed) return;
    this.#failed = true;
    if (this.#session && !failureOf(error)) {
      const { confirmed: confirmedLsn, stopAsked } = this.#session;
      noteFailure(error, { confirmedLsn, walSenderTimeout: 0, stopAsked });
    }
    this.#release();
    this.#subscriber.error(error);
  }

  /** The subscription has ended. Whoever comes after a failure may want what is in hand. */
  leave(): void {
    this.#stopListening();
    this.#stopWatching();
    for (const [work, value] of this.#active) {
      if (this.#failed || !work.cancellable) this.#hand.keep(value, work);
      else work.cancel();
    }
    this.#active.clear();
    // A session that drains after a stop waits for acknowledgements that will not come any more.
    this.#session?.abandon();
  }

  /** A loop, not a recursion: works that are done at once, by the thousand, must not pile up on the stack. */
  #startWaiting(): void {
    if (this.#starting) return;
    this.#starting = true;
    while (!this.#subscriber.closed) {
      const [value] = this.#waiting;
      if (value === undefined || !this.#start(value)) break;
    }
    this.#starting = false;
  }

  /** @returns false when it has to wait */
  #start(value: T): boolean {
    const known = this.#hand.take(value);
    const isBusy = this.#active.size + this.#hand.detached >= this.#concurrent;
    if (!known && (isBusy || this.#hand.mustWait(value))) return false;
    this.#waiting.shift();
    if (known) known.join(this.#await(value, known));
    else this.#do(value);
    return true;
  }

  #do(value: T): void {
    const left = this.#hand.left(value);
    let work: RunningWork<R> | undefined;
    try {
      const nothingLeft = isBatch(left) && left.length === 0 && left !== value;
      const pending = nothingLeft ? undefined : this.#project(left, this.#index++);
      work = new RunningWork<R>(isPending<R>(pending) ? pending : undefined);
      work.start(this.#await(value, work));
    } catch (error) {
      // What has not started does not run on.
      if (work) this.#active.delete(work);
      this.fail(error);
    }
  }

  #await(value: T, work: RunningWork<R>): WorkListener {
    const pass = (except: number): void => {
      for (const result of work.take(except)) this.#subscriber.next(result);
    };
    this.#active.set(work, value);
    return {
      emitted: () => {
        // The last one stays behind until the value is acknowledged, so that whoever counts results counts done work.
        pass(1);
      },
      failed: (error) => {
        this.#active.delete(work);
        this.fail(error);
      },
      done: () => {
        this.#active.delete(work);
        if (!this.#acknowledge(value)) return;
        pass(0);
        this.#startWaiting();
        this.#completeIfDone();
      },
    };
  }

  #acknowledge(value: T): boolean {
    if (this.#subscriber.closed) return false;
    if (!acknowledge(value)) {
      const what = 'A work is done, but its stream ended before it could be acknowledged';
      this.fail(new ReplicationError('ACK_TOO_LATE', what));
      return false;
    }
    this.#hand.done(value, this.#session?.confirmed ?? 0n);
    return true;
  }

  #completeIfDone(): void {
    if (this.#closed && this.#active.size === 0 && this.#waiting.length === 0) this.#subscriber.complete();
  }
}

/** What is no object, say the true of a `write()`, is nothing to wait for. */
function isPending<R>(work: unknown): work is ObservableInput<R> {
  return Object(work) === work;
}

function sessionOf(value: Work): SessionControl | undefined {
  const [item] = itemsOf(value);
  return item instanceof Delivery ? Delivery.entryOf(item)?.session : undefined;
}

/** JavaScript can send anything down. */
function isAcknowledgeable(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isAcknowledgeable);
  return typeof value === 'object' && value !== null && 'ack' in value && typeof value.ack === 'function';
}

function acknowledge(value: Work): boolean {
  return itemsOf(value)
    .map((item) => item.ack())
    .every(Boolean);
}
