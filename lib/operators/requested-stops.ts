import { Observable, Subject } from 'rxjs';
import type { FailedStream } from '../ledger/stream-history';

/**
 * Listens for the stops of failed streams between two attempts, so that no stop is missed and a notifier that is a timer
 * does not start again.
 */
export class RequestedStops {
  /** Emits when all streams were asked to stop; fails when a notifier fails. */
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

  /** Whether all streams were asked to stop. Merged streams go on as long as one of them does. */
  get all(): boolean {
    return this.#streams.length > 0 && this.#streams.every(({ stops }) => stops.some(({ asked }) => asked));
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
