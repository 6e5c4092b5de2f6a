import { Observable, type MonoTypeOperatorFunction, type Subscriber } from 'rxjs';
import { Delivery, type SessionControl } from '../ledger/acknowledgement';
import { markFailed, getFailure, attachFailure } from '../ledger/failure';
import { isInTransaction, isPgoutputMessage } from '../pgoutput/messages/message-facts';
import type { StreamMessage } from '../pgoutput/messages/messages';
import { findFailure, whenAllUnused, type StreamHistory } from '../ledger/stream-history';
import { NotifiedStop, toObservable, type StopNotifier } from './stop-request';
import { subscribeUntilClosed } from './subscribe-until-closed';

/**
 * Stops the stream gracefully: at the next transaction boundary after the notifier emits or the `AbortSignal` aborts. The
 * connection stays open until everything delivered is acknowledged, so that running work can finish and be confirmed.
 *
 * The observable completes if and only if everything delivered, in all attempts, is confirmed. So with `ackAfter` after it,
 * *complete* means confirmed. Otherwise it fails with the error of the work or of the connection, and the next start delivers
 * the unconfirmed transactions again. (Without `ackAfter`, it completes when no more messages follow, and the connection
 * closes when the rest is acknowledged.)
 *
 * While the library connects, or `reconnect` waits for the next attempt, a stop takes effect immediately. If the stop was
 * requested before the subscription, the library does not connect.
 *
 * RxJS's `retry({ delay })` ignores stops until its delay is over. Between its attempts no subscription to the notifier
 * exists, so pass an `AbortSignal`, which keeps its state. If a stream fails after a stop, a `retry` without a limit
 * resubscribes without end; `reconnect` does not.
 *
 * Position in the pipe: on the message stream, before `transactions()`. A notifier that completes without a value does not
 * stop the stream.
 *
 * @param notifier any `ObservableInput`, or an `AbortSignal`
 * @throws {ConfigError} `CONFIG_INVALID` when the notifier is neither
 * @throws through the observable: the notifier's error, immediately when the notifier fails; the error of the work or of the
 * connection when something delivered is not confirmed
 * @example
 * const sigterm$ = fromEvent(process, 'SIGTERM');
 * logicalReplication(config).pipe(stopOn(sigterm$), transactions(), ackAfter(save, 4), reconnect()).subscribe();
 * @example
 * const controller = new AbortController();
 * logicalReplication(config).pipe(stopOn(controller.signal), transactions(), ackAfter(save)).subscribe();
 * controller.abort();
 */
export function stopOn<T extends StreamMessage>(notifier: StopNotifier): MonoTypeOperatorFunction<T> {
  const requested = toObservable(notifier);
  return (source) => {
    const request = new NotifiedStop(requested);
    /** The histories of the streams that deliver to this operator: several may be merged above. */
    const histories = new Set<StreamHistory>();
    return new Observable((subscriber) => {
      // A completed stop is over. After a failed one, the next subscription stops again.
      if (request.isRequested && !findFailure(histories)) request.forget();
      new StopOnSubscriber(source, subscriber, request, histories).begin();
    });
  };
}

/** One subscription of `stopOn`. */
class StopOnSubscriber<T extends StreamMessage> {
  readonly #source: Observable<T>;
  readonly #subscriber: Subscriber<T>;
  readonly #request: NotifiedStop;
  readonly #histories: Set<StreamHistory>;
  /** The present session of each stream. */
  readonly #sessions = new Map<StreamHistory, SessionControl>();
  #last: SessionControl | undefined;
  /** Sessions that have to close before this subscription ends. */
  readonly #ending = new Set<SessionControl>();
  #finishing = false;
  #release: () => void = () => undefined;
  // For messages that no session delivered: a session tracks its own transactions.
  #inTransaction = false;
  #delivering = false;

  constructor(source: Observable<T>, subscriber: Subscriber<T>, request: NotifiedStop, histories: Set<StreamHistory>) {
    this.#source = source;
    this.#subscriber = subscriber;
    this.#request = request;
    this.#histories = histories;
  }

  begin(): void {
    const subscriber = this.#subscriber;
    subscriber.add(() => {
      for (const history of this.#histories) history.stops.delete(this.#request);
    });
    for (const history of this.#histories) history.stops.add(this.#request);
    subscriber.add(
      this.#request.listen(
        () => {
          this.#stop();
        },
        (error) => {
          subscriber.error(error);
        },
      ),
    );
    if (!subscriber.closed && !this.#finishing) this.#subscribe();
  }

  #subscribe(): void {
    this.#release = subscribeUntilClosed(this.#source, this.#subscriber, {
      next: (message) => {
        this.#deliver(message);
      },
      error: (error) => {
        for (const { history } of getFailure(error)?.streams ?? []) this.#addHistory(history);
        this.#fail(error);
      },
    });
    if (this.#finishing) this.#release();
  }

  #deliver(message: T): void {
    const session = Delivery.getHandle(message)?.session;
    if (session !== this.#last) this.#addSession(session);
    if (!session) this.#inTransaction = isPgoutputMessage(message) && isInTransaction(message, this.#inTransaction);
    this.#delivering = true;
    this.#subscriber.next(message);
    this.#delivering = false;
    if (!session && this.#request.isRequested) this.#stop();
  }

  #addSession(session: SessionControl | undefined): void {
    this.#last = session;
    if (!session || this.#sessions.get(session.history) === session) return;
    this.#addHistory(session.history);
    this.#sessions.set(session.history, session);
    if (this.#request.isRequested) this.#stopSessions([session]);
  }

  #addHistory(history: StreamHistory): void {
    this.#histories.add(history);
    history.stops.add(this.#request);
  }

  #stop(): void {
    if (this.#sessions.size > 0) this.#stopSessions([...this.#sessions.values()]);
    else if (!this.#inTransaction && !this.#delivering) this.#finish();
  }

  #stopSessions(sessions: readonly SessionControl[]): void {
    for (const session of sessions) this.#ending.add(session);
    for (const session of sessions) {
      // A lost session, with retry() before this operator, does not complete the source.
      const stopWatching = session.whenClosed(() => {
        this.#ending.delete(session);
        if (this.#ending.size === 0) this.#finish();
      });
      this.#subscriber.add(stopWatching);
      session.stopAtBoundary();
    }
  }

  /** All sessions of this subscription have closed. */
  #finish(): void {
    if (this.#finishing || this.#subscriber.closed) return;
    this.#finishing = true;
    this.#release();
    const stopWaiting = whenAllUnused([...this.#histories], (failure) => {
      if (failure) this.#fail(failure.error);
      else this.#subscriber.complete();
    });
    this.#subscriber.add(stopWaiting);
  }

  /** Passes the error on together with the stop, so that `reconnect` goes on listening for it. */
  #fail(error: unknown): void {
    const unknown = { slot: '', confirmedLsn: 0n, walSenderTimeout: 0, byStream: false };
    const failure = getFailure(error) ?? unknown;
    attachFailure(error, { ...failure, streams: markFailed(error, this.#histories) });
    this.#subscriber.error(error);
  }
}
