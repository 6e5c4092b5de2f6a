import { isObservable, Observable, type ObservableInput, type OperatorFunction, type Subscriber } from 'rxjs';
import { Delivery, type Acknowledgeable, type SessionControl } from '../../ledger/acknowledgement';
import { ConfigError, ReplicationError } from '../../common/errors';
import { failStreams, failureOf, noteFailure, type FailedTransaction, type Failure } from '../../ledger/failure';
import type { StopRequest, StreamHistory } from '../../ledger/stream-history';
import { transactionsOf } from './failed-transactions';
import { Hand, isBatch, isLeftOpen, itemsOf, nameOf, sessionOf, type AckTarget } from './hand';
import { subscribeUntilClosed } from '../subscribe-until-closed';
import { Transaction } from '../transactions/transaction';
import { Work, type WorkListener } from './work';

/**
 * What a work emits, as in RxJS's `mergeMap`: what an Observable emits, what a Promise resolves to, the members of an array
 * or another iterable. Nothing where the work returns anything else.
 */
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
 * it returns. As everywhere in RxJS, an array is an iterable, and its members are emitted one by one, the rows of
 * a query as well: there is nothing to wait for in them, and a function with a body, `(tx) => { … }`, returns none. A Promise
 * among what is emitted is the error `CONFIG_INVALID`, as it would be acknowledged before it has ended.
 * @param concurrent how many works run at the same time; default 1
 * @throws {ConfigError} `CONFIG_INVALID` when `concurrent` is no number from 1 on
 * @example
 * logicalReplication(config).pipe(transactions(), ackAfter(async (tx) => { await store(tx); }, 4)).subscribe();
 */
export function ackAfter<T extends AckTarget, O>(
  project: (value: T, index: number) => O,
  concurrent = 1,
): OperatorFunction<T, WorkResult<O>> {
  if (typeof project !== 'function') throw new ConfigError('ackAfter', 'expected a function that does the work');
  if (!(concurrent >= 1))
    throw new ConfigError('ackAfter.concurrent', `expected a number from 1 on, got ${String(concurrent)}`);
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
          works.sourceFailed(error);
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
class Works<T extends AckTarget, R> {
  readonly #project: (value: T, index: number) => unknown;
  readonly #concurrent: number;
  readonly #subscriber: Subscriber<R>;
  readonly #hand: Hand<R>;
  readonly #waiting: T[] = [];
  /** By stream: several may be merged, and a session that was lost is followed by another. */
  readonly #sessions = new Map<string, SessionControl>();
  /** The one that was heard of last. */
  #known: SessionControl | undefined;
  /** Who may have stopped a stream that has completed: `stopOn` has left, and the session still drains. */
  readonly #stops = new Map<StreamHistory, readonly StopRequest[]>();
  readonly #watches: (() => void)[] = [];
  readonly #active = new Map<Work<R>, T>();
  readonly #stopListening: () => void;
  #release: () => void = () => undefined;
  #index = 0;
  #starting = false;
  #closed = false;
  #failed = false;
  /** Whether nobody will come back after the failure. */
  #givenUp = false;

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
    if (isBatch(value)) for (const item of value) this.#reach(item);
    else this.#reach(value);
    hold(value);
    this.#waiting.push(value);
    this.#startWaiting();
  }

  sourceFailed(error: unknown): void {
    const [session, ...others] = this.#sessions.values();
    this.fail(error, others.length === 0 ? session : undefined);
  }

  sourceCompleted(): void {
    // While a session streams on, only this branch of it has ended.
    const ending = [...this.#sessions.values()].filter((session) => !session.isStreaming());
    let left = ending.length;
    this.#closed = left === 0;
    for (const session of ending) {
      this.#stops.set(session.history, [...session.history.stops]);
      const stopWatching = session.whenClosed((error) => {
        this.#closed = --left === 0;
        if (error === undefined) this.#completeIfDone();
        else this.fail(error, session);
      });
      this.#watches.push(stopWatching);
    }
    this.#completeIfDone();
  }

  /** @param release lets go of the source, so that whoever hears an error may subscribe to it again at once */
  releaseWith(release: () => void): void {
    this.#release = release;
  }

  /**
   * @param session of the stream that it belongs to, where that is known
   * @param transactions that the work which failed was about
   */
  fail(error: unknown, session?: SessionControl, transactions?: readonly FailedTransaction[]): void {
    if (this.#subscriber.closed) return;
    this.#failed = true;
    const failure = this.#note(error, session, transactions);
    // Whoever is told of the error may go on listening for a stop; until then, letting go of the source must not end that.
    const hearing = failure?.streams.flatMap(({ stops }) => stops.map((stop) => stop.listen(ignore, ignore))) ?? [];
    this.#release();
    this.#subscriber.error(error);
    for (const stopListening of hearing) stopListening();
  }

  /** The subscription has ended. Whoever comes after a failure may want what is in hand. */
  leave(): void {
    this.#stopListening();
    for (const stopWatching of this.#watches) stopWatching();
    for (const [work, value] of this.#active) {
      if ((this.#failed && !this.#givenUp) || !work.cancellable) this.#hand.keep(value, work);
      else work.cancel();
    }
    this.#active.clear();
    // What nobody has begun to work on comes again, with a spool file of its own.
    for (const value of this.#waiting.splice(0)) release(value);
    if (!this.#failed) this.#hand.giveUp();
    // A session that drains after a stop waits for acknowledgements that will not come any more.
    for (const session of this.#sessions.values()) session.abandon();
  }

  #reach(item: Acknowledgeable): void {
    const entry = item instanceof Delivery ? Delivery.entryOf(item) : undefined;
    if (!entry) return;
    entry.reached();
    const { session } = entry;
    if (session === this.#known) return;
    this.#known = session;
    session.attend();
    this.#sessions.set(nameOf(session), session);
  }

  /** What the stream itself ended with has its note; a work's error may have one of another time. */
  #note(
    error: unknown,
    session: SessionControl | undefined,
    transactions: readonly FailedTransaction[] | undefined,
  ): Failure | undefined {
    const giveUp = (): void => {
      this.#givenUp = true;
      this.#hand.giveUp();
    };
    const noted = session && !hasEndedWith(session, error) ? undefined : failureOf(error);
    if (!noted && !session) return undefined;
    const histories = [...this.#sessions.values()].map(({ history }) => history);
    const failed = failStreams(error, new Set([...(noted?.streams ?? []).map(({ history }) => history), ...histories]));
    const streams = failed.map(({ history, stops }) => ({
      history,
      stops: [...stops, ...(this.#stops.get(history) ?? [])],
    }));
    const failure: Failure = {
      slot: session?.source.slot ?? '',
      confirmedLsn: session?.confirmed ?? 0n,
      walSenderTimeout: 0,
      byStream: false,
      ...noted,
      transactions: transactions ?? noted?.transactions,
      streams,
      giveUp,
    };
    noteFailure(error, failure);
    return failure;
  }

  /** A loop, not a recursion: works that are done at once, by the thousand, must not pile up on the stack. */
  #startWaiting(): void {
    if (this.#starting) return;
    this.#starting = true;
    while (!this.#subscriber.closed) {
      const value = this.#waiting[0];
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
    if (known) {
      // That work reads what was delivered before.
      release(value);
      known.join(this.#await(value, known));
    } else this.#do(value);
    return true;
  }

  #do(value: T): void {
    let work: Work<R> | undefined;
    try {
      const pending = this.#project(this.#hand.left(value), this.#index++);
      if (!isPending<R>(pending)) {
        if (this.#acknowledge(value)) this.#completeIfDone();
        release(value);
        return;
      }
      work = new Work<R>(pending, () => {
        release(value);
      });
      if (!this.#subscriber.closed) {
        work.start(this.#await(value, work));
      } else if (!work.cancellable) {
        // It runs, though somebody had enough while it was being started.
        work.startFree();
        this.#hand.keep(value, work);
      } else {
        release(value);
      }
    } catch (error) {
      // What has not started does not run on.
      if (work) this.#active.delete(work);
      release(value);
      this.#workFailed(value, error);
    }
  }

  #await(value: T, work: Work<R>): WorkListener {
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
        this.#workFailed(value, error);
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

  #workFailed(value: T, error: unknown): void {
    this.fail(error, sessionOf(itemsOf(value)[0]), transactionsOf(value));
  }

  #acknowledge(value: T): boolean {
    if (this.#subscriber.closed) return false;
    if (!acknowledge(value)) {
      const what = 'A work is done, but its stream ended before it could be acknowledged';
      this.#workFailed(value, new ReplicationError('ACK_TOO_LATE', what));
      return false;
    }
    this.#hand.done(value);
    return true;
  }

  #completeIfDone(): void {
    if (this.#closed && this.#active.size === 0 && this.#waiting.length === 0) this.#subscriber.complete();
  }
}

const ignore = (): void => undefined;

/** What is none of these, say the `{ rowCount }` of a command, is nothing to wait for and has nothing to emit. */
function isPending<R>(work: unknown): work is ObservableInput<R> {
  if (typeof work !== 'object' || work === null) return false;
  return isObservable(work) || PENDING.some((member) => member in work);
}

/** By what one knows a Promise, the iterables, a ReadableStream, and Observables of other libraries. */
const PENDING = ['then', Symbol.iterator, Symbol.asyncIterator, 'getReader', '@@observable'];

function hasEndedWith(session: SessionControl, error: unknown): boolean {
  let ended = false;
  const stopWatching = session.whenClosed((cause) => {
    ended = cause === error;
  });
  stopWatching();
  return ended;
}

/** JavaScript can send anything down. */
function isAcknowledgeable(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isAcknowledgeable);
  return typeof value === 'object' && value !== null && 'ack' in value && typeof value.ack === 'function';
}

/** The changes of what was taken can be read until it is released, whatever becomes of its stream. */
function hold(value: AckTarget): void {
  for (const item of itemsOf(value)) Transaction.hold(item);
}

/** Nobody reads it any more: what it has in a spool file is freed. */
function release(value: AckTarget): void {
  for (const item of itemsOf(value)) Transaction.release(item);
}

/** @returns false when something of it came too late */
function acknowledge(value: AckTarget): boolean {
  return itemsOf(value)
    .map((item) => item.ack() || isLeftOpen(item))
    .every(Boolean);
}
