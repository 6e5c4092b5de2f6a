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
import { AskedStops } from './asked-stops';
import { describeTransaction } from './ack-after/failed-transactions';

/** When {@link reconnect} tries again, and for how long. */
export interface ReconnectOptions {
  /** The longest wait before the first attempt, in ms. It doubles with each further one. Default 500. */
  readonly initialDelay?: number | undefined;
  /** The longest wait before any attempt, in ms. Default 30 000. */
  readonly maxDelay?: number | undefined;
  /** How many attempts in a row may fail, without anything confirmed in between. Default Infinity. */
  readonly maxRetries?: number | undefined;
  /**
   * Whether an error is worth another attempt. Default: `error.retryable` of a {@link ReplicationError}; what anybody else
   * has thrown, a work say, is not.
   */
  readonly retryable?: ((error: unknown) => boolean) | undefined;
  /** Counts the delays. Default asyncScheduler. */
  readonly scheduler?: SchedulerLike | undefined;
  /** Is notified of each attempt when its delay begins. */
  readonly attemptObserver?: NextObserver<ReconnectAttempt> | undefined;
}

/** What `attemptObserver` receives. */
export interface ReconnectAttempt {
  /** 1 for the first one since something was confirmed. */
  readonly attempt: number;
  /** ms until the source is subscribed to again. */
  readonly delay: number;
  /** What ended the stream. */
  readonly error: unknown;
  /**
   * The transactions that a work under `ackAfter` was about, where it ended the stream; else empty. Usually one; several
   * where the work takes arrays.
   */
  readonly transactions: readonly FailedTransaction[];
}

/**
 * Subscribes again when a stream has failed and another attempt can help: after a lost connection, a restart of the server
 * or a failover, and while another connection still holds the slot. It goes on from what was confirmed, so whatever was not
 * acknowledged comes again.
 *
 * Between two attempts it waits for a random time up to `initialDelay`, then up to twice that, and so on up to `maxDelay`,
 * so that many clients do not come back at once. It starts over once something more has been confirmed. A transaction that
 * makes every attempt fail does not count as progress, whatever is delivered before it.
 *
 * It says nothing by itself, except that without an `attemptObserver` the process warns (`RXPG_RECONNECTING`) after five
 * failures in a row: a wrong host name, too, is tried for ever unless `maxRetries` says otherwise.
 *
 * Some failures are worth few attempts: when the server fails in the same way at the same place (`SERVER_INTERNAL_ERROR`,
 * `SERVER_IO_ERROR`, `WAL_REMOVED`), or with an SQLSTATE that PostgreSQL does not have (`UNKNOWN_SQLSTATE`), it is
 * given up after three attempts. A shortage (`SERVER_RESOURCES`: disk, memory) has no such limit, as nobody knows how long it lasts.
 *
 * A slot that another connection holds (`SLOT_ACTIVE`) is waited for at least as long as the server may take to notice that a
 * client is gone, its `wal_sender_timeout`, even beyond `maxRetries`.
 *
 * A stop (`stopOn`) ends the waiting at once, and no further attempt is made: it completes where all that was delivered is
 * confirmed, and fails with the last error where it is not, or may not be.
 *
 * Stands below `ackAfter`, which then lets works that are still running take up their transactions again. What stands above
 * it loses its state at each attempt; `transactions()` may, a `bufferCount` with half a batch as well: all comes again.
 *
 * @throws {ConfigError} `CONFIG_INVALID` when an option cannot be used
 * @returns the source's values; in the end the error that no attempt could help
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
  if (typeof retryable !== 'function') throw options.error('retryable', 'expected a function of the error');
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
const MOST_DOUBLINGS = 31;

function isRetryable(error: unknown): boolean {
  return error instanceof ReplicationError && error.retryable;
}

/** The attempts of one subscription. */
class Attempts {
  readonly #settings: Settings;
  readonly #stops = new AskedStops();
  /** By slot, as there may be several streams. */
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

  /** Emits when it is time for the next attempt, or completes or fails when there is none. */
  after(error: unknown): Observable<unknown> {
    const { retryable, scheduler, observed, initialDelay, maxDelay, maxRetries } = this.#settings;
    const failure = getFailure(error);
    const { giveUp = ignore, transactions = [] } = failure ?? {};
    if (failure) this.#stops.follow(failure.streams);
    this.#recordFailure(error);
    if (failure && this.#stops.all) return this.#stopped(error, failure);
    const isUseless = this.#stops.all || !retryable(error) || this.#repeated > getMaxRetries(error);
    if (isUseless || (this.#count >= maxRetries && !this.#mustWaitOn(error))) {
      giveUp();
      return throwError(() => error);
    }

    const longest = Math.min(maxDelay, initialDelay * 2 ** Math.min(this.#count, MOST_DOUBLINGS));
    const delay = Math.round(Math.random() * longest);
    this.#count++;
    if (this.#settings.silent && this.#count === WARN_AFTER) {
      const what = `The stream has failed ${WARN_AFTER} times in a row, and is tried again; an attemptObserver hears of each time.`;
      const where =
        transactions.length > 0 ? `, in the work on ${transactions.map(describeTransaction).join(', ')}` : '';
      process.emitWarning(`${what} The last error${where}: ${String(error)}`, {
        type: 'ReplicationWarning',
        code: 'RXPG_RECONNECTING',
      });
    }
    observed.next({ attempt: this.#count, delay, error, transactions });
    const due = timer(delay, scheduler).pipe(orIfUnsubscribed(giveUp));
    if (!failure) return due;
    const stopped = this.#stops.asked.pipe(map(() => this.#stopped(error, failure)));
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
  #mustWaitOn(error: unknown): boolean {
    if (this.#activeSince === undefined) return false;
    const timeout = getFailure(error)?.walSenderTimeout ?? 0;
    return this.#settings.scheduler.now() - this.#activeSince <= timeout;
  }
}

function orIfUnsubscribed<T>(callback: () => void): MonoTypeOperatorFunction<T> {
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
