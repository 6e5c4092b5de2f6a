import { Observable, Subject } from 'rxjs';
import type { FailedStream } from '../../ledger/stream-history';

/**
 * Listens to the stop notifiers of failed streams between two attempts of `reconnect`. So no stop is missed, and a timer used
 * as notifier does not start again.
 */
export class RequestedStops {
  /** Emits when a stop of all streams is requested; fails when a notifier fails. */
  readonly requested: Observable<void>;
  readonly #changes = new Subject<void>();
  #streams: readonly FailedStream[] = [];
  #stopListening: readonly (() => void)[] = [];
  #failure: { readonly error: unknown } | undefined;

  constructor() {
    this.requested = new Observable((subscriber) => {
      const notify = (): void => {
        if (this.#failure) subscriber.error(this.#failure.error);
        else if (this.all) subscriber.next();
      };
      subscriber.add(this.#changes.subscribe(notify));
      notify();
    });
  }

  /** Whether a stop of all streams is requested. If merged streams fail, only a stop of all of them ends the attempts. */
  get all(): boolean {
    return this.#streams.length > 0 && this.#streams.every(({ stops }) => stops.some(({ isRequested }) => isRequested));
  }

  follow(streams: readonly FailedStream[]): void {
    const before = this.#stopListening;
    this.#streams = streams;
    this.#failure = undefined;
    const stops = new Set(streams.flatMap((stream) => stream.stops));
    this.#stopListening = [...stops].map((stop) =>
      stop.listen(
        () => {
          this.#changes.next();
        },
        (error) => {
          this.#failure = { error };
          this.#changes.next();
        },
      ),
    );
    for (const stopListening of before) stopListening();
  }

  forget(): void {
    for (const stopListening of this.#stopListening) stopListening();
    this.#stopListening = [];
    this.#streams = [];
  }
}
