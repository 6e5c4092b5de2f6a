import type { Subscriber } from 'rxjs';
import { createSource } from '../ledger/checkpoint';
import type { Settings } from '../config/settings';
import type { StatusUpdate } from '../config/observers';
import type { EstablishedConnection } from '../connection/established-connection';
import { lookUpTypesOverNewConnection } from '../connection/type-lookup-connection';
import { ConnectionError } from '../common/errors';
import { maxLsn } from '../common/lsn';
import { emitWarning } from '../common/warning';
import type { OpenInfo } from '../commands/open-stream';
import type { ResumeState } from '../commands/resume-state';
import type { DropEvidence } from '../ledger/unit-ledger';
import type { StreamHistory } from '../ledger/stream-history';
import type { Connect } from '../net/transport';
import type { StreamMessage } from '../pgoutput/messages/messages';
import type { TypeCatalog } from '../pgoutput/types/type-catalog';
import { warnOfDroppedTransaction } from './dropped-transaction-warning';
import { FeedbackScheduler } from './feedback-scheduler';
import { GarbageCollectionTrigger } from './garbage-collection';
import { createPayloadDecoder } from './session/output-plugin';
import { ReplicationSession } from './session/replication-session';
import type { SessionObserver, SessionSubscriber, SessionTimers } from './session/session-ports';
import { computeTimings } from './stream-timings';
import type { SubscriptionLock } from './subscription-lock';

/** The close timeout after a stop, in ms, if closeTimeout is 0: the server still has to receive the confirmation. */
const STOP_CLOSE_TIMEOUT = 5000;
const MESSAGE_TOO_LARGE =
  'Raise maxMessageSize if your rows are so large; else check that host and port are those of the right server.';

/** What a stream shares with the earlier and later subscriptions of its observable, and with its own subscription. */
export interface StreamContext {
  readonly connect: Connect;
  readonly settings: Settings;
  readonly resumeState: ResumeState;
  readonly lock: SubscriptionLock;
  readonly history: StreamHistory;
  readonly subscriber: Subscriber<StreamMessage>;
  /** undefined where types are not looked up */
  readonly catalog: TypeCatalog | undefined;
  /** Classifies the error that ends the stream, and notes what is known of it for operators. */
  conclude(error: Error): Error;
  /** Notes the same for an error of an earlier subscription. */
  note(error: unknown): void;
  /** The subscription has ended. */
  ended(): void;
}

/** A session on its connection: the ports that the session uses, over sockets, timers and the subscriber. */
export class RunningStream implements SessionSubscriber, SessionTimers, SessionObserver {
  readonly #context: StreamContext;
  readonly #connection: EstablishedConnection;
  readonly #session: ReplicationSession;
  readonly #feedback: FeedbackScheduler;
  readonly #garbage = new GarbageCollectionTrigger();
  #cancelCloseTimeout: () => void = () => undefined;
  #cancelTypeLookup: () => void = () => undefined;
  #cancelScheduled: () => void = () => undefined;
  #wasStopped = false;

  constructor(context: StreamContext, info: OpenInfo, connection: EstablishedConnection) {
    const { settings, catalog, history } = context;
    const { slot, walSenderTimeout } = info;
    const { frames, transport } = connection;
    this.#context = context;
    this.#connection = connection;
    // The next messages have rows.
    frames.limit = settings.maxMessageSize;
    frames.remedy = MESSAGE_TOO_LARGE;
    const { livenessTimeout, feedbackPeriod } = computeTimings(settings, walSenderTimeout);
    const slotLsn = slot.confirmedFlushLsn;
    const options = {
      ...settings.session,
      livenessTimeout,
      catalog,
      slotLsn,
      startLsn: maxLsn(info.startLsn ?? 0n, slotLsn ?? 0n),
      source: createSource(info, slot.name),
      history,
    };
    const ports = {
      transport,
      subscriber: this,
      timers: this,
      observer: this,
      lookUpTypes: (typeOids: readonly number[]) => {
        this.#lookUpTypes(typeOids);
      },
    };
    history.started(slotLsn ?? 0n);
    const decode = createPayloadDecoder(settings.plan.pgoutput && { ...settings.values, catalog });
    this.#session = new ReplicationSession(frames, decode, options, ports);
    this.#feedback = new FeedbackScheduler(settings.scheduler, feedbackPeriod, this.#session);
    connection.listen(this.#session);
  }

  get status(): StatusUpdate {
    return this.#session.status;
  }

  /** Starts delivery, in a turn of its own. */
  start(): void {
    this.#session.start();
  }

  unsubscribe(): void {
    this.#session.release();
  }

  deliver(message: StreamMessage): boolean {
    const { subscriber } = this.#context;
    subscriber.next(message);
    return !subscriber.closed;
  }

  complete(): void {
    this.#wasStopped = true;
    // repeat() subscribes on complete, while this session drains: the new subscription has to wait until it is closed.
    this.#context.lock.beginRelease();
    this.#context.subscriber.complete();
  }

  end(cause?: Error): unknown {
    const { settings, resumeState, history, subscriber } = this.#context;
    const error = cause && this.#context.conclude(cause);
    const { confirmedLsn, receivedLsn } = this.#session.status;
    this.#feedback.stop();
    this.#cancelCloseTimeout();
    this.#cancelTypeLookup();
    this.#cancelScheduled();
    resumeState.recordConfirmed(confirmedLsn);
    history.ended(this.#session.end);
    this.#connection.transport.end(error instanceof ConnectionError ? 0 : settings.connection.closeTimeout);
    this.#context.ended();
    settings.observers.close({ confirmedLsn, receivedLsn, error });
    if (error) {
      subscriber.error(error);
      return error;
    }
    // A stop may come before everything is redelivered that an earlier subscription failed with.
    const failure = this.#wasStopped ? history.failure : undefined;
    if (!failure) {
      subscriber.complete();
      return undefined;
    }
    this.#context.note(failure.error);
    subscriber.error(failure.error);
    return failure.error;
  }

  elapsed(): number {
    return this.#connection.transport.elapsed();
  }

  now(): number {
    return Date.now();
  }

  scheduleRead(): void {
    this.#connection.transport.defer(() => {
      this.#session.read();
    });
  }

  scheduleReport(ms: number): void {
    this.#feedback.scheduleReport(ms);
  }

  schedule(ms: number, callback: () => void): void {
    this.#cancelScheduled();
    this.#cancelScheduled = this.#connection.transport.timeout(ms, callback);
  }

  statusSent(status: StatusUpdate): void {
    this.#context.settings.observers.status(status);
  }

  closing(afterStop: boolean): void {
    this.#wasStopped = afterStop;
    const { closeTimeout } = this.#context.settings.connection;
    const ms = afterStop && closeTimeout === 0 ? STOP_CLOSE_TIMEOUT : closeTimeout;
    const { transport } = this.#connection;
    this.#feedback.stop();
    this.#context.lock.beginRelease();
    this.#cancelCloseTimeout = transport.timeout(ms, () => {
      this.#session.disconnected(
        new ConnectionError('CLOSE_TIMEOUT', `The server did not end the stream within ${ms} ms`),
      );
      transport.destroy();
    });
  }

  windowReopened(bytes: number, waitedMs: number): void {
    this.#garbage.addReleased(bytes, waitedMs);
  }

  warn(text: string): void {
    emitWarning('RXPG_NOT_ACKNOWLEDGED', text);
  }

  warnOfDroppedTransaction(how: DropEvidence): void {
    warnOfDroppedTransaction(how);
  }

  #lookUpTypes(typeOids: readonly number[]): void {
    const { catalog, connect, settings } = this.#context;
    if (!catalog) return;
    const { target } = this.#connection;
    this.#cancelTypeLookup = lookUpTypesOverNewConnection(
      connect,
      target,
      settings.connection,
      catalog,
      typeOids,
      (error) => {
        if (error)
          emitWarning('RXPG_TYPES_UNKNOWN', `Types ${typeOids.join(', ')} could not be looked up: ${error.message}`);
        this.#session.completeTypeLookup(error);
      },
    );
  }
}
