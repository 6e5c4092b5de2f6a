import type { Subscriber } from 'rxjs';
import type { Settings } from '../config/settings';
import { HostConnector } from '../connection/host-connector';
import { ReplicationError } from '../common/errors';
import { markFailed, attachFailure } from '../ledger/failure';
import type { StreamHistory } from '../ledger/stream-history';
import type { Connect } from '../net/transport';
import type { StreamMessage } from '../pgoutput/messages/messages';
import { TypeCatalog } from '../pgoutput/types/type-catalog';
import { explainFailedStart } from '../commands/preflight/failed-start';
import { openStream, type OpenInfo } from '../commands/open-stream';
import type { ResumeState } from '../commands/resume-state';
import type { ServerInfo } from '../commands/startup';
import type { ProtocolRoutine } from '../commands/protocol-routine';
import { RunningStream, type StreamContext } from './running-stream';
import type { SubscriptionLock } from './subscription-lock';

const SLOT_GONE =
  'The server dropped the temporary slot when its connection ended, and changes that were not streamed yet are lost: copy the data again, or use a permanent slot.';

/** One subscription: connects, opens the stream and runs it. */
export class StreamSubscription {
  readonly #settings: Settings;
  readonly #resumeState: ResumeState;
  readonly #lock: SubscriptionLock;
  readonly #history: StreamHistory;
  readonly #connector: HostConnector<OpenInfo>;
  #stream: RunningStream | undefined;
  /** In ms, as far as the server was asked; 0 for none. */
  #walSenderTimeout = 0;
  #hasTemporarySlot = false;
  #isOver = false;

  /** @param isFirst whether it is the observable's first subscription */
  constructor(
    connect: Connect,
    settings: Settings,
    resumeState: ResumeState,
    lock: SubscriptionLock,
    history: StreamHistory,
    subscriber: Subscriber<StreamMessage>,
    isFirst: boolean,
  ) {
    this.#settings = settings;
    this.#resumeState = resumeState;
    this.#lock = lock;
    this.#history = history;
    const catalog = settings.values.lookUpTypes ? new TypeCatalog() : undefined;
    const context: StreamContext = {
      connect,
      settings,
      resumeState,
      lock,
      history,
      subscriber,
      catalog,
      conclude: (error) => this.#conclude(error),
      note: (error) => this.#note(error),
      ended: () => {
        this.#end();
      },
    };
    this.#connector = new HostConnector(
      connect,
      settings.connection,
      (server) => this.#open(server, catalog, isFirst),
      {
        done: (info, connection) => {
          this.#hasTemporarySlot = info.slot.temporary;
          const stream = new RunningStream(context, info, connection);
          this.#stream = stream;
          stream.start();
          settings.observers.open(info);
        },
        failed: (error) => {
          this.#end();
          // What a startLsn function throws need not be an Error, and is passed on as it is.
          subscriber.error(error instanceof Error ? this.#conclude(error) : this.#note(error));
        },
      },
    );
  }

  unsubscribe(): void {
    if (this.#isOver) return;
    if (this.#stream) {
      this.#stream.unsubscribe();
      return;
    }
    this.#isOver = true;
    this.#lock.beginRelease();
    this.#connector.abort(() => {
      this.#lock.release();
    });
  }

  #open(server: ServerInfo, catalog: TypeCatalog | undefined, isFirst: boolean): ProtocolRoutine<OpenInfo> {
    const { plan, start, values, classify } = this.#settings;
    this.#walSenderTimeout = server.walSenderTimeout;
    const routine = openStream(plan, server, this.#resumeState, start, catalog);
    if (!isFirst) return routine;
    return explainFailedStart(routine, { plan, server, lookUpTypes: values.lookUpTypes }, classify);
  }

  #conclude(error: Error): Error {
    let classified = this.#settings.classify(error);
    // A new temporary slot would begin after a gap.
    if (this.#hasTemporarySlot && classified instanceof ReplicationError && classified.retryable) {
      classified = classified.withCode(classified.code, { retryable: false, remedy: SLOT_GONE });
    }
    this.#resumeState.recordConfirmed(this.#stream?.status.confirmedLsn ?? 0n);
    return this.#note(classified);
  }

  /** Notes for operators what is known of the stream that fails. */
  #note<E>(error: E): E {
    attachFailure(error, {
      slot: this.#settings.plan.slot,
      confirmedLsn: this.#resumeState.position?.lsn ?? 0n,
      walSenderTimeout: this.#walSenderTimeout,
      byStream: true,
      streams: markFailed(error, [this.#history]),
    });
    return error;
  }

  #end(): void {
    this.#isOver = true;
    this.#lock.release();
  }
}
