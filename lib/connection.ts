import type { ConnectionSettings } from './config/connection';
import { ConnectionError, ProtocolError } from './errors';
import { connectFailure } from './net/socket-errors';
import type { Connect, Transport } from './net/transport';
import { Dialogue, type Conversation } from './session/conversation';
import { startUp, type BackendKey, type ServerInfo } from './session/startup';
import { FrameDecoder, LARGEST_MESSAGE } from './wire/frames';
import { cancelRequest } from './wire/frontend';

/** Who listens to a connection once its conversation has ended. */
export interface LinkListener {
  receive(chunk: Buffer): void;
  disconnected(cause?: Error): void;
}

/** A connection whose conversation has ended well; what came behind it waits in `frames`. */
export interface Link {
  readonly transport: Transport;
  readonly frames: FrameDecoder;
  listen(listener: LinkListener): void;
}

export interface ConversationHandlers<T> {
  done(value: T, link: Link): void;
  failed(error: Error): void;
}

/** Before the stream, nothing that the server says is long. libpq draws the line in the same way during start-up. */
const GREETING_LIMIT = 1 << 20;

/** A cancellation gets at least so many ms: without it a slot would go on being made. */
const CANCEL_PATIENCE = 500;

/** Connects, starts up and leads a conversation, within the connect time-out. */
export class ConversingConnection<T> {
  readonly #connect: Connect;
  readonly #settings: ConnectionSettings;
  readonly #handlers: ConversationHandlers<T>;
  readonly #frames = new FrameDecoder(GREETING_LIMIT);
  readonly #dialogue: Dialogue<T>;
  readonly #transport: Transport;
  #listener: LinkListener | undefined;
  #key: BackendKey | undefined;
  #patient = false;
  #watched = false;
  #over = false;
  #cancelTimeout: () => void = () => undefined;

  constructor(
    connect: Connect,
    settings: ConnectionSettings,
    script: (server: ServerInfo) => Conversation<T>,
    handlers: ConversationHandlers<T>,
  ) {
    this.#connect = connect;
    this.#settings = settings;
    this.#handlers = handlers;
    this.#dialogue = new Dialogue(this.#frames, this.#conversation(script), ({ send, patient = false }) => {
      this.#patient = patient;
      this.#watch(!patient);
      if (send) this.#transport.write(send);
    });
    this.#transport = connect(settings.target, {
      connected: () => {
        this.#attempt(() => {
          this.#dialogue.start();
        });
      },
      data: (chunk) => {
        if (this.#listener) this.#listener.receive(chunk);
        else this.#take(chunk);
      },
      closed: (cause) => {
        if (this.#listener) this.#listener.disconnected(cause);
        else this.#fail(connectFailure(settings.target, cause));
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

  *#conversation(script: (server: ServerInfo) => Conversation<T>): Conversation<T> {
    const server = yield* startUp(this.#settings.startup, (key) => {
      this.#key = key;
    });
    const outcome = yield* script(server);
    // What is asked until here has short answers; from here on come rows.
    this.#frames.limit = LARGEST_MESSAGE;
    return outcome;
  }

  #take(chunk: Buffer): void {
    if (this.#over) return;
    this.#attempt(() => {
      this.#frames.push(chunk);
      const outcome = this.#dialogue.advance();
      if (outcome) this.#handOver(outcome.value);
    });
  }

  /** What the new owner throws (its scheduler, say) is no failure of the conversation, but must not be lost either. */
  #handOver(value: T): void {
    this.#finish();
    const listen = (listener: LinkListener): void => {
      this.#listener = listener;
    };
    try {
      this.#handlers.done(value, { transport: this.#transport, frames: this.#frames, listen });
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

  #fail(error: Error): void {
    if (this.#over) return;
    this.#finish();
    this.#transport.destroy();
    this.#handlers.failed(error);
  }

  #finish(): void {
    this.#over = true;
    this.#cancelTimeout();
  }

  /** One time-out for all turns together; a patient turn lifts it, and it starts anew after that. */
  #watch(on: boolean): void {
    if (on === this.#watched) return;
    this.#watched = on;
    this.#cancelTimeout();
    if (!on) return;
    const { connectTimeout, target } = this.#settings;
    this.#cancelTimeout = this.#transport.timeout(connectTimeout, () => {
      const what = `${target.host}:${target.port} was not ready within ${connectTimeout} ms`;
      this.#fail(new ConnectionError('CONNECT_TIMEOUT', what));
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
    const second = this.#connect(this.#settings.target, {
      connected: () => {
        second.write(cancelRequest(key.processId, key.secret));
      },
      data: () => undefined,
      closed: finish,
    });
    const stopWaiting = this.#transport.timeout(Math.max(this.#settings.closeTimeout, CANCEL_PATIENCE), finish);
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new ProtocolError(String(thrown));
}
