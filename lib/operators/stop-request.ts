import { from, Observable, share, take, type ObservableInput, type Subscription } from 'rxjs';
import { ConfigError } from '../common/errors';
import type { StopRequest } from '../ledger/stream-history';

/** What asks for a stop: whatever emits, or an `AbortSignal`. */
export type StopNotifier = ObservableInput<unknown> | AbortSignal;

/**
 * @returns what emits when a stop is asked for
 * @throws {ConfigError} `CONFIG_INVALID`
 */
export function toStopNotifier(notifier: StopNotifier): Observable<unknown> {
  if (isAbortSignal(notifier)) return abortOf(notifier);
  try {
    return from(notifier);
  } catch {
    throw new ConfigError('stopOn', 'expected an Observable, a Promise or an AbortSignal that asks for the stop');
  }
}

/** Asks once, and is subscribed to its notifier for as long as anybody listens. */
export class NotifiedStop implements StopRequest {
  readonly #notifier: Observable<unknown>;
  #asked = false;

  constructor(notifier: Observable<unknown>) {
    this.#notifier = notifier.pipe(take(1), share());
  }

  get asked(): boolean {
    return this.#asked;
  }

  listen(asked: () => void, failed: (error: unknown) => void): () => void {
    if (this.#asked) {
      asked();
      return () => undefined;
    }
    const subscription: Subscription = this.#notifier.subscribe({
      next: () => {
        this.#asked = true;
        asked();
      },
      error: failed,
    });
    return () => {
      subscription.unsubscribe();
    };
  }

  /** The stop was carried out; another may be asked for. */
  forget(): void {
    this.#asked = false;
  }
}

/** By its members: it may be of another realm. */
function isAbortSignal(notifier: unknown): notifier is AbortSignal {
  return typeof notifier === 'object' && notifier !== null && 'aborted' in notifier && 'addEventListener' in notifier;
}

function abortOf(signal: AbortSignal): Observable<unknown> {
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
