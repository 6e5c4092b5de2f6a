import { ConfigError } from '../common/errors';
import { toLsn, type Lsn } from '../common/lsn';
import { suggestName } from '../common/options';
import { errorResponse, notice, readyForQuery, type FieldsByLetter } from './backend-messages';
import type { BackendProcess } from './backend-process';
import type { FakeCluster } from './cluster';
import type { TransactionDraft, WalTransaction } from './transaction';

/** What the server says in an error or a notice. Source: PostgreSQL manual, "Error and Notice Message Fields". */
export interface ServerMessage {
  /** SQLSTATE, as in `57P01`. */
  readonly sqlState: string;
  /** Default: `ERROR` for an error, `WARNING` for a notice. With `FATAL` or `PANIC` the server hangs up. */
  readonly severity?: string;
  readonly message?: string;
  readonly detail?: string;
  readonly hint?: string;
  /** The function in the server's source that reports it; it stays the same in every language. */
  readonly routine?: string;
}

/**
 * What a script may let the server do. What is sent goes to whoever streams. What happens to the connection (`split`,
 * `glue`, `stall`, `cut`, `reset`, `halfClose`) happens to the newest one or, where none is open, to the next.
 */
export interface Steps {
  /** Commits a transaction; see {@link FakeCluster.commit}. */
  commit: TransactionDraft | WalTransaction;
  /** A keepalive. `walEnd`: where the WAL ends, if not given. */
  keepalive: { readonly walEnd?: Lsn | string; readonly replyRequested?: boolean };
  /** Any bytes: frames made by hand, or garbage. */
  send: Buffer;
  /** An error; with severity FATAL or PANIC it ends the connection. */
  error: ServerMessage;
  notice: ServerMessage;
  /** What is sent next leaves in segments of these sizes in bytes, and what follows as usual. */
  split: readonly number[];
  /** ms. What is sent in that time leaves as one segment at its end. */
  glue: number;
  /** ms. Nothing leaves for so long; what was sent then follows as it was. */
  stall: number;
  /** bytes. Once so many more have left, also in the middle of a message, the connection is closed (FIN). */
  cut: number;
  /** bytes. The same with a reset (RST): the client may lose what it has not read. */
  reset: number;
  /** The server's half of the connection is closed (FIN), and the client's is still read. */
  halfClose: true;
  /** ms. Connections that are made in this time are reset at once. */
  refuse: number;
  /** For so many ms the slot (default: the first one) is active for somebody else, unless somebody streams from it. */
  occupy: { readonly slot?: string; readonly ms: number };
  /** ms. The script pauses. */
  wait: number;
}

/** One of {@link Steps} and no more, as in `{ cut: 17 }`. */
export type Step = {
  [Name in keyof Steps]: Readonly<Pick<Steps, Name>> & Readonly<Partial<Record<Exclude<keyof Steps, Name>, never>>>;
}[keyof Steps];

/** The process id of a client that is none. */
const SOMEBODY_ELSE = 4711;

/** What each step does; one that takes time returns a promise. */
const PERFORMERS: {
  readonly [Name in keyof Steps]: (cluster: FakeCluster<BackendProcess>, value: Steps[Name]) => Promise<void> | void;
} = {
  commit: (cluster, draft) => void cluster.commit(draft),
  keepalive: sendKeepalive,
  send: (cluster, bytes) => sendToAll(cluster, bytes),
  error: sendError,
  notice: (cluster, said) => sendToAll(cluster, notice(buildFields(said, 'WARNING'))),
  split: (cluster, sizes) => cluster.disturb((outbox) => outbox.split(sizes)),
  glue: (cluster, ms) => cluster.disturb((outbox) => outbox.glue(ms)),
  stall: (cluster, ms) => cluster.disturb((outbox) => outbox.stall(ms)),
  cut: (cluster, after) => cluster.disturb((outbox) => outbox.cut(after)),
  reset: (cluster, after) => cluster.disturb((outbox) => outbox.cut(after, 'reset')),
  halfClose: (cluster) => cluster.disturb((outbox) => outbox.halfClose()),
  refuse: (cluster, ms) => cluster.refuse(ms),
  occupy,
  wait: (cluster, ms) => new Promise((resolve) => cluster.later(ms, resolve)),
};

/**
 * @returns a promise where the script has to wait
 * @throws {ConfigError} `CONFIG_INVALID` unless the step has one name, and a known one
 */
export function perform(cluster: FakeCluster<BackendProcess>, step: Step): Promise<void> | undefined {
  return performAs(nameOf(step), cluster, step);
}

function performAs<Name extends keyof Steps>(
  name: Name,
  cluster: FakeCluster<BackendProcess>,
  step: Partial<Pick<Steps, Name>>,
): Promise<void> | undefined {
  const value = step[name];
  return value === undefined ? undefined : (PERFORMERS[name](cluster, value) ?? undefined);
}

/** Scripts in JavaScript are checked by nobody else. */
function nameOf(step: Step): keyof Steps {
  const names = Object.entries(step).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  const [name] = names;
  if (names.length === 1 && isStep(name)) return name;
  const unknown = names.find((one) => !isStep(one));
  if (unknown !== undefined) {
    const remedy = suggestName(unknown, Object.keys(PERFORMERS));
    throw new ConfigError('step', `unknown step ${JSON.stringify(unknown)}`, { remedy });
  }
  const given = names.length === 0 ? 'none' : names.join(' and ');
  throw new ConfigError('step', `expected exactly one name, got ${given}; write one step for each`);
}

function isStep(name: string | undefined): name is keyof Steps {
  return name !== undefined && Object.hasOwn(PERFORMERS, name);
}

function sendToAll(cluster: FakeCluster<BackendProcess>, ...frames: readonly Buffer[]): void {
  for (const connection of cluster.connections) if (connection.streaming) connection.send(...frames);
}

function sendKeepalive(
  cluster: FakeCluster<BackendProcess>,
  { walEnd = cluster.walPosition, replyRequested }: Steps['keepalive'],
): void {
  const position = toLsn('keepalive.walEnd', walEnd);
  for (const connection of cluster.connections)
    if (connection.streaming) connection.keepalive(position, replyRequested);
}

/** After an ERROR the server is ready for commands again; after FATAL it is gone. */
function sendError(cluster: FakeCluster<BackendProcess>, error: ServerMessage): void {
  const fields = buildFields(error, 'ERROR');
  for (const connection of cluster.connections) {
    if (!connection.streaming) continue;
    connection.send(errorResponse(fields));
    if (error.severity === 'FATAL' || error.severity === 'PANIC') connection.close();
    else connection.endStream(readyForQuery());
  }
}

function buildFields(said: ServerMessage, severity: string): FieldsByLetter {
  const { sqlState, message = `a scripted ${severity}`, detail, hint, routine } = said;
  const S = said.severity ?? severity;
  return {
    S,
    V: S,
    C: sqlState,
    M: message,
    ...(detail && { D: detail }),
    ...(hint && { H: hint }),
    ...(routine && { R: routine }),
  };
}

function occupy(cluster: FakeCluster<BackendProcess>, { slot: name, ms }: Steps['occupy']): void {
  const slot = cluster.slot(name);
  slot.owner ??= SOMEBODY_ELSE;
  cluster.later(ms, () => {
    if (slot.owner === SOMEBODY_ELSE) slot.owner = undefined;
    cluster.changed();
  });
}
