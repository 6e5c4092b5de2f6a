import { asyncScheduler, Subject, type NextObserver, type SchedulerLike } from 'rxjs';
import { ReplicationError } from '../../common/errors';
import { OptionReader } from '../../common/option-reader';
import type { FailedTransaction } from '../../ledger/failure';

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

/** Validated {@link ReconnectOptions} with defaults applied. */
export type ReconnectSettings = ReturnType<typeof readSettings>;

const NAMES = ['initialDelay', 'maxDelay', 'maxRetries', 'retryable', 'scheduler', 'attemptObserver'];

/** @throws {ConfigError} for the first invalid option */
export function readSettings(given: ReconnectOptions) {
  const options = new OptionReader('reconnect', given, NAMES);
  const { retryable = isRetryable } = given;
  if (typeof retryable !== 'function') throw options.error('retryable', 'expected a function that takes the error');
  const observed = new Subject<ReconnectAttempt>();
  const observer = options.objectWithMethod<NextObserver<ReconnectAttempt>>('attemptObserver', 'next');
  if (observer) observed.subscribe(observer);
  return {
    initialDelay: options.ms('initialDelay', 500),
    maxDelay: options.ms('maxDelay', 30_000),
    maxRetries: options.number('maxRetries', Infinity, 0),
    scheduler: options.objectWithMethod<SchedulerLike>('scheduler', 'schedule') ?? asyncScheduler,
    retryable,
    observed,
    silent: observer === undefined,
  };
}

function isRetryable(error: unknown): boolean {
  return error instanceof ReplicationError && error.retryable;
}
