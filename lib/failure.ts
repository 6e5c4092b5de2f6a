import type { Lsn } from './lsn';

/** What is known of a stream when it fails. */
export interface Failure {
  /** How far it had confirmed, over all its subscriptions. */
  readonly confirmedLsn: Lsn;
  /** The server's wal_sender_timeout in ms, as far as it was asked; 0 for none. */
  readonly walSenderTimeout: number;
  /** Whether it was asked to stop: it has come to its end, though not to a good one, and nobody wants it back. */
  readonly stopAsked: boolean;
}

/**
 * Errors may be anybody's: what a work has thrown goes through as it is. So what belongs to them stands beside them.
 */
const failures = new WeakMap<object, Failure>();

export function noteFailure(error: unknown, failure: Failure): void {
  if (Object(error) === error) failures.set(error as object, failure);
}

/** undefined for what no stream, and no work on a stream, has failed with */
export function failureOf(error: unknown): Failure | undefined {
  return Object(error) === error ? failures.get(error as object) : undefined;
}
