import { Subject, takeUntil, type Observable, type Subscriber } from 'rxjs';

/** An operator's handlers for the notifications of its source; those that it leaves out are passed to the subscriber. */
export interface Handlers<T> {
  next(value: T): void;
  error?(error: unknown): void;
  complete?(): void;
}

/**
 * Subscribes an operator to its source until its own subscriber is closed. This also stops a source that emits during
 * `subscribe()`, before there is a Subscription. What `next` throws is handled as an error of the source.
 *
 * @returns unsubscribes earlier
 */
export function subscribeUntilClosed<T, R>(
  source: Observable<T>,
  subscriber: Subscriber<R>,
  handlers: Handlers<T>,
): () => void {
  const unsubscribed = new Subject<void>();
  let subscribed = true;
  const unsubscribe = (): void => {
    subscribed = false;
    unsubscribed.next();
  };
  const fail = (error: unknown): void => {
    if (handlers.error) handlers.error(error);
    else subscriber.error(error);
  };
  subscriber.add(unsubscribe);
  source.pipe(takeUntil(unsubscribed)).subscribe({
    next: (value) => {
      try {
        handlers.next(value);
      } catch (error) {
        fail(error);
      }
    },
    error: fail,
    complete: () => {
      if (!subscribed) return;
      if (handlers.complete) handlers.complete();
      else subscriber.complete();
    },
  });
  return unsubscribe;
}
