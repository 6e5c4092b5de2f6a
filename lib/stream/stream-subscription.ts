import type { Subscriber } from 'rxjs';
import { sourceOf } from '../ledger/checkpoint';
import type { Settings } from '../config/config';
import { HostConnector } from '../connection/host-connector';
import type { EstablishedConnection } from '../connection/established-connection';
import { ConnectionError, ReplicationError } from '../common/errors';
import type { SubscriptionLock } from './subscription-lock';
import { failStreams, noteFailure } from '../ledger/failure';
import { FeedbackScheduler } from './feedback-scheduler';
import { GarbageCollectionTrigger } from './garbage-collection';
import { maxLsn } from '../common/lsn';
import type { Connect } from '../net/transport';
import type { StreamMessage } from '../pgoutput/messages/messages';
import { TypeCatalog } from '../pgoutput/types/type-catalog';
import { explainFailedStart } from '../commands/preflight/failed-start';
import type { DropEvidence } from '../ledger/unit-ledger';
import { openStream, type OpenInfo } from '../commands/open-stream';
import { createPayloadDecoder } from './session/payload-decoder';
import { ReplicationSession } from './session/replication-session';
import type { SessionHost } from './session/session-host';
import type { StatusUpdate } from '../config/observers';
import type { ResumeState } from '../commands/resume-state';
import type { StreamHistory } from '../ledger/stream-history';
import { lookUpTypesOverNewConnection } from '../connection/type-lookup-connection';
import { emitWarning } from '../common/warning';
import { warnOfDroppedTransaction } from './dropped-transaction-warning';

/** For how many ms a stop takes leave where unsubscribing takes none. */
const STOP_PATIENCE = 5000;
const MESSAGE_TOO_LARGE =
  'Raise maxMessageSize if your rows are so large; else check that this is the server that you mean.';
const SLOT_GONE =
  'The temporary slot went with its connection, and what was not yet streamed with it: copy the data anew, or use a permanent slot.';
/** The share of wal_sender_timeout after which the server hears from us again. */
const TIMEOUT_SHARE = 3;
/** A walsender that is busy is silent for its own time-out and half as long again, and for so many ms on a busy machine. */
const SILENT_TIMEOUTS = 1.5;
const SILENCE_MARGIN = 1000;

/** One subscription: a connection that becomes a session, with its feedback. What the session asks for is done here. */
export class StreamSubscription implements SessionHost {
  readonly #connect: Connect;
  readonly #settings: Settings;
  readonly #memory: ResumeState;
  readonly #exclusive: SubscriptionLock;
  readonly #history: StreamHistory;
  readonly #subscriber: Subscriber<StreamMessage>;
  readonly #connection: HostConnector<OpenInfo>;
  #link: EstablishedConnection | undefined;
  #session: ReplicationSession | undefined;
  #feedback: FeedbackScheduler | undefined;
  readonly #garbage = new GarbageCollectionTrigger();
  readonly #catalog: TypeCatalog | undefined;
  #cancelCloseTimeout: () => void = () => undefined;
  #cancelLookUp: () => void = () => undefined;
  #cancelLater: () => void = () => undefined;
  #walSenderTimeout = 0;
  #temporarySlot = false;
  #stopped = false;
  #over = false;

  /** @param isFirst whether it is the observable's first subscription */
  constructor(
    connect: Connect,
    settings: Settings,
    memory: ResumeState,
    exclusive: SubscriptionLock,
    history: StreamHistory,
    subscriber: Subscriber<StreamMessage>,
    isFirst: boolean,
  ) {
    this.#connect = connect;
    this.#settings = settings;
    this.#memory = memory;
    this.#exclusive = exclusive;
    this.#history = history;
    this.#subscriber = subscriber;
    this.#catalog = settings.values.lookUpTypes ? new TypeCatalog() : undefined;
    this.#connection = new HostConnector(
      connect,
      settings.connection,
      (server) => {
        this.#walSenderTimeout = server.walSenderTimeout;
        const opening = openStream(settings.plan, server, memory, settings.start, this.#catalog);
        if (!isFirst) return opening;
        const context = { plan: settings.plan, server, lookUpTypes: settings.values.lookUpTypes };
        return explainFailedStart(opening, context, settings.classify);
      },
      {
        done: (info, link) => {
          this.#start(info, link);
        },
        failed: (error) => {
          this.#leave();
          // What a startLsn function has thrown need not be an Error, and goes on as it is.
          subscriber.error(error instanceof Error ? this.conclude(error) : this.#noted(error));
        },
      },
    );
  }

  unsubscribe(): void {
    if (this.#over) return;
    if (this.#session) {
      this.#session.release();
      return;
    }
    this.#over = true;
    this.#exclusive.beginRelease();
    this.#connection.abort(() => {
      this.#exclusive.release();
    });
  }

  #start(info: OpenInfo, link: EstablishedConnection): void {
    const { session: options, plan, values, scheduler, statusInterval, observers } = this.#settings;
    const { walSenderTimeout, slot } = info;
    // From here on come rows.
    link.frames.limit = this.#settings.maxMessageSize;
    link.frames.remedy = MESSAGE_TOO_LARGE;
    const busy = walSenderTimeout && walSenderTimeout * SILENT_TIMEOUTS + SILENCE_MARGIN;
    const livenessTimeout = options.livenessTimeout && Math.max(options.livenessTimeout, busy);
    const decode = createPayloadDecoder(plan.pgoutput && { ...values, catalog: this.#catalog });
    const sessionOptions = {
      ...options,
      livenessTimeout,
      catalog: this.#catalog,
      slotLsn: slot.confirmedFlushLsn,
      startLsn: maxLsn(info.startLsn ?? 0n, slot.confirmedFlushLsn ?? 0n),
      source: sourceOf(info, slot.name),
      history: this.#history,
    };
    this.#history.started(slot.confirmedFlushLsn ?? 0n);
    const session = new ReplicationSession(link.frames, decode, sessionOptions, this);
    const periods = [statusInterval, walSenderTimeout / TIMEOUT_SHARE, livenessTimeout / 4, options.ackTimeout / 2];
    const period = Math.max(1, Math.min(...periods.filter((ms) => ms > 0)));

    this.#link = link;
    this.#session = session;
    this.#temporarySlot = slot.temporary;
    this.#feedback = new FeedbackScheduler(scheduler, period, session);
    link.listen(session);
    observers.open(info);
    session.pump();
  }

  send(bytes: Buffer): void {
    this.#link?.transport.write(bytes);
  }

  relieved(bytes: number): void {
    this.#garbage.addReleased(bytes);
  }

  deliver(message: StreamMessage): boolean {
    this.#subscriber.next(message);
    return !this.#subscriber.closed;
  }

  complete(): void {
    this.#stopped = true;
    // It drains: for whoever subscribes on complete, as repeat() does, that is part of taking leave.
    this.#exclusive.beginRelease();
    this.#subscriber.complete();
  }

  hold(resting: boolean): void {
    if (resting) this.#link?.transport.pause();
    else this.#link?.transport.resume();
  }

  wake(): void {
    this.#link?.transport.defer(() => this.#session?.pump());
  }

  lookUp(typeOids: readonly number[]): void {
    const catalog = this.#catalog;
    const { target } = this.#link ?? {};
    if (!catalog || !target) return;
    const { connection } = this.#settings;
    this.#cancelLookUp = lookUpTypesOverNewConnection(this.#connect, target, connection, catalog, typeOids, (error) => {
      if (error)
        emitWarning('RXPG_TYPES_UNKNOWN', `Types ${typeOids.join(', ')} could not be looked up: ${error.message}`);
      this.#session?.typesKnown(error);
    });
  }

  reportIn(ms: number): void {
    this.#feedback?.scheduleReport(ms);
  }

  reported(status: StatusUpdate): void {
    this.#settings.observers.status(status);
  }

  closing(afterStop: boolean): void {
    this.#stopped = afterStop;
    const { closeTimeout } = this.#settings.connection;
    // Leaving at once is for those who unsubscribe. After a stop the server has to hear of the last confirmation.
    const patience = afterStop && closeTimeout === 0 ? STOP_PATIENCE : closeTimeout;
    const transport = this.#link?.transport;
    this.#feedback?.stop();
    this.#exclusive.beginRelease();
    const expire = (): void => {
      const what = `The server did not end the stream within ${patience} ms`;
      this.#session?.disconnected(new ConnectionError('CLOSE_TIMEOUT', what));
      transport?.destroy();
    };
    if (transport) this.#cancelCloseTimeout = transport.timeout(patience, expire);
  }

  conclude(error: Error): Error {
    let told = this.#settings.classify(error);
    // The slot went with its connection, and a new one would begin after a gap.
    if (this.#temporarySlot && told instanceof ReplicationError && told.retryable) {
      told = told.recast(told.code, { retryable: false, remedy: SLOT_GONE });
    }
    this.#memory.recordConfirmed(this.#session?.status.confirmedLsn ?? 0n);
    return this.#noted(told);
  }

  closed(error?: Error): unknown {
    const { connection, observers } = this.#settings;
    const { confirmedLsn = 0n, receivedLsn = 0n } = this.#session?.status ?? {};
    this.#feedback?.stop();
    this.#cancelCloseTimeout();
    this.#cancelLookUp();
    this.#cancelLater();
    this.#memory.recordConfirmed(confirmedLsn);
    if (this.#session) this.#history.ended(this.#session.end);
    this.#link?.transport.end(error instanceof ConnectionError ? 0 : connection.closeTimeout);
    this.#leave();
    observers.close({ confirmedLsn, receivedLsn, error });
    if (error) {
      this.#subscriber.error(error);
      return error;
    }
    // It was stopped before all came again that an earlier subscription had delivered.
    const failure = this.#stopped ? this.#history.failure : undefined;
    if (!failure) {
      this.#subscriber.complete();
      return undefined;
    }
    this.#noted(failure.error);
    this.#subscriber.error(failure.error);
    return failure.error;
  }

  warn(text: string): void {
    emitWarning('RXPG_NOT_ACKNOWLEDGED', text);
  }

  warnOfDroppedTransaction(how: DropEvidence): void {
    warnOfDroppedTransaction(how);
  }

  later(ms: number, callback: () => void): void {
    this.#cancelLater();
    if (this.#link) this.#cancelLater = this.#link.transport.timeout(ms, callback);
  }

  elapsed(): number {
    return this.#link?.transport.elapsed() ?? 0;
  }

  clock(): number {
    return Date.now();
  }

  /** Tells operators below what the stream knows as it fails. */
  #noted<E>(error: E): E {
    noteFailure(error, {
      slot: this.#settings.plan.slot,
      confirmedLsn: this.#memory.position?.lsn ?? 0n,
      walSenderTimeout: this.#walSenderTimeout,
      byStream: true,
      streams: failStreams(error, [this.#history]),
    });
    return error;
  }

  #leave(): void {
    this.#over = true;
    this.#exclusive.release();
  }
}
