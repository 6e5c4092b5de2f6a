import { ConfigError } from '../common/errors';
import { toLsn, type Lsn } from '../common/lsn';
import { suggestName } from '../common/option-reader';
import { buildErrorResponse, buildNotice, buildReadyForQuery, type FieldsByLetter } from './backend-messages';
import type { BackendProcess } from './backend-process';
import type { FakeCluster } from './cluster';
import type { TransactionDraft, WalTransaction } from './transaction';

/** The fields of an error or a notice. Source: PostgreSQL manual, "Error and Notice Message Fields". */
export interface ServerMessage {
  /** The SQLSTATE, for example `57P01`. */
  readonly sqlState: string;
  /** Default: `ERROR` for an error, `WARNING` for a notice. After `FATAL` or `PANIC` the server closes the connection. */
  readonly severity?: string;
  readonly message?: string;
  readonly detail?: string;
  readonly hint?: string;
  /** The C function of the server that reports it. It does not depend on the language. */
  readonly routine?: string;
}

/**
 * The steps of a script. Messages are sent to all streaming connections. Network faults (`split`, `glue`, `stall`, `cut`, `reset`,
 * `halfClose`) affect the newest connection or, if none is open, the next one.
 */
export interface Steps {
  /** Commits a transaction; see {@link FakeCluster.commit}. */
  commit: TransactionDraft | WalTransaction;
  /** Sends a keepalive. `walEnd` defaults to the end of the WAL. */
  keepalive: { readonly walEnd?: Lsn | string; readonly replyRequested?: boolean };
  /** Sends any bytes, such as custom frames or invalid data. */
  send: Buffer;
  /** Sends an error. With severity FATAL or PANIC it ends the connection. */
  error: ServerMessage;
  notice: ServerMessage;
  /** The next bytes are sent in segments of these sizes, in bytes. */
  split: readonly number[];
  /** In ms: data of this time is sent as one segment at its end. */
  glue: number;
  /** In ms: nothing is sent for this time; the data then follows in the original segments. */
  stall: number;
  /** In bytes: after this number of bytes, possibly within a message, the connection is closed (FIN). */
  cut: number;
  /** In bytes: as `cut`, but with a reset (RST), so the client may lose data that it has not read. */
  reset: number;
  /** The server's side of the connection is ended (FIN); the server still reads. */
  halfClose: true;
  /** In ms: connections that are made in this time are reset immediately. */
  refuse: number;
  /** The slot (default: the first one) is active for another process for this time, in ms, unless a connection is streaming from it. */
  occupy: { readonly slot?: string; readonly ms: number };
  /** In ms: the script pauses. */
  wait: number;
}

/** Exactly one of {@link Steps}, for example `{ cut: 17 }`. */
export type Step = {
  [Name in keyof Steps]: Readonly<Pick<Steps, Name>> & Readonly<Partial<Record<Exclude<keyof Steps, Name>, never>>>;
}[keyof Steps];

/** The process ID of a client that does not exist. */
const OTHER_PROCESS_ID = 4711;

/** The functions of the steps. A step that takes time returns a promise. */
const PERFORMERS: {
  readonly [Name in keyof Steps]: (cluster: FakeCluster<BackendProcess>, value: Steps[Name]) => Promise<void> | void;
} = {
  commit: (cluster, draft) => void cluster.commit(draft),
  keepalive: sendKeepalive,
  send: (cluster, bytes) => sendToAll(cluster, bytes),
  error: sendError,
  notice: (cluster, said) => sendToAll(cluster, buildNotice(buildFields(said, 'WARNING'))),
  split: (cluster, sizes) => cluster.injectFault((outbox) => outbox.split(sizes)),
  glue: (cluster, ms) => cluster.injectFault((outbox) => outbox.glue(ms)),
  stall: (cluster, ms) => cluster.injectFault((outbox) => outbox.stall(ms)),
  cut: (cluster, after) => cluster.injectFault((outbox) => outbox.cut(after)),
  reset: (cluster, after) => cluster.injectFault((outbox) => outbox.cut(after, 'reset')),
  halfClose: (cluster) => cluster.injectFault((outbox) => outbox.halfClose()),
  refuse: (cluster, ms) => cluster.refuse(ms),
  occupy,
  wait: (cluster, ms) => new Promise((resolve) => cluster.schedule(ms, resolve)),
};

/**
 * @returns a promise if the script has to wait
 * @throws {ConfigError} `CONFIG_INVALID` unless the step has exactly one known name
 */
export function performStep(cluster: FakeCluster<BackendProcess>, step: Step): Promise<void> | undefined {
  return performNamedStep(getStepName(step), cluster, step);
}

function performNamedStep<Name extends keyof Steps>(
  name: Name,
  cluster: FakeCluster<BackendProcess>,
  step: Partial<Pick<Steps, Name>>,
): Promise<void> | undefined {
  const value = step[name];
  return value === undefined ? undefined : (PERFORMERS[name](cluster, value) ?? undefined);
}

/** Checks a step at run time, for scripts in JavaScript. */
function getStepName(step: Step): keyof Steps {
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

/** After an ERROR, the server sends ReadyForQuery; after FATAL, it closes the connection. */
function sendError(cluster: FakeCluster<BackendProcess>, error: ServerMessage): void {
  const fields = buildFields(error, 'ERROR');
  for (const connection of cluster.connections) {
    if (!connection.streaming) continue;
    connection.send(buildErrorResponse(fields));
    if (error.severity === 'FATAL' || error.severity === 'PANIC') connection.close();
    else connection.endStream(buildReadyForQuery());
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
  slot.owner ??= OTHER_PROCESS_ID;
  cluster.schedule(ms, () => {
    if (slot.owner === OTHER_PROCESS_ID) slot.owner = undefined;
    cluster.notifyChanged();
  });
}
