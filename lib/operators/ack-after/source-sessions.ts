import { Delivery, type Acknowledgeable, type SessionControl } from '../../ledger/acknowledgement';
import { markFailed, getFailure, attachFailure, type FailedTransaction, type Failure } from '../../ledger/failure';
import type { StopRequest, StreamHistory } from '../../ledger/stream-history';
import { getStreamName } from './redelivery-identity';

/** What {@link SourceSessions.attachFailure} is told besides the error. */
export interface FailureContext {
  /** The session of the stream that the failure belongs to, where that is known. */
  readonly session?: SessionControl | undefined;
  /** The input of the work that has failed. */
  readonly transactions?: readonly FailedTransaction[] | undefined;
  /** Called when no subscription will follow. */
  readonly giveUp: () => void;
}

/** The sessions that delivered the values of one subscription. Several streams may be merged above `ackAfter`. */
export class SourceSessions {
  /** By stream: a lost session is replaced by the next one of its stream. */
  readonly #sessions = new Map<string, SessionControl>();
  /** The session of the last delivery. */
  #last: SessionControl | undefined;
  /** Stops of the streams that have completed: `stopOn` has unsubscribed, while the session still drains. */
  readonly #stops = new Map<StreamHistory, readonly StopRequest[]>();
  readonly #stopWatching: (() => void)[] = [];

  /** The session, where there is only one. */
  get only(): SessionControl | undefined {
    const [session, ...others] = this.#sessions.values();
    return others.length === 0 ? session : undefined;
  }

  /** A delivery has arrived; what is not from a session is ignored. */
  add(item: Acknowledgeable): void {
    const session = item instanceof Delivery ? Delivery.markReached(item) : undefined;
    if (!session || session === this.#last) return;
    this.#last = session;
    session.expectAcks();
    this.#sessions.set(getStreamName(session), session);
  }

  /**
   * Waits until the sessions that have stopped are closed. Of a session that goes on streaming, only one branch has
   * completed.
   *
   * @param closed called once, when all of them have closed without an error
   * @param failed called for each that has closed with an error
   */
  watchClosing(closed: () => void, failed: (error: unknown, session: SessionControl) => void): void {
    const stopping = [...this.#sessions.values()].filter((session) => !session.isStreaming());
    let open = stopping.length;
    if (open === 0) closed();
    for (const session of stopping) {
      this.#stops.set(session.history, [...session.history.stops]);
      const stopWatching = session.whenClosed((error) => {
        open--;
        if (error !== undefined) failed(error, session);
        else if (open === 0) closed();
      });
      this.#stopWatching.push(stopWatching);
    }
  }

  /**
   * Attaches to an error what is known of the failure, for later operators.
   *
   * @returns undefined where nothing is known
   */
  attachFailure(error: unknown, { session, transactions, giveUp }: FailureContext): Failure | undefined {
    // The error of the work may have been attached to an earlier failure.
    const known = session && !hasEndedWith(session, error) ? undefined : getFailure(error);
    if (!known && !session) return undefined;
    const histories = [...this.#sessions.values()].map(({ history }) => history);
    const failed = markFailed(error, new Set([...(known?.streams ?? []).map(({ history }) => history), ...histories]));
    const streams = failed.map(({ history, stops }) => ({
      history,
      stops: [...stops, ...(this.#stops.get(history) ?? [])],
    }));
    const failure: Failure = {
      slot: session?.source.slot ?? '',
      confirmedLsn: session?.resumeLsn ?? 0n,
      walSenderTimeout: 0,
      byStream: false,
      ...known,
      transactions: transactions ?? known?.transactions,
      streams,
      giveUp,
    };
    attachFailure(error, failure);
    return failure;
  }

  /** Nothing more will be acknowledged. */
  abandon(): void {
    for (const stopWatching of this.#stopWatching) stopWatching();
    for (const session of this.#sessions.values()) session.abandon();
  }
}

function hasEndedWith(session: SessionControl, error: unknown): boolean {
  let ended = false;
  const stopWatching = session.whenClosed((cause) => {
    ended = cause === error;
  });
  stopWatching();
  return ended;
}
