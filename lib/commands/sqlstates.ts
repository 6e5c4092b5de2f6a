import type { ErrorCode } from '../common/error-codes';

/** The meaning of a server error for a replication client. */
export interface SqlStateMeaning {
  readonly code: ErrorCode;
  /** Replaces the remedy of the code. */
  readonly remedy?: string;
}

/*
 * The class of the SQLSTATE, its first two characters, determines whether another attempt can help. Some conditions are
 * exceptions from their class. Source: src/backend/utils/errcodes.txt. Messages are localized, so they are not examined.
 */

const OTHER_SQL =
  'Correct the function, trigger or view that the message names: the error is not in a statement of this library.';
const AUTHORIZATION: SqlStateMeaning = { code: 'AUTHENTICATION_FAILED' };
const WRONG_STATE: SqlStateMeaning = {
  code: 'SERVER_ERROR',
  remedy:
    'Bring the server, or the object that the message names, into the required state; see the message and its hint.',
};
const UNAVAILABLE: SqlStateMeaning = {
  code: 'SERVER_ERROR',
  remedy: 'Omit the option or feature that the message names: this server does not support it.',
};
/** The value is in the WAL, so the error occurs at each attempt. */
const VALUE: SqlStateMeaning = {
  code: 'SERVER_ERROR',
  remedy:
    'Correct the row filter, option or function that the message names. If the value itself is in the WAL, the server fails at it each time: pg_replication_slot_advance skips it, and its transaction is lost.',
};
const SYNTAX: SqlStateMeaning = {
  code: 'SERVER_ERROR',
  remedy:
    'Connect to PostgreSQL without a pooler: the server rejected a command of the replication protocol, which a pooler or another database may not support.',
};
const FOREIGN_SQL: SqlStateMeaning = { code: 'SERVER_ERROR', remedy: OTHER_SQL };
const RAISED: SqlStateMeaning = {
  code: 'SERVER_ERROR',
  remedy:
    'Correct the function that raised the error, for example of an event trigger on login. If another attempt can help, add a rule for it to the option errors.',
};

/** A timeout has ended the session. Another attempt can help. */
const SESSION_TIMEOUT: SqlStateMeaning = {
  code: 'CANCELLED',
  remedy:
    'Set the timeout that the message names to 0 for this role (ALTER ROLE … SET …). reconnect() subscribes again.',
};

const CLASSES: Readonly<Record<string, SqlStateMeaning>> = {
  // Connection Exception
  '08': { code: 'CONNECTION_LOST' },
  // Conditions that no statement of this library causes: triggers, locators, grantors, cursors, constraints …
  '03': SYNTAX,
  '09': FOREIGN_SQL,
  '0A': UNAVAILABLE,
  '0B': FOREIGN_SQL,
  '0F': FOREIGN_SQL,
  '0L': FOREIGN_SQL,
  '0P': FOREIGN_SQL,
  '0Z': FOREIGN_SQL,
  '10': FOREIGN_SQL,
  '20': FOREIGN_SQL,
  '21': FOREIGN_SQL,
  // Data Exception
  '22': VALUE,
  '23': FOREIGN_SQL,
  '24': FOREIGN_SQL,
  // Invalid Transaction State, for example on a read-only server.
  '25': WRONG_STATE,
  '26': SYNTAX,
  '27': FOREIGN_SQL,
  // Invalid Authorization Specification
  '28': AUTHORIZATION,
  '2B': FOREIGN_SQL,
  '2D': FOREIGN_SQL,
  '2F': RAISED,
  '34': FOREIGN_SQL,
  '38': RAISED,
  '39': RAISED,
  '3B': FOREIGN_SQL,
  // Invalid Catalog Name: a database.
  '3D': { code: 'DATABASE_MISSING' },
  '3F': FOREIGN_SQL,
  // Transaction Rollback, because of concurrent transactions: another attempt can help.
  '40': { code: 'TRANSACTION_ROLLED_BACK' },
  // Syntax Error or Access Rule Violation
  '42': SYNTAX,
  '44': FOREIGN_SQL,
  // Insufficient Resources: another attempt can help once other sessions have ended, or space is freed. The number of attempts
  // is not limited, because a slot without a consumer retains WAL on a disk that may already be full.
  '53': { code: 'SERVER_RESOURCES' },
  // Program Limit Exceeded: the limits are fixed, so another attempt does not help.
  '54': {
    code: 'SERVER_ERROR',
    remedy:
      'Stay below the fixed limit of the server that the message names. If the text of a row is too long, set binary: true, which halves the size of bytea.',
  },
  // Object Not In Prerequisite State
  '55': WRONG_STATE,
  // Operator Intervention: an administrator or a timeout has ended the command.
  '57': { code: 'CANCELLED' },
  // System Error: disks and files.
  '58': { code: 'SERVER_IO_ERROR' },
  // Snapshot Failure (until PostgreSQL 16): the query took too long. Another attempt can help.
  '72': { code: 'TRANSACTION_ROLLED_BACK' },
  // Configuration File Error
  F0: {
    code: 'SERVER_ERROR',
    remedy: 'Correct the configuration file of the server that the message names, and reload it.',
  },
  HV: FOREIGN_SQL,
  P0: RAISED,
  // Internal Error
  XX: { code: 'SERVER_INTERNAL_ERROR' },
};

/** Exceptions from a class. */
const MEANINGS_BY_SQLSTATE: Readonly<Record<string, SqlStateMeaning>> = {
  // A server reports a protocol violation of the client. Poolers use the code for many errors.
  '08P01': {
    code: 'SERVER_ERROR',
    remedy:
      'Connect to PostgreSQL without a pooler: the server, or a pooler before it, rejected a message of this client. If another attempt can help, add a rule for it to the option errors.',
  },
  '22023': { code: 'SERVER_ERROR', remedy: 'Correct the option or the value that the message names.' },
  '25006': {
    code: 'SERVER_ERROR',
    remedy: 'Connect to the primary (target_session_attrs=read-write); this server is read-only.',
  },
  // idle_in_transaction_session_timeout, transaction_timeout.
  '25P03': SESSION_TIMEOUT,
  '25P04': SESSION_TIMEOUT,
  '28000': { code: 'HBA_REFUSED' },
  '28P01': { code: 'AUTHENTICATION_FAILED' },
  '42501': { code: 'PRIVILEGE_MISSING' },
  '42704': { code: 'SLOT_MISSING' },
  '42710': { code: 'SLOT_EXISTS' },
  '53300': { code: 'TOO_MANY_CONNECTIONS' },
  // Configuration limit exceeded, for example max_replication_slots: slots are not removed automatically.
  '53400': { code: 'TOO_MANY_SLOTS' },
  '55006': { code: 'SLOT_ACTIVE' },
  // lock_timeout.
  '55P03': {
    code: 'CANCELLED',
    remedy: 'Find the session that holds the lock in pg_locks, and end it. reconnect() subscribes again.',
  },
  '57P01': { code: 'SERVER_SHUTDOWN' },
  '57P02': { code: 'SERVER_SHUTDOWN' },
  '57P03': { code: 'SERVER_SHUTDOWN' },
  // The database was dropped, and its slots with it.
  '57P04': { code: 'DATABASE_MISSING' },
  // idle_session_timeout.
  '57P05': SESSION_TIMEOUT,
  '58P01': { code: 'WAL_REMOVED' },
  XX001: {
    code: 'SERVER_INTERNAL_ERROR',
    remedy: "The server's data is corrupted. See the server's log, and check its disks and memory first.",
  },
  XX002: {
    code: 'SERVER_INTERNAL_ERROR',
    remedy:
      "An index of the server is corrupted. See the server's log, and run REINDEX for the index that the message names.",
  },
};

const BY_CLASS: ReadonlyMap<string, SqlStateMeaning> = new Map(Object.entries(CLASSES));
const BY_CONDITION: ReadonlyMap<string, SqlStateMeaning> = new Map(Object.entries(MEANINGS_BY_SQLSTATE));

/**
 * A class that PostgreSQL does not define: of an extension, of RAISE … USING ERRCODE, of a pooler, or of a newer server.
 * Whether another attempt can help is not known, so a few attempts are made.
 */
const UNKNOWN: SqlStateMeaning = { code: 'UNKNOWN_SQLSTATE' };

/** Returns the meaning of an SQLSTATE without its context. */
export function getSqlStateMeaning(sqlState: string): SqlStateMeaning {
  const known = BY_CONDITION.get(sqlState);
  if (known || !/^[0-9A-Z]{5}$/.test(sqlState)) return known ?? UNKNOWN;
  return BY_CLASS.get(sqlState.slice(0, 2)) ?? UNKNOWN;
}
