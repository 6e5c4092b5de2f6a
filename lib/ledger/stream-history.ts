import { maxLsn, type Lsn } from '../common/lsn';

/** A stop that can be asked for at any time. */
export interface StopRequest {
  /** Whether it has been asked for. */
  readonly isRequested: boolean;
  /**
   * Listens to the notifier, which stays subscribed while there are listeners. Calls one of the callbacks, at most once;
   * immediately where the stop was asked for before.
   *
   * @returns stops listening
   */
  listen(onRequested: () => void, failed: (error: unknown) => void): () => void;
}

/** A stream that has failed, and the stops that apply to it. */
export interface FailedStream {
  readonly history: StreamHistory;
  readonly stops: readonly StopRequest[];
}

/** How far a subscription had come when it ended. */
export interface SessionEnd {
  /** Confirming this LSN covers everything that was delivered; 0 where nothing was. */
  readonly delivered: Lsn;
  /** The confirmed LSN that the server is known to have received. */
  readonly confirmed: Lsn;
}

/**
 * What the successive subscriptions of one stream have delivered, and whether all of it is confirmed. This decides whether
 * a stream that was asked to stop completes or fails.
 */
export class StreamHistory {
  /** The stops of the `stopOn` operators that its messages have reached. */
  readonly stops = new Set<StopRequest>();
  /** The warnings that were given. */
  readonly warned = new Set<string>();
  readonly #whenUnused: (listener: () => void) => () => void;
  #unconfirmed: Lsn = 0n;
  #error: { readonly error: unknown } | undefined;

  /** @param whenUnused calls back once no subscription uses the slot, at once if that is so */
  constructor(whenUnused: (listener: () => void) => () => void) {
    this.#whenUnused = whenUnused;
  }

  /**
   * The error that ended a subscription, where something that was delivered is not known to be confirmed. Complete while
   * no subscription uses the slot: see {@link whenUnused}.
   */
  get failure(): { readonly error: unknown } | undefined {
    return this.#unconfirmed > 0n ? this.#error : undefined;
  }

  /**
   * A subscription has begun to stream.
   *
   * @param slotLsn where the slot stands
   */
  started(slotLsn: Lsn): void {
    this.#confirm(slotLsn);
  }

  /** A subscription that had begun to stream has ended. */
  ended({ delivered, confirmed }: SessionEnd): void {
    this.#unconfirmed = maxLsn(this.#unconfirmed, delivered);
    this.#confirm(confirmed);
  }

  /** A subscription has failed, or was ended by a failure downstream. */
  failed(error: unknown): void {
    this.#error = { error };
  }

  /**
   * Calls back once no subscription uses the slot.
   *
   * @returns stops waiting
   */
  whenUnused(listener: () => void): () => void {
    return this.#whenUnused(listener);
  }

  #confirm(lsn: Lsn): void {
    if (this.#unconfirmed > lsn) return;
    this.#unconfirmed = 0n;
    this.#error = undefined;
  }
}

/** Calls back once no subscription uses the slots of these streams, with the failure of one of them. */
export function whenAllUnused(
  histories: readonly StreamHistory[],
  listener: (failure: { readonly error: unknown } | undefined) => void,
): () => void {
  let used = histories.length;
  const notifyIfUnused = (): void => {
    if (used === 0) listener(findFailure(histories));
  };
  const stops = histories.map((history) =>
    history.whenUnused(() => {
      used--;
      notifyIfUnused();
    }),
  );
  if (histories.length === 0) notifyIfUnused();
  return () => {
    for (const stop of stops) stop();
  };
}

export function findFailure(histories: Iterable<StreamHistory>): { readonly error: unknown } | undefined {
  for (const { failure } of histories) if (failure) return failure;
  return undefined;
}
