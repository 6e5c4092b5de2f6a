import type { Lsn } from '../../common/lsn';
import type { StreamMessage } from './messages';

/** What a message of some kind means for its transaction. */
interface MessageFacts {
  /** Whether it begins a transaction, or a block of one, of which more follows; or ends it. */
  readonly frame?: 'begin' | 'end';
  /** Whether it completes a transaction or decides a prepared one. Its `endLsn` is then the position to confirm. */
  readonly isComplete?: true;
  /** Which of its members tells where the record starts by which the server sends the transaction again, or does not. */
  readonly position?: 'commitLsn' | 'prepareLsn';
}

/**
 * The one place that says what each kind of message means for a transaction. Source: PostgreSQL manual, "Logical Replication
 * Message Formats".
 */
const FACTS: Readonly<Record<StreamMessage['kind'], MessageFacts>> = {
  begin: { frame: 'begin', position: 'commitLsn' },
  commit: { frame: 'end', isComplete: true, position: 'commitLsn' },
  // Changes of streamed transactions have no commitLsn yet.
  insert: { position: 'commitLsn' },
  update: { position: 'commitLsn' },
  delete: { position: 'commitLsn' },
  truncate: { position: 'commitLsn' },
  // Outside a transaction it has none.
  message: { position: 'commitLsn' },
  beginPrepare: { frame: 'begin', position: 'prepareLsn' },
  prepare: { frame: 'end', isComplete: true, position: 'prepareLsn' },
  commitPrepared: { isComplete: true, position: 'commitLsn' },
  // It does not tell where its record starts.
  rollbackPrepared: { isComplete: true },
  streamStart: { frame: 'begin' },
  streamStop: { frame: 'end' },
  streamCommit: { isComplete: true, position: 'commitLsn' },
  streamPrepare: { isComplete: true, position: 'prepareLsn' },
  // The server sends no position with it unless streaming is parallel, and nothing is confirmed by it.
  streamAbort: {},
  origin: {},
  relation: {},
  type: {},
  keepalive: {},
  xlogData: {},
};

/**
 * Whether more of a transaction, or of a block of one, follows this message.
 *
 * @param before what it returned for the message before
 */
export function isInTransaction({ kind }: StreamMessage, before: boolean): boolean {
  const { frame } = FACTS[kind];
  return frame === 'begin' || (before && frame !== 'end');
}

/** Where the transaction ends that this message completes; undefined where it completes none. */
export function getEndLsn(message: StreamMessage): Lsn | undefined {
  return FACTS[message.kind].isComplete && 'endLsn' in message ? message.endLsn : undefined;
}

/**
 * Where the record of the commit, or of the prepare, starts by which the server decides whether to send this message again.
 * undefined where the message belongs to no transaction, or does not tell.
 */
export function getTransactionLsn(message: StreamMessage): Lsn | undefined {
  const { position } = FACTS[message.kind];
  if (position === 'commitLsn' && 'commitLsn' in message) return message.commitLsn;
  return position === 'prepareLsn' && 'prepareLsn' in message ? message.prepareLsn : undefined;
}
