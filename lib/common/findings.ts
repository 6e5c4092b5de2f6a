import type { ErrorCode } from './error-codes';

/** What can be found besides the errors that a stream would end with: how bad it is, and what to do about it. */
export const FINDINGS = {
  IDENTITY_MISSING: {
    severity: 'error',
    remedy: 'Add a primary key, or run ALTER TABLE … REPLICA IDENTITY; or publish inserts and truncates only.',
  },
  IDENTITY_NOT_PUBLISHED: {
    severity: 'error',
    remedy: 'Publish all columns of the replica identity; where that is FULL, all columns there are.',
  },
  FILTER_BEYOND_IDENTITY: {
    severity: 'error',
    remedy: 'Filter by columns of the replica identity only, or run ALTER TABLE … REPLICA IDENTITY FULL.',
  },
  FILTER_OMITS_TOAST: {
    severity: 'warning',
    remedy:
      'Run ALTER TABLE … REPLICA IDENTITY FULL, which publishing a list of columns does not allow; or read the columns that an insert names in unchanged from the table.',
  },
  PUBLICATION_EMPTY: { severity: 'warning', remedy: 'Add tables to it, or nothing will come.' },
  PUBLICATION_YOUNGER: {
    severity: 'warning',
    remedy:
      'Whether it is could not be told within two seconds. If the stream ends with PUBLICATION_MISSING, make a new slot and copy the data anew.',
  },
  TABLE_UNLOGGED: {
    severity: 'warning',
    remedy: 'Their changes do not come: run ALTER TABLE … SET LOGGED where they should.',
  },
  SLOT_BEHIND: {
    severity: 'warning',
    remedy: 'Start the stream soon, or raise max_slot_wal_keep_size: a slot that is too far behind is given up.',
  },
  SLOT_IDLE_TIMEOUT: {
    severity: 'warning',
    remedy: 'Raise idle_replication_slot_timeout above the longest time that nobody may be streaming.',
  },
  WAL_SENDER_TIMEOUT: {
    severity: 'warning',
    remedy: 'Set wal_sender_timeout to between 5 and 60 seconds.',
  },
  TRANSACTION_OPEN: {
    severity: 'warning',
    remedy: 'Making the slot waits until they have ended: end them, or be patient.',
  },
  PREPARED_OPEN: {
    severity: 'warning',
    remedy: 'Making the slot waits until they have ended: commit or roll back what is prepared.',
  },
} as const satisfies Record<string, { severity: PreflightFinding['severity']; remedy: string }>;

/** Where a stream would fail, the code of its error; otherwise a name of its own. */
export type PreflightCode = ErrorCode | keyof typeof FINDINGS;

/** Something that is wrong with a server, for a stream. */
export interface PreflightFinding {
  /** The stable name of what is wrong. */
  readonly code: PreflightCode;
  /** `error`: the stream fails, or changes on the server do. `warning`: it may do otherwise than expected. */
  readonly severity: 'error' | 'warning';
  /** What was found, in a sentence. */
  readonly message: string;
  /** What to do about it, in a sentence. */
  readonly remedy: string;
}
