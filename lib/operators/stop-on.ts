import { from, Observable, take, type MonoTypeOperatorFunction, type ObservableInput } from 'rxjs';
import { Delivery } from '../acknowledgement';
import { failureOf, noteFailure } from '../failure';
import type { StreamMessage } from '../pgoutput/messages';
import { isInside } from './boundaries';
import { subscribeUntilClosed } from './subscribe-until-closed';

/**
 * Completes at the next transaction boundary after the notifier has emitted: for a graceful end. The connection stays
 * until everything delivered has been acknowledged, so that work in hand can finish and is confirmed.
 *
 * Where `reconnect` or `retry` stands below and the notifier emits after the stream was lost, before it is back, this ends
 * with the error that it was lost by: what had been delivered may not be confirmed, and comes again with the next start.
 *
 * Stands on the flat stream, before `transactions()`. A notifier that completes without a value stops nothing.
 *
 * @example
 * const sigterm$ = fromEvent(process, 'SIGTERM');
 * logicalReplication(config).pipe(stopOn(sigterm$), transactions(), ackAfter(save, 4)).subscribe();
 */
export function stopOn<T extends StreamMessage>(notifier: ObservableInput<unknown>): MonoTypeOperatorFunction<T> {
  return (source) => {
    // What ended an earlier subscription of which something had been delivered: nobody knows what became of that.
    let lost: { readonly error: unknown } | undefined;
    return new Observable((subscriber) => {
      let last: T | undefined;
      let asked = false;
      // For messages that no session delivered; a session knows its own boundaries.
      let inTransaction = false;
      let delivering = false;

      const stop = (): void => {
        const session = last && Delivery.entryOf(last)?.session;
        if (session) session.stopAtBoundary();
        else if (lost && !last) failStopped(lost.error);
        else if (!inTransaction && !delivering) subscriber.complete();
      };

      const failStopped = (error: unknown): void => {
        const { slot = '', confirmedLsn = 0n, walSenderTimeout = 0 } = failureOf(error) ?? {};
        noteFailure(error, { slot, confirmedLsn, walSenderTimeout, stopAsked: true });
        subscriber.error(error);
      };

      subscriber.add(
        from(notifier)
          .pipe(take(1))
          .subscribe({
            next: () => {
              asked = true;
              const session = last && Delivery.entryOf(last)?.session;
              // A session that was lost (retry() may stand above) delivers no more; what it had begun comes another time.
              if (session) subscriber.add(session.whenClosed(() => subscriber.complete()));
              stop();
            },
            error: (error) => {
              subscriber.error(error);
            },
          }),
      );
      if (subscriber.closed) return;
      subscribeUntilClosed(source, subscriber, {
        next: (message) => {
          last = message;
          lost = undefined;
          inTransaction = isInside(message, inTransaction);
          delivering = true;
          subscriber.next(message);
          delivering = false;
          if (asked) stop();
        },
        error: (error) => {
          if (last) lost = { error };
          subscriber.error(error);
        },
      });
    });
  };
}
