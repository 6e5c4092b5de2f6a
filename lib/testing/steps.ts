import type { Lsn } from '../lsn';
import { errorResponse, keepalive, notice, readyForQuery, type FieldsByLetter } from './backend-messages';
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
  keepalive: { readonly walEnd?: Lsn; readonly replyRequested?: boolean };
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

/** One of {@link Steps}, as in `{ cut: 17 }`. */
export type Step = { [Name in keyof Steps]: Readonly<Record<Name, Steps[Name]>> }[keyof Steps];

/** The process id of a client that is none. */
const SOMEBODY_ELSE = 4711;

/** @returns a promise where the script has to wait */
export function perform(cluster: FakeCluster, step: Step): Promise<void> | undefined {
  if ('commit' in step) cluster.commit(step.commit);
  else if ('keepalive' in step) sendKeepalive(cluster, step.keepalive);
  else if ('send' in step) broadcast(cluster, step.send);
  else if ('error' in step) sendError(cluster, step.error);
  else if ('notice' in step) broadcast(cluster, notice(fieldsOf(step.notice, 'WARNING')));
  else if ('split' in step) cluster.disturb((outlet) => outlet.split(step.split));
  else if ('glue' in step) cluster.disturb((outlet) => outlet.glue(step.glue));
  else if ('stall' in step) cluster.disturb((outlet) => outlet.stall(step.stall));
  else if ('cut' in step) cluster.disturb((outlet) => outlet.cut(step.cut));
  else if ('reset' in step) cluster.disturb((outlet) => outlet.cut(step.reset, 'reset'));
  else if ('halfClose' in step) cluster.disturb((outlet) => outlet.halfClose());
  else if ('refuse' in step) cluster.refuse(step.refuse);
  else if ('occupy' in step) occupy(cluster, step.occupy);
  else return new Promise((resolve) => cluster.later(step.wait, resolve));
  return undefined;
}

function broadcast(cluster: FakeCluster, ...frames: readonly Buffer[]): void {
  for (const connection of cluster.connections) if (connection.streaming) connection.send(...frames);
}

function sendKeepalive(
  cluster: FakeCluster,
  { walEnd = cluster.walPosition, replyRequested }: Steps['keepalive'],
): void {
  broadcast(cluster, keepalive(walEnd, replyRequested));
}

/** After an ERROR the server is ready for commands again; after FATAL it is gone. */
function sendError(cluster: FakeCluster, error: ServerMessage): void {
  const fields = fieldsOf(error, 'ERROR');
  for (const connection of cluster.connections) {
    if (!connection.streaming) continue;
    connection.send(errorResponse(fields));
    if (error.severity === 'FATAL' || error.severity === 'PANIC') connection.close();
    else connection.endStream(readyForQuery());
  }
}

function fieldsOf(said: ServerMessage, severity: string): FieldsByLetter {
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

function occupy(cluster: FakeCluster, { slot: name, ms }: Steps['occupy']): void {
  const slot = cluster.slot(name);
  slot.owner ??= SOMEBODY_ELSE;
  cluster.later(ms, () => {
    if (slot.owner === SOMEBODY_ELSE) slot.owner = undefined;
  });
}
