import { from, Observable, share, take, type ObservableInput, type Subscription } from 'rxjs';
import { ConfigError } from '../common/errors';
import type { StopRequest } from '../ledger/stream-history';

/** What asks for a stop: anything that emits, or an `AbortSignal`. */
export type StopNotifier = ObservableInput<unknown> | AbortSignal;

/**
 * @returns an Observable that emits when a stop is asked for
 * @throws {ConfigError} `CONFIG_INVALID`
 */
export function toObservable(notifier: StopNotifier): Observable<unknown> {
  if (isAbortSignal(notifier)) return observeAbort(notifier);
  try {
    return from(notifier);
  } catch {
    throw new ConfigError('stopOn', 'expected an Observable, a Promise or an AbortSignal that requests the stop');
  }
}

/** A stop that a notifier asks for. It is subscribed to the notifier while there are listeners. */
export class NotifiedStop implements StopRequest {
  readonly #notifier: Observable<unknown>;
  #isRequested = false;

  constructor(notifier: Observable<unknown>) {
    this.#notifier = notifier.pipe(take(1), share());
  }

  get isRequested(): boolean {
    return this.#isRequested;
  }

  listen(onRequested: () => void, failed: (error: unknown) => void): () => void {
    if (this.#isRequested) {
      onRequested();
      return () => undefined;
    }
    const subscription: Subscription = this.#notifier.subscribe({
      next: () => {
        this.#isRequested = true;
        onRequested();
      },
      error: failed,
    });
    return () => {
      subscription.unsubscribe();
    };
  }

  /** The stop has completed; the notifier may ask for another one. */
  forget(): void {
    this.#isRequested = false;
  }
}

/** Checks the members instead of the class, as the signal may be of another realm. */
function isAbortSignal(notifier: unknown): notifier is AbortSignal {
  return typeof notifier === 'object' && notifier !== null && 'aborted' in notifier && 'addEventListener' in notifier;
}

function observeAbort(signal: AbortSignal): Observable<unknown> {
  return new Observable((subscriber) => {
    const abort = (): void => {
      subscriber.next(signal.reason);
      subscriber.complete();
    };
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort);
    return () => {
      signal.removeEventListener('abort', abort);
    };
  });
}
