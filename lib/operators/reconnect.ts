import {
  asyncScheduler,
  defer,
  finalize,
  map,
  merge,
  mergeAll,
  Observable,
  of,
  retry,
  Subject,
  take,
  tap,
  throwError,
  timer,
  type MonoTypeOperatorFunction,
  type NextObserver,
  type SchedulerLike,
} from 'rxjs';
import { ERRORS, type ErrorKind } from '../common/error-codes';
import { ReplicationError, ServerError } from '../common/errors';
import { getFailure, type FailedTransaction, type Failure } from '../ledger/failure';
import type { Lsn } from '../common/lsn';
import { Options } from '../common/options';
import { whenAllUnused } from '../ledger/stream-history';
import { RequestedStops } from './requested-stops';
import { describeTransaction } from './ack-after/failed-transactions';

/** The retry policy of {@link reconnect}. */
export interface ReconnectOptions {
  /** The maximum delay before the first attempt, in ms. It doubles with each further attempt. Default 500. */
  readonly initialDelay?: number | undefined;
  /** The maximum delay before any attempt, in ms. Default 30 000. */
  readonly maxDelay?: number | undefined;
  /** The maximum number of failed attempts in a row, without a confirmation in between. Default Infinity. */
  readonly maxRetries?: number | undefined;
  /**
   * Whether to reconnect after an error. Default: `error.retryable` of a {@link ReplicationError}, and false for other errors,
   * such as those of your own work.
   */
  readonly retryable?: ((error: unknown) => boolean) | undefined;
  /** The scheduler of the delays. Default asyncScheduler. */
  readonly scheduler?: SchedulerLike | undefined;
  /** Is notified of each attempt when its delay begins. */
  readonly attemptObserver?: NextObserver<ReconnectAttempt> | undefined;
}

/** What `attemptObserver` receives. */
export interface ReconnectAttempt {
  /** The number of the attempt, from 1. A confirmation resets it. */
  readonly attempt: number;
  /** The delay until `reconnect` subscribes again, in ms. */
  readonly delay: number;
  /** The error that ended the stream. */
  readonly error: unknown;
  /**
   * The transactions of the failed work, if work of `ackAfter` ended the stream; otherwise empty. Usually one; several if the
   * work takes arrays.
   */
  readonly transactions: readonly FailedTransaction[];
}

/**
 * Resubscribes after a retryable error: a lost connection, a restart of the server, a failover, or a slot that another
 * connection holds. The stream resumes at the confirmed position, so the server sends unacknowledged transactions again.
 *
 * The delay before an attempt is random, so that many clients do not reconnect at once. It is at most `initialDelay` for the
 * first attempt; the maximum doubles with each attempt, up to `maxDelay`. A confirmation resets delay and count. Deliveries
 * without a confirmation do not: a transaction that makes every attempt fail still reaches `maxRetries`.
 *
 * Without an `attemptObserver` the process emits one warning (`RXPG_RECONNECTING`) after five failures in a row. Even a wrong
 * host name is retried without end unless you set `maxRetries`.
 *
 * `reconnect` gives up after three attempts if the server fails with the same error at the same LSN (`SERVER_INTERNAL_ERROR`,
 * `SERVER_IO_ERROR`, `WAL_REMOVED`), or with an SQLSTATE that PostgreSQL does not define (`UNKNOWN_SQLSTATE`). A shortage of
 * disk space or memory (`SERVER_RESOURCES`) has no such limit, because it can last for any time.
 *
 * If another connection holds the slot (`SLOT_ACTIVE`), `reconnect` retries for at least the server's `wal_sender_timeout`,
 * even beyond `maxRetries`: the server may need that long to detect a lost client.
 *
 * A stop (`stopOn`) ends the delay, and no further attempt follows. The observable completes if everything delivered is
 * confirmed; otherwise it fails with the last error.
 *
 * Position in the pipe: after `ackAfter`, which then reassigns running work to the transactions that are sent again.
 * Operators before `reconnect` lose their state at each attempt. That is safe for `transactions()` and `bufferCount`, because
 * the server sends unacknowledged transactions again.
 *
 * @throws {ConfigError} `CONFIG_INVALID` when an option is invalid
 * @returns the values of the source, and the error after which no attempt follows
 * @example
 * logicalReplication(config).pipe(transactions(), ackAfter(save), reconnect({ maxDelay: 10_000 })).subscribe();
 */
export function reconnect<T>(options: ReconnectOptions = {}): MonoTypeOperatorFunction<T> {
  const settings = readSettings(options);
  return (source) =>
    defer(() => {
      const attempts = new Attempts(settings);
      return source.pipe(
        retry({ delay: (error: unknown) => attempts.after(error) }),
        finalize(() => {
          attempts.end();
        }),
      );
    });
}

type Settings = ReturnType<typeof readSettings>;

const NAMES = ['initialDelay', 'maxDelay', 'maxRetries', 'retryable', 'scheduler', 'attemptObserver'];

function readSettings(given: ReconnectOptions) {
  const options = new Options('reconnect', given, NAMES);
  const { retryable = isRetryable } = given;
  if (typeof retryable !== 'function') throw options.error('retryable', 'expected a function that takes the error');
  const observed = new Subject<ReconnectAttempt>();
  const observer = options.having<NextObserver<ReconnectAttempt>>('attemptObserver', 'next');
  if (observer) observed.subscribe(observer);
  return {
    initialDelay: options.ms('initialDelay', 500),
    maxDelay: options.ms('maxDelay', 30_000),
    maxRetries: options.number('maxRetries', Infinity, 0),
    scheduler: options.having<SchedulerLike>('scheduler', 'schedule') ?? asyncScheduler,
    retryable,
    observed,
    silent: observer === undefined,
  };
}

/** The process warns after this number of failures in a row, where there is no attemptObserver. */
const WARN_AFTER = 5;
/** More doublings change no delay, and 0 times Infinity would be NaN. */
const MAX_DOUBLINGS = 31;

function isRetryable(error: unknown): boolean {
  return error instanceof ReplicationError && error.retryable;
}

/** The attempts of one subscription. */
class Attempts {
  readonly #settings: Settings;
  readonly #stops = new RequestedStops();
  /** By slot, because the source can merge several streams. */
  readonly #confirmed = new Map<string, Lsn>();
  #count = 0;
  /** The last failure that is worth only few attempts, and how often it occurred; other failures may occur in between. */
  #failure = '';
  #repeated = 0;
  /** Since when every attempt has found the slot in use by another connection. */
  #activeSince: number | undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** Emits when the next attempt is due; completes or fails if no attempt follows. */
  after(error: unknown): Observable<unknown> {
    const { retryable, scheduler, observed, initialDelay, maxDelay, maxRetries } = this.#settings;
    const failure = getFailure(error);
    const { giveUp = ignore, transactions = [] } = failure ?? {};
    if (failure) this.#stops.follow(failure.streams);
    this.#recordFailure(error);
    if (failure && this.#stops.all) return this.#stopped(error, failure);
    const mustGiveUp = this.#stops.all || !retryable(error) || this.#repeated > getMaxRetries(error);
    if (mustGiveUp || (this.#count >= maxRetries && !this.#mustWaitForSlot(error))) {
      giveUp();
      return throwError(() => error);
    }

    const longest = Math.min(maxDelay, initialDelay * 2 ** Math.min(this.#count, MAX_DOUBLINGS));
    const delay = Math.round(Math.random() * longest);
    this.#count++;
    if (this.#settings.silent && this.#count === WARN_AFTER) {
      const what = `The stream has failed ${WARN_AFTER} times in a row and is being retried. Set attemptObserver to observe each attempt.`;
      const where =
        transactions.length > 0 ? `, in the work on ${transactions.map(describeTransaction).join(', ')}` : '';
      process.emitWarning(`${what} The last error${where}: ${String(error)}`, {
        type: 'ReplicationWarning',
        code: 'RXPG_RECONNECTING',
      });
    }
    observed.next({ attempt: this.#count, delay, error, transactions });
    const due = timer(delay, scheduler).pipe(callOnUnsubscribe(giveUp));
    if (!failure) return due;
    const stopped = this.#stops.requested.pipe(map(() => this.#stopped(error, failure)));
    return merge(due.pipe(map((value) => of(value))), stopped).pipe(take(1), mergeAll());
  }

  /** The subscription has ended: stops listening for a stop. */
  end(): void {
    this.#stops.forget();
  }

  /** Ends a stream that was asked to stop: completes where everything delivered is confirmed, and fails otherwise. */
  #stopped(error: unknown, { byStream, streams, giveUp = ignore }: Failure): Observable<never> {
    giveUp();
    // A work may have failed although every message is confirmed.
    if (!byStream) return throwError(() => error);
    return new Observable((subscriber) =>
      whenAllUnused(
        streams.map(({ history }) => history),
        (failure) => {
          if (failure) subscriber.error(error);
          else subscriber.complete();
        },
      ),
    );
  }

  /** Counts the failure. The counts start over when something was confirmed since the last failure. */
  #recordFailure(error: unknown): void {
    if (this.#hasProgressed(getFailure(error))) {
      this.#count = 0;
      this.#repeated = 0;
    }
    if (isSlotActive(error)) this.#activeSince ??= this.#settings.scheduler.now();
    else this.#activeSince = undefined;
    if (getMaxRetries(error) === Infinity) return;
    const failure = locateFailure(error);
    if (failure !== this.#failure) this.#repeated = 0;
    this.#failure = failure;
    this.#repeated++;
  }

  #hasProgressed(failure: Failure | undefined): boolean {
    if (!failure || failure.confirmedLsn <= (this.#confirmed.get(failure.slot) ?? -1n)) return false;
    this.#confirmed.set(failure.slot, failure.confirmedLsn);
    return true;
  }

  /** The server releases the slot of a lost connection only after its wal_sender_timeout. */
  #mustWaitForSlot(error: unknown): boolean {
    if (this.#activeSince === undefined) return false;
    const timeout = getFailure(error)?.walSenderTimeout ?? 0;
    return this.#settings.scheduler.now() - this.#activeSince <= timeout;
  }
}

function callOnUnsubscribe<T>(callback: () => void): MonoTypeOperatorFunction<T> {
  return (source) =>
    defer(() => {
      let due = false;
      return source.pipe(
        tap({
          next: () => (due = true),
          // A subscriber that has received the value unsubscribes, too.
          unsubscribe: () => {
            if (!due) callback();
          },
        }),
      );
    });
}

const ignore = (): void => undefined;

function isSlotActive(error: unknown): boolean {
  return error instanceof ReplicationError && error.code === 'SLOT_ACTIVE';
}

function getMaxRetries(error: unknown): number {
  if (!(error instanceof ReplicationError)) return Infinity;
  const kind: ErrorKind = ERRORS[error.code];
  return kind.retries ?? Infinity;
}

/** Identifies a failure and its position in the WAL: the context of a decoding error ends with the LSN. */
function locateFailure(error: unknown): string {
  if (!(error instanceof ReplicationError)) return '';
  if (!(error instanceof ServerError)) return error.code;
  const lsns = error.server.where?.match(/[0-9A-F]+\/[0-9A-F]+/gi) ?? [];
  return `${error.code} ${error.sqlState} ${lsns.at(-1) ?? ''}`;
}
