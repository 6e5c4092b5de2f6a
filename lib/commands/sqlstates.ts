import type { ErrorCode } from '../common/error-codes';

/** The meaning of a server error for a replication client. */
export interface SqlStateMeaning {
  readonly code: ErrorCode;
  /** Replaces the remedy of the code. */
  readonly remedy?: string;
}

/*
 * The class of the SQLSTATE, its first two characters, determines whether another attempt can help. Some conditions are
 * exceptions from their class. Source: src/backend/utils/errcodes.txt. Messages are localised, so they are not examined.
 */

const NOT_OURS =
  'See the message: the SQL that this is about is not of this library, but of a function, a trigger or a view.';
const AUTHORIZATION: SqlStateMeaning = { code: 'AUTHENTICATION_FAILED' };
const WRONG_STATE: SqlStateMeaning = {
  code: 'SERVER_ERROR',
  remedy: 'The server, or what the message names, is not in a state for this: see its message and its hint.',
};
const UNAVAILABLE: SqlStateMeaning = {
  code: 'SERVER_ERROR',
  remedy: 'This server, of its version or in its state, does not do that: see its message, and leave that out.',
};
/** The value is in the WAL, so the error occurs at each attempt. */
const VALUE: SqlStateMeaning = {
  code: 'SERVER_ERROR',
  remedy:
    'The server fails at this value each time that it comes: correct what the message names, a row filter, an option or a function; what is in the WAL can only be passed (pg_replication_slot_advance), and is lost then.',
};
const SYNTAX: SqlStateMeaning = {
  code: 'SERVER_ERROR',
  remedy:
    'The server does not take this command: see its message; a pooler or a server that is not PostgreSQL may not know it.',
};
const SQL_OF_OTHERS: SqlStateMeaning = { code: 'SERVER_ERROR', remedy: NOT_OURS };
const RAISED: SqlStateMeaning = {
  code: 'SERVER_ERROR',
  remedy:
    'A function on the server has raised this, of a trigger on login or on a command, say: see its message, and say in the option errors whether it passes.',
};

/** A timeout has ended the session. Another attempt can help. */
const SESSION_TIMEOUT: SqlStateMeaning = {
  code: 'CANCELLED',
  remedy:
    'A time-out for sessions has ended this one: set it to 0 for this role (ALTER ROLE … SET …); reconnect() subscribes again.',
};

const CLASSES: Readonly<Record<string, SqlStateMeaning>> = {
  // Connection Exception
  '08': { code: 'CONNECTION_LOST' },
  // Conditions that no statement of this library causes: triggers, locators, grantors, cursors, constraints …
  '03': SYNTAX,
  '09': SQL_OF_OTHERS,
  '0A': UNAVAILABLE,
  '0B': SQL_OF_OTHERS,
  '0F': SQL_OF_OTHERS,
  '0L': SQL_OF_OTHERS,
  '0P': SQL_OF_OTHERS,
  '0Z': SQL_OF_OTHERS,
  '10': SQL_OF_OTHERS,
  '20': SQL_OF_OTHERS,
  '21': SQL_OF_OTHERS,
  // Data Exception
  '22': VALUE,
  '23': SQL_OF_OTHERS,
  '24': SQL_OF_OTHERS,
  // Invalid Transaction State: a read-only server, say.
  '25': WRONG_STATE,
  '26': SYNTAX,
  '27': SQL_OF_OTHERS,
  // Invalid Authorization Specification
  '28': AUTHORIZATION,
  '2B': SQL_OF_OTHERS,
  '2D': SQL_OF_OTHERS,
  '2F': RAISED,
  '34': SQL_OF_OTHERS,
  '38': RAISED,
  '39': RAISED,
  '3B': SQL_OF_OTHERS,
  // Invalid Catalog Name: a database.
  '3D': { code: 'DATABASE_MISSING' },
  '3F': SQL_OF_OTHERS,
  // Transaction Rollback: because of what others do at the same time, so it passes.
  '40': { code: 'TRANSACTION_ROLLED_BACK' },
  // Syntax Error or Access Rule Violation
  '42': SYNTAX,
  '44': SQL_OF_OTHERS,
  // Insufficient Resources: it passes when others have ended, or when somebody makes room. There is no limit to the attempts,
  // as nobody knows how long that takes, and a slot whose consumer has given up keeps WAL on a disk that may be full already.
  '53': { code: 'SERVER_RESOURCES' },
  // Program Limit Exceeded: the limits are fixed, so another attempt does not help.
  '54': {
    code: 'SERVER_ERROR',
    remedy:
      'A limit that is wired into the server is exceeded, each time: by a row whose text is too long (ask for binary: true, which halves bytea), or by the number or depth of what the message names.',
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
    remedy: "Correct the server's configuration file that the message names, and reload it.",
  },
  HV: SQL_OF_OTHERS,
  P0: RAISED,
  // Internal Error
  XX: { code: 'SERVER_INTERNAL_ERROR' },
};

/** Exceptions from a class. */
const CONDITIONS: Readonly<Record<string, SqlStateMeaning>> = {
  // A server reports a protocol violation of the client. Poolers use the code for many errors.
  '08P01': {
    code: 'SERVER_ERROR',
    remedy:
      'The server, or a pooler in between, does not take what this client says: see its message; where that passes, say so in the option errors.',
  },
  '22023': { code: 'SERVER_ERROR', remedy: 'Correct the option or the value that the message names.' },
  '25006': {
    code: 'SERVER_ERROR',
    remedy: 'Connect to the primary (target_session_attrs=read-write): this server is read-only.',
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
    remedy: 'Another session holds a lock for too long: see pg_locks; reconnect() tries again.',
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
    remedy: 'The server finds its data corrupted: see its log, and check its disks and memory before anything else.',
  },
  XX002: {
    code: 'SERVER_INTERNAL_ERROR',
    remedy: 'The server finds an index corrupted: see its log; REINDEX what the message names.',
  },
};

const BY_CLASS: ReadonlyMap<string, SqlStateMeaning> = new Map(Object.entries(CLASSES));
const BY_CONDITION: ReadonlyMap<string, SqlStateMeaning> = new Map(Object.entries(CONDITIONS));

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
