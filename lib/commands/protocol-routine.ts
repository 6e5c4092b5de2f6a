import { ProtocolError, ReplicationError, type ServerFields } from '../common/errors';
import { parseLsn, type Lsn } from '../common/lsn';
import { decodeBackendMessage, type BackendMessage } from '../wire/backend';
import type { FrameDecoder } from '../wire/frames';
import type { StartAnswer } from '../ledger/checkpoint';
import type { Credential, CredentialName } from '../wire/authentication';
import * as frontend from '../wire/frontend';
import { toServerError } from './server-errors';

/** The answer of user code, during authentication or later. */
export type CallbackAnswer = Credential | StartAnswer;

/** A call of user code: of a function in an option. */
export interface UserCallback {
  /**
   * Calls the function, once. The answer may come at once or later.
   *
   * @param onAnswer called with the answer
   * @param onError called with what was thrown instead of an answer
   * @returns cancels the call: its answer is not needed any more
   */
  call(onAnswer: (answer: CallbackAnswer) => void, onError: (thrown: unknown) => void): () => void;
  /** Creates the error for an answer that did not come within so many ms. */
  createTimeoutError(ms: number): ReplicationError;
}

/** A step of a routine: sends something, or nothing, and waits for the server's next message. */
export interface RoutineStep {
  readonly send?: Buffer;
  /** Calls user code, for a secret or something else, and waits for its answer instead of a message. */
  readonly ask?: CredentialName | UserCallback;
  /** No timeout applies until the server has answered. */
  readonly noTimeout?: boolean;
  /** The connect timeout starts again with this step: it is one of many of its kind, whose number is limited. */
  readonly restartTimeout?: boolean;
  /** The routine has failed already: the connection ends with this error, whatever happens to it from here on. */
  readonly failure?: ReplicationError;
}

/**
 * An exchange of messages with the server, as a generator: it yields steps and receives the server's messages, or the answers of
 * user code. The order of the exchange is that of the code, and a routine does no I/O.
 */
export type ProtocolRoutine<T> = Generator<RoutineStep, T, BackendMessage | CallbackAnswer>;

/** A row of a simple query: text by column name. */
export type ResultRow = Readonly<Record<string, string | null>>;

/** Runs a routine over the frames of a connection. */
export class RoutineRunner<T> {
  readonly #frames: FrameDecoder;
  readonly #routine: ProtocolRoutine<T>;
  readonly #take: (step: RoutineStep) => void;
  #asking = false;
  #answer: CallbackAnswer | undefined;
  #advancing = false;
  #failure: ReplicationError | undefined;

  constructor(frames: FrameDecoder, routine: ProtocolRoutine<T>, take: (step: RoutineStep) => void) {
    this.#frames = frames;
    this.#routine = routine;
    this.#take = take;
  }

  /** The error that the routine has failed with, while it looks for more that is wrong. */
  get failure(): ReplicationError | undefined {
    return this.#failure;
  }

  start(): void {
    const first = this.#routine.next();
    if (!first.done) this.#take(first.value);
  }

  /** Takes the answer of user code. `advance` goes on with it. */
  answer(answer: CallbackAnswer): void {
    this.#asking = false;
    this.#answer = answer;
  }

  /**
   * Goes on with what was received. What follows the routine's last message stays in the frames.
   *
   * @returns the result, once the routine has returned
   */
  advance(): { readonly value: T } | undefined {
    // The answer may come during the call of user code.
    if (this.#advancing) return undefined;
    this.#advancing = true;
    try {
      for (let message = this.#next(); message; message = this.#next()) {
        const step = this.#routine.next(message);
        if (step.done) return { value: step.value };
        this.#asking = step.value.ask !== undefined;
        this.#failure = step.value.failure;
        this.#take(step.value);
      }
      return undefined;
    } finally {
      this.#advancing = false;
    }
  }

  #next(): BackendMessage | CallbackAnswer | undefined {
    if (this.#asking) return undefined;
    const answer = this.#answer;
    this.#answer = undefined;
    return answer ?? this.#decode();
  }

  #decode(): BackendMessage | undefined {
    try {
      return this.#frames.next() ? decodeBackendMessage(this.#frames) : undefined;
    } catch (error) {
      throw this.#failure ?? error;
    }
  }
}

/** No query of the library returns nearly as many rows; a server that sends rows without end must not fill the memory. */
const MAX_ROWS = 10_000;
const MAX_CHARACTERS = 4_000_000;

interface QueryOptions extends Pick<RoutineStep, 'noTimeout' | 'restartTimeout'> {
  /** Called with each notice or warning that comes with the answer. */
  readonly onNotice?: (fields: ServerFields) => void;
}

/** A simple query with one result. The extended protocol does not exist on a replication connection. */
export function* runQuery(
  sql: string,
  { noTimeout = false, restartTimeout = false, onNotice }: QueryOptions = {},
): ProtocolRoutine<ResultRow[]> {
  const rows: ResultRow[] = [];
  let size = 0;
  let columns: readonly string[] = [];
  let failure: ServerFields | undefined;
  let message = yield { send: frontend.encodeQuery(sql), noTimeout, restartTimeout };
  for (;;) {
    switch (message.kind) {
      case 'rowDescription':
        columns = message.columns.map((column) => column.name);
        break;
      case 'dataRow': {
        const { values } = message;
        if (values.length !== columns.length) {
          throw new ProtocolError(`The server sent a row of ${values.length} values; expected ${columns.length}`);
        }
        size = values.reduce((sum, value) => sum + (value?.length ?? 0) + 1, size);
        if (rows.length === MAX_ROWS || size > MAX_CHARACTERS) {
          const what = `The answer to a query has more than ${MAX_ROWS} rows or ${MAX_CHARACTERS} characters`;
          throw new ReplicationError('LIMIT_EXCEEDED', what);
        }
        rows.push(Object.fromEntries(columns.map((column, i) => [column, values[i] ?? null])));
        break;
      }
      case 'error':
        failure = message.fields;
        // After FATAL the server closes without ReadyForQuery.
        if (failure.severity !== 'ERROR') throw toServerError(failure);
        break;
      case 'readyForQuery':
        if (failure) throw toServerError(failure);
        return rows;
      case 'commandComplete':
      case 'emptyQuery':
        break;
      case 'notice':
      case 'notification':
      case 'parameterStatus':
        if (message.kind === 'notice') onNotice?.(message.fields);
        // This is no part of the answer, which still has no timeout.
        message = yield { noTimeout };
        continue;
      default:
        throw new ProtocolError(`The server answered a query with ${message.kind}`);
    }
    message = yield {};
  }
}

/** START_REPLICATION: comes back at CopyBoth, when the connection has become a stream. */
export function* startCopyBoth(sql: string): ProtocolRoutine<void> {
  let failure: ServerFields | undefined;
  let message = yield { send: frontend.encodeQuery(sql) };
  for (;;) {
    switch (message.kind) {
      case 'copyBoth':
        return;
      case 'error':
        failure = message.fields;
        // After FATAL the server closes without ReadyForQuery.
        if (failure.severity !== 'ERROR') throw toServerError(failure);
        break;
      case 'readyForQuery':
        if (failure) throw toServerError(failure);
        throw new ProtocolError('The server answered START_REPLICATION with readyForQuery');
      case 'notice':
      case 'notification':
      case 'parameterStatus':
        break;
      default:
        throw new ProtocolError(`The server answered START_REPLICATION with ${message.kind}`);
    }
    message = yield {};
  }
}

/** The first row, where the server must have sent one. */
export function getOnlyRow(rows: readonly ResultRow[], what: string): ResultRow {
  const [row] = rows;
  if (!row) throw new ProtocolError(`The server sent no row for ${what}`);
  return row;
}

/** The text of a column, where the server must have sent one. */
export function getText(row: ResultRow, column: string): string {
  const value = row[column];
  if (value === null || value === undefined) throw new ProtocolError(`The server sent no ${column}`);
  return value;
}

/** The position in a column, where the server must have sent one. */
export function getLsn(row: ResultRow, column: string): Lsn {
  const text = getText(row, column);
  if (!/^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/i.test(text))
    throw createUnreadableError(column, text, "an LSN as in '0/16B6C50'");
  return parseLsn(text);
}

/** The whole number in a column, where the server must have sent one. */
export function getInteger(row: ResultRow, column: string): bigint {
  const text = getText(row, column);
  if (!/^-?\d{1,20}$/.test(text)) throw createUnreadableError(column, text, 'a whole number');
  return BigInt(text);
}

export function getCount(row: ResultRow, column: string): number {
  const count = Number(getInteger(row, column));
  if (!(count >= 0 && count <= Number.MAX_SAFE_INTEGER))
    throw createUnreadableError(column, getText(row, column), 'a count');
  return count;
}

function createUnreadableError(column: string, text: string, expected: string): ProtocolError {
  return new ProtocolError(`The server sent ${JSON.stringify(text.slice(0, 40))} as ${column}; expected ${expected}`);
}
