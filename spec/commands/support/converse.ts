import type { ServerFields } from '../../../lib/common/errors';
import type {
  CallbackAnswer,
  ProtocolRoutine,
  UserCallback,
  RoutineStep,
} from '../../../lib/commands/protocol-routine';
import type { BackendMessage } from '../../../lib/wire/backend';

/** The client's messages before the stream starts. */
export type ClientCommands =
  | { kind: 'startup'; parameters: Record<string, string> }
  | { kind: 'query'; sql: string }
  | { kind: 'password'; text: string };

export type Server = (said: ClientCommands) => readonly BackendMessage[];

export interface Outcome<T> {
  readonly said: ClientCommands[];
  /** The SQL of all queries in order, with normalized white space. */
  readonly sql: string[];
  /** The queries without a timeout. */
  readonly untimed: string[];
  /** The queries that restart connectTimeout. */
  readonly restarting: string[];
  readonly value: T | undefined;
  readonly error: unknown;
}

/** Runs a routine against a server that responds immediately, message by message. Each secret is `secret`. */
export function runRoutine<T>(conversation: ProtocolRoutine<T>, server: Server): Outcome<T> {
  const said: ClientCommands[] = [];
  const sql: string[] = [];
  const untimed: string[] = [];
  const restarting: string[] = [];
  const answers: BackendMessage[] = [];
  let value: T | undefined;
  let error: unknown;

  const hear = ({ send, noTimeout, restartTimeout }: RoutineStep): void => {
    if (!send) return;
    const heard = read(send);
    said.push(heard);
    if (heard.kind === 'query') {
      const text = heard.sql.replace(/\s+/g, ' ');
      sql.push(text);
      if (noTimeout) untimed.push(text);
      if (restartTimeout) restarting.push(text);
    }
    answers.push(...server(heard));
  };

  try {
    let step = conversation.next();
    while (!step.done) {
      hear(step.value);
      const { ask } = step.value;
      const answer: BackendMessage | CallbackAnswer | undefined = ask ? answerTo(ask) : answers.shift();
      if (!answer) throw new Error(`The server has nothing more to say after ${JSON.stringify(said.at(-1))}`);
      step = conversation.next(answer);
    }
    value = step.value;
  } catch (thrown) {
    error = thrown;
  }
  return { said, sql, untimed, restarting, value, error };
}

/** The responses of user code, immediately. */
function answerTo(ask: string | UserCallback): CallbackAnswer {
  if (typeof ask === 'string') return { kind: 'credential', value: 'secret' };
  const answers: CallbackAnswer[] = [];
  ask.call(
    (answer) => answers.push(answer),
    (thrown) => {
      throw thrown;
    },
  );
  const [answer] = answers;
  if (!answer) throw new Error('Nobody has answered');
  return answer;
}

/** Decodes a frontend message as the manual describes. Only a StartupMessage has no type byte. */
function read(bytes: Buffer): ClientCommands {
  if (bytes[0] === 0) {
    const texts = bytes.toString('utf8', 8, bytes.length - 2).split('\0');
    const pairs = texts.flatMap((text, i) => (i % 2 === 0 ? [[text, texts[i + 1] ?? ''] as const] : []));
    return { kind: 'startup', parameters: Object.fromEntries(pairs) };
  }
  const text = bytes.toString('utf8', 5, bytes.length - 1);
  const tag = bytes.toString('latin1', 0, 1);
  if (tag === 'Q') return { kind: 'query', sql: text };
  if (tag === 'p') return { kind: 'password', text };
  throw new Error(`A client does not say ${tag} here`);
}

export const READY: BackendMessage = { kind: 'readyForQuery', status: 'I' };
const COMPLETE: BackendMessage = { kind: 'commandComplete', tag: 'DONE' };

/** The result of a query, each row by column name. */
export function rows(...results: readonly Readonly<Record<string, string | null>>[]): BackendMessage[] {
  const columns = Object.keys(results[0] ?? { nothing: null });
  return [
    { kind: 'rowDescription', columns: columns.map((name) => ({ name })) },
    ...results.map((row): BackendMessage => ({ kind: 'dataRow', values: columns.map((name) => row[name] ?? null) })),
    COMPLETE,
    READY,
  ];
}

/** The response to a command without a result. */
export function done(): BackendMessage[] {
  return [COMPLETE, READY];
}

export function serverFields(fields: Partial<ServerFields> = {}): ServerFields {
  return { severity: 'ERROR', sqlState: 'XX000', message: 'an error', ...fields };
}

/** The error of a query. */
export function buildError(fields: Partial<ServerFields>): BackendMessage[] {
  return [{ kind: 'error', fields: serverFields(fields) }, READY];
}
