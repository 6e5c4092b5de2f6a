import { Observable, type MonoTypeOperatorFunction, type Subscriber } from 'rxjs';
import { Delivery, type SessionControl } from '../ledger/acknowledgement';
import { failStreams, failureOf, noteFailure } from '../ledger/failure';
import { isInTransaction } from '../pgoutput/messages/message-facts';
import type { StreamMessage } from '../pgoutput/messages/messages';
import { failureIn, whenAllLeft, type StreamHistory } from '../ledger/stream-history';
import { NotifiedStop, toStopNotifier, type StopNotifier } from './stop-request';
import { subscribeUntilClosed } from './subscribe-until-closed';

/**
 * Stops the stream at the next transaction boundary, once the notifier has emitted or the `AbortSignal` is aborted: for a
 * graceful end. The connection stays until everything delivered has been acknowledged, so that work in hand can finish and
 * is confirmed.
 *
 * It completes if and only if everything that was delivered, by all attempts so far, is confirmed; with `ackAfter` below it
 * *complete* therefore means confirmed. Otherwise it ends with the error that says why not: the error of the work that
 * failed, or the last one of the connection. What is not confirmed comes again with the next start. (Without `ackAfter`,
 * completion says that nothing more is delivered; the connection closes when the rest has been acknowledged.)
 *
 * A stop also ends what has not begun to stream. While connecting, and while `reconnect` waits for the next attempt, it ends
 * that at once. Where the stop was asked for before the subscription, nothing is connected to.
 *
 * RxJS's own `retry({ delay })` does not know of stops: it waits until its delay is over. Between two attempts of it nobody
 * listens to the notifier, so pass an `AbortSignal`, which remembers. A `retry` without a limit subscribes for ever to
 * a stream that has ended with an error after a stop; `reconnect` does not.
 *
 * Stands on the flat stream, before `transactions()`. A notifier that completes without a value stops nothing; one that
 * fails ends the stream with its error, at once.
 *
 * @param notifier any `ObservableInput`, or an `AbortSignal`
 * @throws {ConfigError} `CONFIG_INVALID` when the notifier is neither
 * @example
 * const sigterm$ = fromEvent(process, 'SIGTERM');
 * logicalReplication(config).pipe(stopOn(sigterm$), transactions(), ackAfter(save, 4), reconnect()).subscribe();
 * @example
 * const controller = new AbortController();
 * logicalReplication(config).pipe(stopOn(controller.signal), transactions(), ackAfter(save)).subscribe();
 * controller.abort();
 */
export function stopOn<T extends StreamMessage>(notifier: StopNotifier): MonoTypeOperatorFunction<T> {
  const asked = toStopNotifier(notifier);
  return (source) => {
    const request = new NotifiedStop(asked);
    /** Of the streams that have come through: several may be merged above. */
    const histories = new Set<StreamHistory>();
    return new Observable((subscriber) => {
      // A stop that was carried out is over. One that has failed is not: who subscribes again retries.
      if (request.asked && !failureIn(histories)) request.forget();
      const stopping = new Stopping(source, subscriber, request, histories);
      stopping.begin();
    });
  };
}

/** One subscription to what may be stopped. */
class Stopping<T extends StreamMessage> {
  readonly #source: Observable<T>;
  readonly #subscriber: Subscriber<T>;
  readonly #request: NotifiedStop;
  readonly #histories: Set<StreamHistory>;
  /** By stream: the session that it delivers by. */
  readonly #sessions = new Map<StreamHistory, SessionControl>();
  #last: SessionControl | undefined;
  /** Those that are to end before this may. */
  readonly #ending = new Set<SessionControl>();
  #finishing = false;
  #release: () => void = () => undefined;
  // For messages that no session delivered; a session knows its own boundaries.
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
        for (const { history } of failureOf(error)?.streams ?? []) this.#meet(history);
        this.#fail(error);
      },
    });
    if (this.#finishing) this.#release();
  }

  #deliver(message: T): void {
    const session = Delivery.getHandle(message)?.session;
    if (session !== this.#last) this.#know(session);
    if (!session) this.#inTransaction = isInTransaction(message, this.#inTransaction);
    this.#delivering = true;
    this.#subscriber.next(message);
    this.#delivering = false;
    if (!session && this.#request.asked) this.#stop();
  }

  #know(session: SessionControl | undefined): void {
    this.#last = session;
    if (!session || this.#sessions.get(session.history) === session) return;
    this.#meet(session.history);
    this.#sessions.set(session.history, session);
    if (this.#request.asked) this.#stopSessions([session]);
  }

  #meet(history: StreamHistory): void {
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
      // One that was lost (retry() may stand above) delivers no more, and the source does not complete by it.
      const stopWatching = session.whenClosed(() => {
        this.#ending.delete(session);
        if (this.#ending.size === 0) this.#finish();
      });
      this.#subscriber.add(stopWatching);
      session.stopAtBoundary();
    }
  }

  /** Nothing that was delivered by this subscription awaits its end. */
  #finish(): void {
    if (this.#finishing || this.#subscriber.closed) return;
    this.#finishing = true;
    this.#release();
    const stopWaiting = whenAllLeft([...this.#histories], (failure) => {
      if (failure) this.#fail(failure.error);
      else this.#subscriber.complete();
    });
    this.#subscriber.add(stopWaiting);
  }

  /** `reconnect`, which hears it meanwhile, goes on listening for a stop. */
  #fail(error: unknown): void {
    const unknown = { slot: '', confirmedLsn: 0n, walSenderTimeout: 0, byStream: false };
    const failure = failureOf(error) ?? unknown;
    noteFailure(error, { ...failure, streams: failStreams(error, this.#histories) });
    this.#subscriber.error(error);
  }
}
