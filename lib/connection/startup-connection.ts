import type { ConnectionSettings } from '../config/resolve-connection';
import { ReplicationError } from '../common/errors';
import { toConnectError } from '../net/socket-errors';
import type { Target } from '../net/target';
import type { Connect, Transport } from '../net/transport';
import {
  RoutineRunner,
  type CallbackAnswer,
  type ProtocolRoutine,
  type RoutineStep,
} from '../commands/protocol-routine';
import { startUp, type BackendKey, type ServerInfo } from '../commands/startup';
import { cancelCommand } from './cancel-request';
import { warnOfClearText } from './clear-text-warning';
import type { ConnectionListener, EstablishedConnection } from './established-connection';
import { toError, createConnectTimeoutError, rejectPlainTextError } from './startup-errors';
import { StartupTimeout } from './startup-timeout';
import { createCredentialCallback, UserCallbackCall } from './user-callback-call';
import type { ChannelSecurity } from '../wire/channel-security';
import { FrameDecoder } from '../wire/frames';
import { encodeTerminate } from '../wire/frontend';

/** Exactly one of the two is called, unless the connection is aborted. */
export interface StartupHandlers<T> {
  done(value: T, connection: EstablishedConnection): void;
  /** @param error an Error, or any value that user code threw */
  failed(error: unknown): void;
}

/** Message limit before authentication, when the peer may be anybody. libpq has a limit of nearly the same size. */
const UNAUTHENTICATED_LIMIT = 1 << 15;
/** Message limit before the stream, when no answer is long. */
const COMMAND_LIMIT = 1 << 20;

/**
 * Connects to one host, authenticates and runs a routine, all within the connect timeout.
 *
 * ```
 *   connecting ──connected──▶ running ──returned──▶ established
 *        │                       │
 *        └────failed, aborted────┴──▶ ended
 * ```
 */
export class StartupConnection<T> {
  readonly #connect: Connect;
  readonly #target: Target;
  readonly #settings: ConnectionSettings;
  readonly #handlers: StartupHandlers<T>;
  readonly #startRoutine: (server: ServerInfo) => ProtocolRoutine<T>;
  readonly #frames = new FrameDecoder(UNAUTHENTICATED_LIMIT);
  readonly #transport: Transport;
  readonly #timeout: StartupTimeout;
  #state: 'connecting' | 'running' | 'established' | 'ended' = 'connecting';
  #runner: RoutineRunner<T> | undefined;
  #call: UserCallbackCall | undefined;
  #listener: ConnectionListener | undefined;
  /** The target with the address that its name resolved to: a name may stand for several servers. */
  #resolvedTarget: Target;
  /** Set once the server has accepted the client. */
  #key: BackendKey | undefined;
  #hasReceived = false;
  /** Whether the command that runs has no timeout, such as one that waits for other transactions. */
  #isUntimed = false;

  constructor(
    connect: Connect,
    target: Target,
    settings: ConnectionSettings,
    startRoutine: (server: ServerInfo) => ProtocolRoutine<T>,
    handlers: StartupHandlers<T>,
  ) {
    this.#connect = connect;
    this.#target = target;
    this.#resolvedTarget = target;
    this.#settings = settings;
    this.#startRoutine = startRoutine;
    this.#handlers = handlers;
    this.#transport = connect(target, {
      connected: (security) => {
        this.#attempt(() => {
          this.#start(security);
        });
      },
      data: (chunk) => {
        if (this.#listener) this.#listener.receive(chunk);
        else this.#receive(chunk);
      },
      closed: (cause) => {
        if (this.#listener) this.#listener.disconnected(cause);
        else this.#fail(this.#runner?.failure ?? toConnectError(target, cause));
      },
    });
    this.#timeout = new StartupTimeout(this.#transport, settings.connectTimeout, (ms) => {
      this.#expire(ms);
    });
    this.#timeout.start();
  }

  /**
   * Destroys the connection. CREATE_REPLICATION_SLOT waits for open transactions and would outlive the connection, so a
   * command without a timeout is cancelled first.
   *
   * @param done called when the connection is destroyed
   */
  abort(done: () => void): void {
    if (this.#isOver()) {
      done();
      return;
    }
    this.#leaveStartup('ended');
    if (this.#isUntimed && this.#key) {
      this.#cancelCommand(this.#key, done);
    } else {
      this.#transport.destroy();
      done();
    }
  }

  #start(security: ChannelSecurity): void {
    const { kind, address } = security;
    this.#state = 'running';
    if (kind === 'clear' && this.#target.tls) warnOfClearText(this.#target);
    if (address !== undefined) this.#resolvedTarget = { ...this.#target, address };
    this.#runner = new RoutineRunner(this.#frames, this.#createRoutine(security), (step) => {
      this.#take(step);
    });
    this.#runner.start();
  }

  *#createRoutine(security: ChannelSecurity): ProtocolRoutine<T> {
    const server = yield* startUp(this.#settings.startup, security, (key) => {
      this.#key = key;
    });
    this.#frames.limit = COMMAND_LIMIT;
    return yield* this.#startRoutine(server);
  }

  #take({ send, ask, noTimeout = false, restartTimeout = false }: RoutineStep): void {
    this.#isUntimed = noTimeout;
    if (noTimeout || restartTimeout) this.#timeout.stop();
    if (!noTimeout) this.#timeout.start();
    if (send) this.#transport.write(send);
    if (ask === undefined) return;
    const callback = typeof ask === 'string' ? createCredentialCallback(ask, this.#target, this.#settings) : ask;
    this.#call = new UserCallbackCall(callback);
    this.#call.start(this.#transport, {
      succeeded: (answer) => {
        this.#attempt(() => {
          this.#advance(answer);
        });
      },
      failed: (thrown) => {
        this.#fail(thrown);
      },
    });
  }

  #receive(chunk: Buffer): void {
    if (this.#state !== 'running') return;
    this.#attempt(() => {
      if (!this.#hasReceived) rejectPlainTextError(chunk);
      this.#hasReceived = true;
      this.#frames.push(chunk);
      this.#advance();
    });
  }

  #advance(answer?: CallbackAnswer): void {
    if (answer) this.#runner?.answer(answer);
    const outcome = this.#runner?.advance();
    if (outcome) this.#handOver(outcome.value);
  }

  /** An error that the new owner throws, by its scheduler for instance, is passed on, and the connection destroyed. */
  #handOver(value: T): void {
    this.#leaveStartup('established');
    const listen = (listener: ConnectionListener): void => {
      this.#listener = listener;
    };
    const transport = this.#transport;
    try {
      this.#handlers.done(value, { target: this.#resolvedTarget, transport, frames: this.#frames, listen });
    } catch (error) {
      transport.destroy();
      this.#handlers.failed(toError(error));
    }
  }

  #attempt(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#fail(toError(error));
    }
  }

  #fail(error: unknown): void {
    if (this.#isOver()) return;
    this.#leaveStartup('ended');
    // A server that is only the wrong one gets an orderly end.
    if (error instanceof ReplicationError && error.code === 'SESSION_ATTRS_MISMATCH') this.#terminate();
    else this.#transport.destroy();
    this.#handlers.failed(error);
  }

  #terminate(): void {
    this.#transport.write(encodeTerminate());
    this.#transport.end(this.#settings.closeTimeout);
  }

  #expire(ms: number): void {
    if (this.#call?.isPending) {
      this.#fail(this.#call.createTimeoutError(ms));
      return;
    }
    const error = this.#runner?.failure ?? createConnectTimeoutError(this.#target, ms, this.#key !== undefined);
    if (!this.#key) {
      this.#fail(error);
      return;
    }
    this.#leaveStartup('ended');
    // Otherwise a command that waits for a lock, for instance, would go on waiting after the connection has ended.
    this.#cancelCommand(this.#key, () => undefined);
    this.#handlers.failed(error);
  }

  #cancelCommand(key: BackendKey, done: () => void): void {
    const { closeTimeout } = this.#settings;
    cancelCommand(this.#connect, this.#resolvedTarget, key, this.#transport, closeTimeout, done);
  }

  #isOver(): boolean {
    return this.#state === 'established' || this.#state === 'ended';
  }

  #leaveStartup(state: 'established' | 'ended'): void {
    this.#state = state;
    this.#timeout.stop();
    this.#call?.cancel();
  }
}
