import { maxLsn, type Lsn } from '../common/lsn';

/** A stop that may be asked for at any time. */
export interface StopRequest {
  /** Whether it has been asked for. */
  readonly asked: boolean;
  /**
   * Listens to the notifier, which stays subscribed for as long as anybody listens. Calls one of the two, at most once; at
   * once where the stop has been asked for.
   *
   * @returns stops listening
   */
  listen(asked: () => void, failed: (error: unknown) => void): () => void;
}

/** A stream that has failed, and who may have asked it to stop. */
export interface FailedStream {
  readonly history: StreamHistory;
  readonly stops: readonly StopRequest[];
}

/** What a subscription had delivered when it ended. */
export interface SessionEnd {
  /** A confirmation from here on covers everything that was delivered; 0 where nothing was. */
  readonly delivered: Lsn;
  /** What the server is known to have been told. */
  readonly confirmed: Lsn;
}

/**
 * What the subscriptions of one stream have delivered, one after the other, and whether all of it is confirmed. This
 * decides whether a stream that was asked to stop completes or fails.
 */
export class StreamHistory {
  /** Who may ask it to stop, as far as its messages have reached them. */
  readonly stops = new Set<StopRequest>();
  /** Of what its user has been warned. */
  readonly warned = new Set<string>();
  readonly #whenLeft: (listener: () => void) => () => void;
  #unconfirmed: Lsn = 0n;
  #error: { readonly error: unknown } | undefined;

  /** @param whenLeft calls back once no subscription uses the slot, at once if that is so */
  constructor(whenLeft: (listener: () => void) => () => void) {
    this.#whenLeft = whenLeft;
  }

  /**
   * The error that ended a subscription, where something that was delivered is not known to be confirmed. Complete while
   * no subscription uses the slot: see {@link whenLeft}.
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
  whenLeft(listener: () => void): () => void {
    return this.#whenLeft(listener);
  }

  #confirm(lsn: Lsn): void {
    if (this.#unconfirmed > lsn) return;
    this.#unconfirmed = 0n;
    this.#error = undefined;
  }
}

/** Calls back once none of these streams is subscribed to, with the failure of one of them. */
export function whenAllLeft(
  histories: readonly StreamHistory[],
  listener: (failure: { readonly error: unknown } | undefined) => void,
): () => void {
  let left = histories.length;
  const look = (): void => {
    if (left === 0) listener(failureIn(histories));
  };
  const stops = histories.map((history) =>
    history.whenLeft(() => {
      left--;
      look();
    }),
  );
  if (histories.length === 0) look();
  return () => {
    for (const stop of stops) stop();
  };
}

export function failureIn(histories: Iterable<StreamHistory>): { readonly error: unknown } | undefined {
  for (const { failure } of histories) if (failure) return failure;
  return undefined;
}
