import type { Lsn } from '../../common/lsn';
import type { StreamMessage } from './messages';

/** The role of a kind of message in its transaction. */
interface MessageFacts {
  /** Whether it begins or ends a transaction or a block. */
  readonly frame?: 'begin' | 'end';
  /** Whether it completes a transaction, or ends a prepared one. Its `endLsn` is then the position to confirm. */
  readonly isComplete?: true;
  /** The member with the start of the record that the server compares to decide whether to send the transaction again. */
  readonly position?: 'commitLsn' | 'prepareLsn';
}

/**
 * The role of every kind of message in its transaction. Source: PostgreSQL manual, "Logical Replication Message Formats".
 */
const FACTS: Readonly<Record<StreamMessage['kind'], MessageFacts>> = {
  begin: { frame: 'begin', position: 'commitLsn' },
  commit: { frame: 'end', isComplete: true, position: 'commitLsn' },
  // Changes of streamed transactions have no commitLsn yet.
  insert: { position: 'commitLsn' },
  update: { position: 'commitLsn' },
  delete: { position: 'commitLsn' },
  truncate: { position: 'commitLsn' },
  // Undefined outside a transaction.
  message: { position: 'commitLsn' },
  beginPrepare: { frame: 'begin', position: 'prepareLsn' },
  prepare: { frame: 'end', isComplete: true, position: 'prepareLsn' },
  commitPrepared: { isComplete: true, position: 'commitLsn' },
  // It does not contain the start of its record.
  rollbackPrepared: { isComplete: true },
  streamStart: { frame: 'begin' },
  streamStop: { frame: 'end' },
  streamCommit: { isComplete: true, position: 'commitLsn' },
  streamPrepare: { isComplete: true, position: 'prepareLsn' },
  // It has a position only with `streaming: 'parallel'`, and confirms nothing.
  streamAbort: {},
  origin: {},
  relation: {},
  type: {},
  keepalive: {},
  xlogData: {},
  // Between copyBegin and copyEnd, rows are in batches, each of which ends with a copyProgress.
  copyBegin: {},
  copyProgress: {},
  copyEnd: {},
};

/** Whether it is a message of pgoutput or a keepalive, rather than what an operator has made. For callers in JavaScript. */
export function isPgoutputMessage(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return false;
  return typeof value.kind === 'string' && value.kind !== 'xlogData' && Object.hasOwn(FACTS, value.kind);
}

/**
 * Whether the transaction or block continues after this message.
 *
 * @param before the result for the previous message
 */
export function isInTransaction({ kind }: StreamMessage, before: boolean): boolean {
  const { frame } = FACTS[kind];
  return frame === 'begin' || (before && frame !== 'end');
}

/** The end LSN of the transaction that this message completes; undefined if it completes none. */
export function getEndLsn(message: StreamMessage): Lsn | undefined {
  return isComplete(message) ? message.endLsn : undefined;
}

/** Every complete kind has an `endLsn`. `beginPrepare` has one, too, and is not complete. */
function isComplete(message: StreamMessage): message is Extract<StreamMessage, { readonly endLsn: Lsn }> {
  return FACTS[message.kind].isComplete === true;
}

/**
 * The start of the commit or prepare record, which the server compares to decide whether to send this message again.
 * Undefined if the message is outside a transaction or does not contain it.
 */
export function getTransactionLsn(message: StreamMessage): Lsn | undefined {
  const { position } = FACTS[message.kind];
  if (position === 'commitLsn' && 'commitLsn' in message) return message.commitLsn;
  return position === 'prepareLsn' && 'prepareLsn' in message ? message.prepareLsn : undefined;
}
