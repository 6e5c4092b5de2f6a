import type { ConnectionSettings } from '../config/connection';
import { ConnectionError, ProtocolError, ReplicationError } from '../common/errors';
import { formatAddress } from '../net/address';
import { toConnectError } from '../net/socket-errors';
import type { Target } from '../net/target';
import type { Connect, Transport } from '../net/transport';
import { RoutineRunner, type ProtocolRoutine, type UserCallback } from '../commands/protocol-routine';
import { startUp, type BackendKey, type ServerInfo } from '../commands/startup';
import type { SecretName } from '../wire/authentication';
import { warnOfClearText } from './clear-text-warning';
import type { ChannelSecurity } from '../wire/channel-security';
import { FrameDecoder } from '../wire/frames';
import { encodeCancelRequest, encodeTerminate } from '../wire/frontend';

/** Who listens to a connection once its conversation has ended. */
export interface ConnectionListener {
  receive(chunk: Buffer): void;
  disconnected(cause?: Error): void;
}

/** A connection whose conversation has ended well; what came behind it waits in `frames`, which still expect short answers. */
export interface EstablishedConnection {
  /** Where it leads to. */
  readonly target: Target;
  readonly transport: Transport;
  readonly frames: FrameDecoder;
  listen(listener: ConnectionListener): void;
}

export interface StartupHandlers<T> {
  done(value: T, link: EstablishedConnection): void;
  /** @param error an Error, or whatever user code has thrown when it was asked */
  failed(error: unknown): void;
}

/** Until the server has let us in, it could be anybody. libpq draws the line for its messages at nearly the same place. */
const GREETING_LIMIT = 1 << 15;
/** Before the stream, nothing that the server says is long. */
const ANSWER_LIMIT = 1 << 20;

/** A cancellation gets at least so many ms: without it a slot would go on being made. */
const CANCEL_PATIENCE = 500;

/** Connects to one host, starts up and leads a conversation, within the connect time-out. */
export class StartupConnection<T> {
  readonly #connect: Connect;
  readonly #target: Target;
  /** The same, for whoever wants to come to this server again: a name may stand for several. */
  #here: Target;
  readonly #settings: ConnectionSettings;
  readonly #handlers: StartupHandlers<T>;
  readonly #frames = new FrameDecoder(GREETING_LIMIT);
  readonly #script: (server: ServerInfo) => ProtocolRoutine<T>;
  readonly #transport: Transport;
  #dialogue: RoutineRunner<T> | undefined;
  #listener: ConnectionListener | undefined;
  #heard = false;
  /** The question that user code has not answered yet. */
  #question: UserCallback | undefined;
  #cancelQuestion: () => void = () => undefined;
  #key: BackendKey | undefined;
  #patient = false;
  #watched = false;
  #over = false;
  #cancelTimeout: () => void = () => undefined;

  constructor(
    connect: Connect,
    target: Target,
    settings: ConnectionSettings,
    script: (server: ServerInfo) => ProtocolRoutine<T>,
    handlers: StartupHandlers<T>,
  ) {
    this.#connect = connect;
    this.#target = target;
    this.#here = target;
    this.#settings = settings;
    this.#script = script;
    this.#handlers = handlers;
    this.#transport = connect(target, {
      connected: (channel) => {
        this.#attempt(() => {
          this.#begin(channel);
        });
      },
      data: (chunk) => {
        if (this.#listener) this.#listener.receive(chunk);
        else this.#take(chunk);
      },
      closed: (cause) => {
        if (this.#listener) this.#listener.disconnected(cause);
        else this.#fail(this.#dialogue?.verdict ?? toConnectError(target, cause));
      },
    });
    this.#watch(true);
  }

  /**
   * Gives up. A slot that is being created waits for open transactions on the server and would outlive the connection,
   * so that command is cancelled first.
   *
   * @param done called when nothing is left of it
   */
  abort(done: () => void): void {
    if (this.#over) {
      done();
      return;
    }
    this.#finish();
    if (this.#patient && this.#key) {
      this.#cancel(this.#key, done);
    } else {
      this.#transport.destroy();
      done();
    }
  }

  #begin(channel: ChannelSecurity): void {
    const { kind, address } = channel;
    if (kind === 'clear' && this.#target.tls) warnOfClearText(this.#target);
    if (address !== undefined) this.#here = { ...this.#target, address };
    const dialogue = new RoutineRunner(
      this.#frames,
      this.#conversation(channel),
      ({ send, ask, patient = false, restart = false }) => {
        this.#patient = patient;
        if (restart) this.#watch(false);
        this.#watch(!patient);
        if (send) this.#transport.write(send);
        if (ask) this.#ask(dialogue, typeof ask === 'string' ? this.#secretQuestion(ask) : ask);
      },
    );
    this.#dialogue = dialogue;
    dialogue.start();
  }

  *#conversation(channel: ChannelSecurity): ProtocolRoutine<T> {
    const server = yield* startUp(this.#settings.startup, channel, (key) => {
      this.#key = key;
    });
    this.#frames.limit = ANSWER_LIMIT;
    return yield* this.#script(server);
  }

  #ask(dialogue: RoutineRunner<T>, question: UserCallback): void {
    // What the server sends meanwhile must not fill the memory of this process.
    this.#transport.hold(true);
    this.#question = question;
    const cancel = question.ask(
      (answer) => {
        if (this.#over) return;
        this.#question = undefined;
        this.#transport.hold(false);
        this.#attempt(() => {
          dialogue.answer(answer);
          this.#advance(dialogue);
        });
      },
      (thrown) => {
        this.#fail(thrown);
      },
    );
    // Where the function has given up this connection, nobody has cancelled yet.
    if (this.#over) cancel();
    else this.#cancelQuestion = cancel;
  }

  #secretQuestion(name: SecretName): UserCallback {
    return {
      ask: (answered, failed) => {
        const found = (value: string | undefined): void => {
          answered({ kind: 'secret', value });
        };
        this.#settings.secrets.ask(name, this.#target, found, failed);
        return () => undefined;
      },
      timedOut: (ms) => {
        const what = `${formatAddress(this.#target)} asked for the ${name}, which connection.${name} did not give within ${ms} ms`;
        return new ReplicationError('SECRET_UNAVAILABLE', what, { remedy: 'See what your function waits for.' });
      },
    };
  }

  #take(chunk: Buffer): void {
    const dialogue = this.#dialogue;
    if (this.#over || !dialogue) return;
    this.#attempt(() => {
      if (!this.#heard) checkWords(chunk);
      this.#heard = true;
      this.#frames.push(chunk);
      this.#advance(dialogue);
    });
  }

  #advance(dialogue: RoutineRunner<T>): void {
    const outcome = dialogue.advance();
    if (outcome) this.#handOver(outcome.value);
  }

  /** What the new owner throws (its scheduler, say) is no failure of the conversation, but must not be lost either. */
  #handOver(value: T): void {
    this.#finish();
    const listen = (listener: ConnectionListener): void => {
      this.#listener = listener;
    };
    try {
      this.#handlers.done(value, { target: this.#here, transport: this.#transport, frames: this.#frames, listen });
    } catch (error) {
      this.#transport.destroy();
      this.#handlers.failed(asError(error));
    }
  }

  #attempt(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#fail(asError(error));
    }
  }

  #fail(error: unknown): void {
    if (this.#over) return;
    this.#finish();
    if (error instanceof ReplicationError && error.code === 'SESSION_ATTRS_MISMATCH') this.#takeLeave();
    else this.#transport.destroy();
    this.#handlers.failed(error);
  }

  /** Nothing is wrong with the connection. */
  #takeLeave(): void {
    this.#transport.write(encodeTerminate());
    this.#transport.end(this.#settings.closeTimeout);
  }

  #finish(): void {
    this.#over = true;
    this.#cancelTimeout();
    this.#cancelQuestion();
  }

  /** One time-out for all turns together. A patient turn lifts it, and it starts anew after that, and with a turn that restarts it. */
  #watch(on: boolean): void {
    if (on === this.#watched) return;
    this.#watched = on;
    this.#cancelTimeout();
    if (!on) return;
    const { connectTimeout } = this.#settings;
    this.#cancelTimeout = this.#transport.timeout(connectTimeout, () => {
      this.#expire(connectTimeout);
    });
  }

  #expire(ms: number): void {
    if (this.#question) {
      this.#fail(this.#question.timedOut(ms));
      return;
    }
    const error = this.#dialogue?.verdict ?? this.#timedOut(ms);
    // It comes when the server has let us in.
    if (!this.#key) {
      this.#fail(error);
      return;
    }
    this.#finish();
    // What waits for others there, for a lock say, would go on doing so.
    this.#cancel(this.#key, () => undefined);
    this.#handlers.failed(error);
  }

  #timedOut(ms: number): ConnectionError {
    const where = formatAddress(this.#target);
    if (!this.#key) return new ConnectionError('CONNECT_TIMEOUT', `${where} was not ready within ${ms} ms`);
    return new ConnectionError('CONNECT_TIMEOUT', `${where} has let us in, but did not answer within ${ms} ms`, {
      remedy:
        'See pg_stat_activity and pg_locks for what it waits for, a locked table perhaps; or raise connectTimeout.',
    });
  }

  #cancel(key: BackendKey, done: () => void): void {
    const finish = (): void => {
      stopWaiting();
      second.destroy();
      this.#transport.destroy();
      done();
    };
    // The server closes this connection when it has passed the cancellation on.
    const second = this.#connect(this.#here, {
      connected: () => {
        second.write(encodeCancelRequest(key.processId, key.secret));
      },
      data: () => undefined,
      closed: finish,
    });
    const stopWaiting = this.#transport.timeout(Math.max(this.#settings.closeTimeout, CANCEL_PATIENCE), finish);
  }
}

const ERROR = 0x45; // E

/** A server that cannot even start a process for us says so in plain words, behind an E, and hangs up: they have no frame. */
function checkWords(first: Buffer): void {
  const [tag, ...words] = first.subarray(0, 5);
  // A length that could be begins with a 0, and one that could not may hold what no text in UTF-8 does.
  if (tag !== ERROR || words.length < 4 || words.some((byte) => byte < 0x20 || byte >= 0xf8)) return;
  throw new ConnectionError('CONNECTION_LOST', 'The server turned us away before it had a process for us', {
    remedy: "Look into the server's log: it may be out of processes or memory.",
  });
}

/** @internal */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new ProtocolError(String(thrown));
}
