import type { EstablishedConnection } from '../connection/established-connection';
import { RoutineRunner, type ProtocolRoutine } from '../commands/protocol-routine';
import { toServerError } from '../commands/server-errors';
import { ConnectionError, ProtocolError, type ServerFields } from '../common/errors';
import { TimeSlice } from '../stream/session/time-slice';
import { BackendTag, decodeBackendMessage } from '../wire/backend';
import { encodeQuery, encodeTerminate } from '../wire/frontend';

/** The loop over rows yields to timers and sockets after so many ms. */
const SLICE = 10;
/** Message limit of commands, whose answers are short. */
const COMMAND_LIMIT = 1 << 20;

/** Receives the rows of a COPY. */
export interface RowSink {
  /** Whether the next row has to wait until `CopyConnection.resume`. */
  mustWait(): boolean;
  take(buffer: Buffer, start: number, end: number): void;
}

/** What the connection does at present. */
interface Task {
  /** @returns whether the task has ended */
  advance(): boolean;
  fail(error: unknown): void;
}

/** A connection that runs routines and COPY commands, one after another. */
export class CopyConnection {
  readonly #connection: EstablishedConnection;
  readonly #timeout: number;
  #task: Task | undefined;
  readonly #queue: (() => void)[] = [];
  #failure: Error | undefined;
  #cancelTimeout: () => void = () => undefined;

  /**
   * @param timeout for each answer, in ms; 0: none
   * @param onLost called when the connection is lost
   */
  constructor(connection: EstablishedConnection, timeout: number, onLost: (error: Error) => void) {
    this.#connection = connection;
    this.#timeout = timeout;
    connection.listen({
      receive: (chunk) => {
        connection.frames.push(chunk);
        this.#advance();
      },
      disconnected: (cause) => {
        const error = new ConnectionError('CONNECTION_LOST', 'The connection to the server was lost', { cause });
        this.#fail(error);
        onLost(error);
      },
    });
  }

  get target(): EstablishedConnection['target'] {
    return this.#connection.target;
  }

  get transport(): EstablishedConnection['transport'] {
    return this.#connection.transport;
  }

  run<T>(routine: ProtocolRoutine<T>): Promise<T> {
    return this.#enqueue((resolve, reject) => {
      const { frames, transport } = this.#connection;
      frames.limit = COMMAND_LIMIT;
      const runner = new RoutineRunner(frames, routine, ({ send, noTimeout = false }) => {
        this.#cancelTimeout();
        if (!noTimeout) this.#startTimeout();
        if (send) transport.write(send);
      });
      const task: Task = {
        advance: () => {
          const outcome = runner.advance();
          if (outcome) resolve(outcome.value);
          return outcome !== undefined;
        },
        fail: reject,
      };
      runner.start();
      return task;
    });
  }

  /**
   * Runs COPY … TO STDOUT.
   *
   * @param maxRow the maximum length of a row, in bytes
   */
  copyOut(sql: string, maxRow: number, sink: RowSink): Promise<void> {
    return this.#enqueue((resolve, reject) => {
      const { frames, transport } = this.#connection;
      frames.limit = maxRow;
      transport.write(encodeQuery(sql));
      const reader = new RowReader(this.#connection, sink, () => {
        this.#advance();
      });
      return {
        advance: () => {
          const isDone = reader.read();
          if (isDone) resolve();
          return isDone;
        },
        fail: (error) => {
          reader.end();
          reject(error);
        },
      };
    });
  }

  /** Goes on with rows that had to wait. */
  resume(): void {
    this.#connection.transport.defer(() => {
      this.#advance();
    });
  }

  /** Ends the connection: at once while a command runs, of which the rest would have to be read. */
  end(ms: number): void {
    if (this.#failure) return;
    const isBusy = this.#task !== undefined;
    this.#fail(new Error('The copy has ended'));
    if (isBusy) {
      this.transport.destroy();
    } else {
      this.transport.write(encodeTerminate());
      this.transport.end(ms);
    }
  }

  #enqueue<T>(start: (resolve: (value: T) => void, reject: (error: unknown) => void) => Task): Promise<T> {
    return new Promise((resolve, reject: (error: unknown) => void) => {
      this.#queue.push(() => {
        if (this.#failure) reject(this.#failure);
        else this.#task = start(resolve, reject);
      });
      this.#startNext();
    });
  }

  #startNext(): void {
    while (!this.#task) {
      const next = this.#queue.shift();
      if (!next) return;
      next();
    }
  }

  #advance(): void {
    const task = this.#task;
    if (!task) return;
    try {
      if (!task.advance()) return;
      this.#endTask();
    } catch (error) {
      this.#endTask();
      task.fail(error);
    }
    this.#startNext();
  }

  #endTask(): void {
    this.#cancelTimeout();
    this.#task = undefined;
  }

  #startTimeout(): void {
    if (this.#timeout === 0) return;
    this.#cancelTimeout = this.transport.timeout(this.#timeout, () => {
      const what = `The server did not answer within ${this.#timeout} ms`;
      this.#fail(new ConnectionError('LIVENESS_TIMEOUT', what));
      this.transport.destroy();
    });
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    const task = this.#task;
    this.#endTask();
    task?.fail(error);
    this.#startNext();
  }
}

/** Reads the answer to a COPY … TO STDOUT. */
class RowReader {
  readonly #connection: EstablishedConnection;
  readonly #sink: RowSink;
  readonly #readOn: () => void;
  #hasYielded = false;
  #isEnded = false;
  #failure: ServerFields | undefined;

  constructor(connection: EstablishedConnection, sink: RowSink, readOn: () => void) {
    this.#connection = connection;
    this.#sink = sink;
    this.#readOn = readOn;
  }

  /** Reads no more. */
  end(): void {
    this.#isEnded = true;
  }

  /** @returns whether the COPY has ended */
  read(): boolean {
    const { frames, transport } = this.#connection;
    if (this.#hasYielded) return false;
    const slice = new TimeSlice(transport.elapsed(), SLICE);
    while (!this.#isEnded) {
      if (this.#sink.mustWait()) {
        transport.pause();
        return false;
      }
      if (!frames.next()) {
        transport.resume();
        return false;
      }
      if (frames.tag === BackendTag.CopyData) this.#sink.take(frames.buffer, frames.start, frames.end);
      else if (this.#readOther()) {
        transport.resume();
        return true;
      }
      if (slice.countStep() && slice.checkClock(transport.elapsed())) {
        transport.pause();
        this.#hasYielded = true;
        transport.defer(() => {
          this.#hasYielded = false;
          this.#readOn();
        });
        return false;
      }
    }
    return false;
  }

  #readOther(): boolean {
    const message = decodeBackendMessage(this.#connection.frames);
    switch (message.kind) {
      case 'error':
        this.#failure = message.fields;
        if (this.#failure.severity !== 'ERROR') throw toServerError(this.#failure);
        return false;
      case 'readyForQuery':
        if (this.#failure) throw toServerError(this.#failure);
        return true;
      case 'copyOut':
      case 'copyDone':
      case 'commandComplete':
      case 'notice':
      case 'notification':
      case 'parameterStatus':
        return false;
      default:
        throw new ProtocolError(`The server answered COPY with ${message.kind}`);
    }
  }
}
