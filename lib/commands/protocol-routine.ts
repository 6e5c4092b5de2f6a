import { ProtocolError, ReplicationError, type ServerFields } from '../common/errors';
import { parseLsn, type Lsn } from '../common/lsn';
import { decodeBackendMessage, type BackendMessage } from '../wire/backend';
import type { FrameDecoder } from '../wire/frames';
import type { StartAnswer } from '../ledger/checkpoint';
import type { Secret, SecretName } from '../wire/authentication';
import * as frontend from '../wire/frontend';
import { toServerError } from './server-errors';

/** What user code has answered, during authentication or later. */
export type CallbackAnswer = Secret | StartAnswer;

/** A question to user code, a function in an option. */
export interface UserCallback {
  /**
   * Asks, once. The answer may come at once or later.
   *
   * @param@param onAnswer called with the answer
   * @param@param onError called with what was thrown instead of an answer
   * @returns cancels the question: an answer is not wanted any more
   */
  call(onAnswer: (answer: CallbackAnswer) => void, onError: (thrown: unknown) => void): () => void;
  /** The error for no answer within so many ms. */
  createTimeoutError(ms: number): ReplicationError;
}

/** What a conversation does next: sends something, or nothing, and waits for the server's next message. */
export interface Step {
  readonly send?: Buffer;
  /** Asks user code for a secret or something else, and waits for its answer instead of a message. */
  readonly ask?: SecretName | UserCallback;
  /** The server may take as long as it likes: no time-out counts until it has answered. */
  readonly noTimeout?: boolean;
  /** The connect time-out starts again with this turn: it is one of many like it, and their number is limited. */
  readonly restartTimeout?: boolean;
  /** The conversation has failed already: the error that the connection ends with, whatever happens to it from here on. */
  readonly failure?: ReplicationError;
}

/**
 * Everything that is said before the stream starts, as a generator: it yields turns and is given what answers them, the
 * server's messages or user code's answers. So the order of things can be read from top to bottom, and nothing here does I/O.
 */
export type ProtocolRoutine<T> = Generator<Step, T, BackendMessage | CallbackAnswer>;

/** A row of a simple query: text by column name. */
export type ResultRow = Readonly<Record<string, string | null>>;

/** Leads a conversation over a connection's frames. */
export class RoutineRunner<T> {
  readonly #frames: FrameDecoder;
  readonly #conversation: ProtocolRoutine<T>;
  readonly #take: (turn: Step) => void;
  #asking = false;
  #answer: CallbackAnswer | undefined;
  #advancing = false;
  #failure: ReplicationError | undefined;

  constructor(frames: FrameDecoder, conversation: ProtocolRoutine<T>, take: (turn: Step) => void) {
    this.#frames = frames;
    this.#conversation = conversation;
    this.#take = take;
  }

  /** What the conversation has failed with already, while it asks what else is wrong. */
  get failure(): ReplicationError | undefined {
    return this.#failure;
  }

  start(): void {
    const first = this.#conversation.next();
    if (!first.done) this.#take(first.value);
  }

  /** Gives the answer to the question that was asked. `advance` goes on with it. */
  answer(answer: CallbackAnswer): void {
    this.#asking = false;
    this.#answer = answer;
  }

  /**
   * Goes on with what has been received. What lies behind the conversation's last message stays in the frames.
   *
   * @returns the outcome, once there is one
   */
  advance(): { readonly value: T } | undefined {
    // An answer may come while the turn that asks for it is taken.
    if (this.#advancing) return undefined;
    this.#advancing = true;
    try {
      for (let heard = this.#next(); heard; heard = this.#next()) {
        const step = this.#conversation.next(heard);
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

/** Nothing that is asked here has nearly as many; a server that sends rows without end must not fill our memory. */
const MOST_ROWS = 10_000;
const MOST_CHARACTERS = 4_000_000;

interface QueryOptions extends Pick<Step, 'noTimeout' | 'restartTimeout'> {
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
        if (rows.length === MOST_ROWS || size > MOST_CHARACTERS) {
          const what = `The answer to a query has more than ${MOST_ROWS} rows or ${MOST_CHARACTERS} characters`;
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
        // No part of the answer: that may still take as long as it likes.
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
  if (!/^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/i.test(text)) throw unreadable(column, text, "an LSN as in '0/16B6C50'");
  return parseLsn(text);
}

/** The whole number in a column, where the server must have sent one. */
export function getInteger(row: ResultRow, column: string): bigint {
  const text = getText(row, column);
  if (!/^-?\d{1,20}$/.test(text)) throw unreadable(column, text, 'a whole number');
  return BigInt(text);
}

export function getCount(row: ResultRow, column: string): number {
  const count = Number(getInteger(row, column));
  if (!(count >= 0 && count <= Number.MAX_SAFE_INTEGER)) throw unreadable(column, getText(row, column), 'a count');
  return count;
}

function unreadable(column: string, text: string, expected: string): ProtocolError {
  return new ProtocolError(`The server sent ${JSON.stringify(text.slice(0, 40))} as ${column}; expected ${expected}`);
}
