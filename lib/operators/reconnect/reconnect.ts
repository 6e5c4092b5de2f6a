import { defer, finalize, retry, type MonoTypeOperatorFunction } from 'rxjs';
import { Attempts } from './attempts';
import { readSettings, type ReconnectOptions } from './reconnect-options';

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
