import type { Lsn } from './lsn';

/** What is known of a stream when it fails. */
export interface Failure {
  /** The slot that it read, as several streams may stand above one operator. */
  readonly slot: string;
  /** How far it had confirmed, over all its subscriptions. */
  readonly confirmedLsn: Lsn;
  /** The server's wal_sender_timeout in ms, as far as it was asked; 0 for none. */
  readonly walSenderTimeout: number;
  /** Whether it was asked to stop: it has come to its end, though not to a good one, and nobody wants it back. */
  readonly stopAsked: boolean;
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

function isObject(value: unknown): value is object {
  return Object(value) === value;
}
