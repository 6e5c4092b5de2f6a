import { Observable, Subject } from 'rxjs';
import type { FailedStream } from '../ledger/stream-history';

/**
 * Listens for the stops of streams that have failed, for as long as they may be subscribed to again: so none is missed
 * between two attempts, and a notifier that counts time does not begin anew with each.
 */
export class AskedStops {
  /** Emits when all of them have been asked to stop; fails when a notifier does. */
  readonly asked: Observable<void>;
  readonly #changes = new Subject<void>();
  #streams: readonly FailedStream[] = [];
  #stopListening: readonly (() => void)[] = [];
  #failure: { readonly error: unknown } | undefined;

  constructor() {
    this.asked = new Observable((subscriber) => {
      const look = (): void => {
        if (this.#failure) subscriber.error(this.#failure.error);
        else if (this.all) subscriber.next();
      };
      subscriber.add(this.#changes.subscribe(look));
      look();
    });
  }

  /** Whether each of them has been asked to stop. Of several that were merged, one that goes on needs the others. */
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
