import { Observable, type ObservableInput, type OperatorFunction } from 'rxjs';
import { ConfigError } from '../../common/errors';
import { subscribeUntilClosed } from '../subscribe-until-closed';
import type { AckTarget } from './ack-target';
import { AckAfterSubscriber } from './ack-after-subscriber';
import { WorkRegistry } from './work-registry';

/**
 * What the work emits, as in RxJS's `mergeMap`: the values of an Observable, the result of a Promise, the members of an array
 * or another iterable. Nothing where the projection returns anything else.
 */
export type WorkResult<O> = O extends string ? never : O extends ObservableInput<infer R> ? R : never;

/**
 * Calls `project` for each value, for at most `concurrent` values at a time, and acknowledges the value when the work that
 * `project` returned has completed. Work may finish in any order; the slot advances in commit order, and never past a value
 * whose work has not completed. The results of the works are emitted. The last result of each work is emitted after the
 * value is acknowledged, so `take(n)` below `ackAfter` ends after n acknowledged works.
 *
 * - Work that fails ends the stream with its error at once. The value is not acknowledged, and is delivered again after
 *   the next subscription (`reconnect`, `retry`).
 * - When the stream fails, because of work or otherwise, other work continues. Its input is delivered again after the
 *   next subscription, but no work is done twice: work that still runs continues for the redelivered value, and a value
 *   whose work has completed is acknowledged at once. (The values of a `map`, and the data of other plugins, cannot be
 *   recognized. They wait until that work has ended, and `project` is then called again.)
 * - Unsubscribing cancels the work; its values are not acknowledged. A Promise cannot be cancelled: it continues as above.
 * - When the source has completed (`stopAtLsn`, `stopOn`), `ackAfter` completes after all work has completed and the
 *   server has received the confirmation: complete means confirmed. (It finds the connection through the messages, so this
 *   holds for messages, transactions and arrays of them, and not for the values of a `map` that only kept their `ack`.)
 *
 * @param project starts the work: returns an Observable, a Promise or an iterable; with anything else the work has completed
 * when `project` returns. As everywhere in RxJS, an array is an iterable, and its members are emitted one by one, also the
 * rows of a query; a function with a body, `(tx) => { … }`, returns none. A Promise among the results ends the stream with
 * `CONFIG_INVALID`, as the value would be acknowledged before that Promise has ended.
 * @param concurrent for how many values work runs at the same time; default 1
 * @throws {ConfigError} `CONFIG_INVALID` when `concurrent` is less than 1, or not a number
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
    const registry = new WorkRegistry<T, WorkResult<O>>();
    return new Observable((subscriber) => {
      const observer = new AckAfterSubscriber<T, WorkResult<O>>(project, concurrent, subscriber, registry);
      observer.setSource(subscribeUntilClosed(source, subscriber, observer));
    });
  };
}
