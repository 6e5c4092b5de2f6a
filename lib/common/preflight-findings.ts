import type { ErrorCode } from './error-codes';

/** The findings of preflight that are not error codes of a stream: severity and remedy. */
export const FINDINGS = {
  REPLICA_IDENTITY_MISSING: {
    severity: 'error',
    remedy: 'Add a primary key, or run ALTER TABLE … REPLICA IDENTITY; or publish inserts and truncates only.',
  },
  REPLICA_IDENTITY_NOT_PUBLISHED: {
    severity: 'error',
    remedy: 'Publish all columns of the replica identity; with REPLICA IDENTITY FULL, all columns of the table.',
  },
  ROW_FILTER_NOT_IN_REPLICA_IDENTITY: {
    severity: 'error',
    remedy: 'Filter by columns of the replica identity only, or run ALTER TABLE … REPLICA IDENTITY FULL.',
  },
  ROW_FILTER_OMITS_TOAST: {
    severity: 'warning',
    remedy:
      'Run ALTER TABLE … REPLICA IDENTITY FULL, which a column list does not allow; or query the table for the columns that an insert lists in unchanged.',
  },
  PUBLICATION_EMPTY: {
    severity: 'warning',
    remedy: 'Add tables to the publication; otherwise the stream delivers no changes.',
  },
  PUBLICATION_AGE_UNCERTAIN: {
    severity: 'warning',
    remedy:
      'The check did not finish within two seconds. If the stream ends with PUBLICATION_MISSING, create a new slot and copy the data again.',
  },
  TABLE_UNLOGGED: {
    severity: 'warning',
    remedy: 'To replicate such a table, run ALTER TABLE … SET LOGGED.',
  },
  SLOT_BEHIND: {
    severity: 'warning',
    remedy:
      'Start the stream soon, or raise max_slot_wal_keep_size: the server invalidates a slot that is too far behind.',
  },
  SLOT_IDLE_TIMEOUT: {
    severity: 'warning',
    remedy: 'Raise idle_replication_slot_timeout above the longest time without a stream.',
  },
  WAL_SENDER_TIMEOUT: {
    severity: 'warning',
    remedy: 'Set wal_sender_timeout to between 5 and 60 seconds.',
  },
  TRANSACTION_OPEN: {
    severity: 'warning',
    remedy: 'Creating the slot waits until these transactions end: end them, or wait.',
  },
  PREPARED_TRANSACTION_OPEN: {
    severity: 'warning',
    remedy: 'Creating the slot waits until these transactions end: commit or roll back the prepared transactions.',
  },
} as const satisfies Record<string, { severity: PreflightFinding['severity']; remedy: string }>;

/** The code of the error that a stream would end with, or a code that only preflight uses. */
export type PreflightCode = ErrorCode | keyof typeof FINDINGS;

/** A problem that `preflight` found on a server. */
export interface PreflightFinding {
  /** The stable code of the problem. */
  readonly code: PreflightCode;
  /** `error`: the stream, or a change on the server, fails. `warning`: the stream may behave unexpectedly. */
  readonly severity: 'error' | 'warning';
  /** The problem, in a sentence. */
  readonly message: string;
  /** The remedy, in sentences. */
  readonly remedy: string;
}
