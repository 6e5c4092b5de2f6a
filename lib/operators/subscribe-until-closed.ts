import { Subject, takeUntil, type Observable, type Subscriber } from 'rxjs';

/** What an operator does with its source's notifications; what it leaves out goes straight to the subscriber. */
export interface Handlers<T> {
  next(value: T): void;
  error?(error: unknown): void;
  complete?(): void;
}

/**
 * Subscribes an operator to its source, for as long as its own subscriber is open. A source that emits while it is still
 * being subscribed to stops as well, though its subscription is not yet there to be ended.
 *
 * @returns lets go of the source earlier than that
 */
export function subscribeUntilClosed<T, R>(
  source: Observable<T>,
  subscriber: Subscriber<R>,
  handlers: Handlers<T>,
): () => void {
  const released = new Subject<void>();
  let holding = true;
  const release = (): void => {
    holding = false;
    released.next();
  };
  subscriber.add(release);
  source.pipe(takeUntil(released)).subscribe({
    next: (value) => {
      handlers.next(value);
    },
    error: (error: unknown) => {
      if (handlers.error) handlers.error(error);
      else subscriber.error(error);
    },
    complete: () => {
      if (!holding) return;
      if (handlers.complete) handlers.complete();
      else subscriber.complete();
    },
  });
  return release;
}
