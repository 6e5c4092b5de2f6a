import type { Lsn } from '../common/lsn';
import type { FailedStream, StreamHistory } from './stream-history';

/** A transaction that the work which failed was about. */
export interface FailedTransaction {
  /** Its id, as `pg_xact` and logs name it. undefined where the message does not tell, as with another output plugin. */
  readonly xid: number | undefined;
  /**
   * Where its commit record starts; of a prepared transaction, where its prepare record starts. undefined for a streamed
   * change, of which it is not known yet.
   */
  readonly commitLsn: Lsn | undefined;
  /**
   * The tables of the changes that the work was given, as in `change.table`. Of a transaction that came in blocks, those
   * as well of which all changes were rolled back.
   */
  readonly tables: readonly string[];
}

/** What is known of a stream when it fails. */
export interface Failure {
  /** The slot that it read, as several streams may stand above one operator. */
  readonly slot: string;
  /** How far it had confirmed, over all its subscriptions. */
  readonly confirmedLsn: Lsn;
  /** The server's wal_sender_timeout in ms, as far as it was asked; 0 for none. */
  readonly walSenderTimeout: number;
  /** Whether the stream itself has failed, and not what was done with its messages. */
  readonly byStream: boolean;
  /** Of a work that has failed: what it was about. Several where the work is for an array. */
  readonly transactions?: readonly FailedTransaction[] | undefined;
  /** The streams that it has ended: several may be merged. */
  readonly streams: readonly FailedStream[];
  /** Tells the works in hand that nobody will come back for them. */
  readonly giveUp?: () => void;
}

/**
 * Errors may be anybody's: what a work has thrown goes through as it is. So what belongs to them stands beside them.
 */
const failures = new WeakMap<object, Failure>();

/** The same for what is no object, which goes its way before the next one comes. */
let latest: { readonly error: unknown; readonly failure: Failure } | undefined;

export function noteFailure(error: unknown, failure: Failure): void {
  if (isObject(error)) failures.set(error, failure);
  else latest = { error, failure };
}

/** undefined for what no stream, and no work on a stream, has failed with */
export function failureOf(error: unknown): Failure | undefined {
  if (isObject(error)) return failures.get(error);
  return latest?.error === error ? latest?.failure : undefined;
}

/** Notes that these streams have ended with this error, and who may have asked them to stop. */
export function failStreams(error: unknown, histories: Iterable<StreamHistory>): readonly FailedStream[] {
  return [...histories].map((history) => {
    history.failed(error);
    return { history, stops: [...history.stops] };
  });
}

function isObject(value: unknown): value is object {
  return Object(value) === value;
}
