import type { Lsn } from '../common/lsn';
import type { FailedStream, StreamHistory } from './stream-history';

/** A transaction whose work failed. */
export interface FailedTransaction {
  /** Its id, as in `pg_xact` and in logs; undefined if the message does not contain it, as with another output plugin. */
  readonly xid: number | undefined;
  /**
   * Where its commit record starts, or the prepare record of a prepared transaction; undefined for a streamed change, as it
   * is not known yet.
   */
  readonly commitLsn: Lsn | undefined;
  /**
   * The tables of the changes, as in `change.table`. Those of a transaction that was streamed in blocks include tables of
   * which all changes were rolled back.
   */
  readonly tables: readonly string[];
}

/** Describes the failure of a stream, or of work on it, for operators. */
export interface Failure {
  /** Its slot: several streams may be merged above an operator. */
  readonly slot: string;
  /** The LSN that all its subscriptions together have confirmed. */
  readonly confirmedLsn: Lsn;
  /** The server's wal_sender_timeout in ms; 0 for none, or where it is not known. */
  readonly walSenderTimeout: number;
  /** Whether the stream itself has failed, rather than the work or an operator after it. */
  readonly byStream: boolean;
  /** The input of the failed work; several transactions if the input is an array. */
  readonly transactions?: readonly FailedTransaction[] | undefined;
  /** The streams that have ended: several may be merged. */
  readonly streams: readonly FailedStream[];
  /** Notifies `ackAfter` that no subscription will follow. */
  readonly giveUp?: () => void;
}

/** The key of the property in which an error carries its failure, so that both reach every operator together. */
const FAILURE = Symbol('failure');

/** The last error that cannot carry a property: work may throw text, or a frozen object. */
let lastBareError: { readonly error: unknown; readonly failure: Failure } | undefined;

/** Attaches a failure to its error, which may be of any class: what the work has thrown is passed on unchanged. */
export function attachFailure(error: unknown, failure: Failure): void {
  const property = { value: failure, configurable: true, writable: true };
  if (!isObject(error) || !Reflect.defineProperty(error, FAILURE, property)) lastBareError = { error, failure };
}

/** @returns undefined for an error of neither a stream nor work on a stream */
export function getFailure(error: unknown): Failure | undefined {
  if (lastBareError?.error === error) return lastBareError?.failure;
  return hasFailure(error) ? error[FAILURE] : undefined;
}

/** Records in the histories of streams that they have ended with this error. */
export function markFailed(error: unknown, histories: Iterable<StreamHistory>): readonly FailedStream[] {
  return [...histories].map((history) => {
    history.failed(error);
    return { history, stops: [...history.stops] };
  });
}

function hasFailure(error: unknown): error is { readonly [FAILURE]: Failure } {
  return isObject(error) && Object.hasOwn(error, FAILURE);
}

function isObject(value: unknown): value is object {
  return Object(value) === value;
}
