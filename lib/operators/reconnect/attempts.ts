import {
  defer,
  map,
  merge,
  mergeAll,
  Observable,
  of,
  take,
  tap,
  throwError,
  timer,
  type MonoTypeOperatorFunction,
} from 'rxjs';
import { ERRORS, type ErrorKind } from '../../common/error-codes';
import { ReplicationError, ServerError } from '../../common/errors';
import type { Lsn } from '../../common/lsn';
import { getFailure, type Failure } from '../../ledger/failure';
import { whenAllUnused } from '../../ledger/stream-history';
import { describeTransaction } from '../ack-after/failed-transactions';
import { RequestedStops } from './requested-stops';
import type { ReconnectSettings } from './reconnect-options';

/** The process warns after this number of failures in a row, where there is no attemptObserver. */
const WARN_AFTER = 5;
/** More doublings change no delay, and 0 times Infinity would be NaN. */
const MAX_DOUBLINGS = 31;

/** The attempts of one subscription. */
export class Attempts {
  readonly #settings: ReconnectSettings;
  readonly #stops = new RequestedStops();
  /** By slot, because the source can merge several streams. */
  readonly #confirmed = new Map<string, Lsn>();
  #count = 0;
  /** The last failure that is worth only few attempts, and how often it occurred; other failures may occur in between. */
  #failure = '';
  #repeated = 0;
  /** Since when every attempt has found the slot in use by another connection. */
  #activeSince: number | undefined;

  constructor(settings: ReconnectSettings) {
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
    // The work may have failed although every message is confirmed.
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
