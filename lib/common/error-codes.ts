/**
 * Every error code of this library: whether a retry can succeed, and the remedy.
 *
 * The keys are the stable `code`s of {@link ReplicationError}. A remedy that is given where an error is created takes precedence:
 * inline, or in the tables for SQLSTATEs (`commands/sqlstates.ts`, `commands/server-errors.ts`), for SQLSTATEs of publication
 * commands (`commands/publication-commands.ts`), and for TLS (`net/tls-errors.ts`).
 *
 * @example
 * console.log(ERRORS.SLOT_ACTIVE.retryable, ERRORS.SLOT_ACTIVE.remedy);
 */
export const ERRORS = {
  CONFIG_INVALID: { retryable: false, remedy: 'The message names the option and the values that it accepts.' },
  ALREADY_SUBSCRIBED: {
    retryable: false,
    remedy:
      'A slot supports one stream at a time: add share() after the source, or subscribe after the first subscription has ended.',
  },

  HOST_UNKNOWN: { retryable: true, remedy: 'Check the host name and that DNS resolves it.' },
  HOST_UNREACHABLE: {
    retryable: true,
    remedy: 'Check the route and the firewall between this machine and the server.',
  },
  CONNECTION_REFUSED: {
    retryable: true,
    remedy: 'Check host and port, that PostgreSQL is running, and its listen_addresses.',
  },
  CONNECTION_LOST: {
    retryable: true,
    remedy:
      "Add reconnect() at the end of the pipe to subscribe again. The server's log tells whether the server closed the connection.",
  },
  CONNECT_TIMEOUT: {
    retryable: true,
    remedy: 'Check that a PostgreSQL server listens at this address, or raise connectTimeout.',
  },
  CLOSE_TIMEOUT: {
    retryable: true,
    remedy:
      'The server may not have received the last confirmation and may send those changes again. Raise closeTimeout.',
  },
  LIVENESS_TIMEOUT: {
    retryable: true,
    remedy:
      'The server or the network stopped responding: add reconnect() at the end of the pipe to subscribe again, or raise livenessTimeout.',
  },
  TLS_REFUSED: {
    retryable: false,
    remedy:
      "Turn on ssl in the server's postgresql.conf. If it is on, check for a proxy or an attacker that removes TLS.",
  },
  TLS_FAILED: { retryable: false, remedy: "Check the server's certificate and sslrootcert (ca in connection.ssl)." },

  SESSION_ATTRS_MISMATCH: {
    retryable: true,
    remedy: 'Correct target_session_attrs, or wait until a server meets it.',
  },
  NO_SUITABLE_HOST: {
    retryable: true,
    remedy: 'Check the hosts of the connection and target_session_attrs.',
  },
  CREDENTIAL_UNAVAILABLE: {
    retryable: true,
    remedy: 'See the cause: it is the error that your function threw.',
  },
  CHECKPOINT_UNAVAILABLE: {
    retryable: true,
    remedy: 'Find out why your startLsn function is slow, or raise connectTimeout.',
  },

  AUTHENTICATION_FAILED: { retryable: false, remedy: 'Check user, password and the pg_hba.conf line that applies.' },
  AUTHENTICATION_UNSUPPORTED: {
    retryable: false,
    remedy: 'Use scram-sha-256, oauth, md5, password or trust in pg_hba.conf for this user.',
  },
  AUTHENTICATION_REFUSED: {
    retryable: false,
    remedy:
      'The client refuses the authentication method of the server as too weak: connect with TLS, use scram-sha-256 in pg_hba.conf, or name the method in require_auth.',
  },
  SERVER_VERIFICATION_FAILED: {
    retryable: false,
    remedy: 'The server did not prove that it knows the password: check that the address is that of your server.',
  },
  HBA_REFUSED: {
    retryable: false,
    remedy:
      'Add a pg_hba.conf line for this user, database and address (the "replication" keyword does not cover it); or set the sslmode or sslcert that the line requires.',
  },
  PRIVILEGE_MISSING: {
    retryable: false,
    remedy: 'As a superuser, run ALTER ROLE … REPLICATION, and grant the privilege that the message names.',
  },
  DATABASE_MISSING: { retryable: false, remedy: 'Check the database name in the connection.' },
  SETTING_NOT_APPLIED: {
    retryable: false,
    remedy: 'Connect to the server directly, or through a proxy or pooler that forwards SET.',
  },
  UNSUPPORTED: { retryable: false, remedy: 'Remove the option, or use a newer server.' },

  WAL_LEVEL: { retryable: false, remedy: 'Set wal_level = logical in postgresql.conf and restart the server.' },
  TOO_MANY_CONNECTIONS: {
    retryable: true,
    remedy:
      'Raise max_wal_senders or max_connections, or close other connections; reconnect() retries until one is free.',
  },
  TOO_MANY_SLOTS: { retryable: false, remedy: 'Drop unused slots, or raise max_replication_slots.' },
  SERVER_SHUTDOWN: {
    retryable: true,
    remedy:
      'The server is stopping or starting, or an administrator terminated the connection: add reconnect() at the end of the pipe to subscribe again.',
  },
  SERVER_RESOURCES: {
    retryable: true,
    remedy:
      'The server lacks the resource that the message names: free disk space or memory, or raise the limit; reconnect() retries until the server has enough.',
  },
  CANCELLED: {
    retryable: true,
    remedy:
      'A user or a timeout cancelled the command on the server: add reconnect() at the end of the pipe to subscribe again.',
  },
  TRANSACTION_ROLLED_BACK: {
    retryable: true,
    remedy:
      'The command conflicted with other transactions on the server: add reconnect() at the end of the pipe to retry.',
  },

  SLOT_MISSING: { retryable: false, remedy: 'Create the slot first (createSlot, or ensureSlot: true).' },
  SLOT_EXISTS: { retryable: false, remedy: 'Use the existing slot, or drop it first.' },
  SLOT_ACTIVE: {
    retryable: true,
    remedy:
      'Another connection streams from this slot: stop it, or use reconnect() to wait until the server releases the slot.',
  },
  SLOT_INCOMPATIBLE: {
    retryable: false,
    remedy: 'Use a logical slot of this database, created with the configured output plugin.',
  },
  TRANSACTION_PREPARED: {
    retryable: true,
    remedy:
      'Commit or roll back the prepared transactions (see pg_prepared_xacts); otherwise the server would send their changes twice, or not at all.',
  },
  SLOT_INVALIDATED: {
    retryable: false,
    remedy:
      'The server invalidated the slot (see wal_status in pg_replication_slots): drop and create the slot, then copy the data again.',
  },
  COPY_INTERRUPTED: {
    retryable: true,
    remedy: 'Subscribe again, as reconnect() does: the copy begins again.',
  },
  TABLE_CHANGED: {
    retryable: true,
    remedy: 'Subscribe again, as reconnect() does: the copy begins again, with a new snapshot.',
  },
  SLOT_LOST: {
    retryable: false,
    remedy: 'Changes are missing: clear the stored position, if any, create the slot and copy the data again.',
  },
  SLOT_MOVED: {
    retryable: false,
    remedy: 'Another client advanced the slot, so changes are missing: find that client and copy the data again.',
  },
  SLOT_AHEAD: {
    retryable: false,
    remedy:
      'Another consumer confirmed the changes between the two positions, or the slot was created again. Clear the stored position and copy the data again; or clear only the position, to skip these changes.',
  },
  CHECKPOINT_MISMATCH: {
    retryable: false,
    remedy: 'Use the server and the slot for which the position was stored, or copy the data again.',
  },
  PUBLICATION_MISSING: {
    retryable: false,
    remedy:
      'Run CREATE PUBLICATION … FOR TABLE … before you create the slot: the server decodes each change with the catalog of that time.',
  },
  COLUMN_LISTS_DIFFER: {
    retryable: false,
    remedy:
      'Publish the same columns of a table (column list, publish_generated_columns) in all publications of the stream, or use only one of them. The server decodes earlier changes with the earlier publications.',
  },
  OUTPUT_PLUGIN_REFUSED: {
    retryable: false,
    remedy: 'As an administrator, add the plugin to output_plugin_libraries and run pg_reload_conf(); or use pgoutput.',
  },
  PUBLICATION_EXISTS: { retryable: false, remedy: 'Use the existing publication, alter it, or drop it first.' },
  SCHEMA_DRIFT: {
    retryable: false,
    remedy:
      'Correct expectTables and the code that reads the table. The server sends the unconfirmed changes again, with the same columns.',
  },
  WAL_REMOVED: {
    retryable: true,
    retries: 3,
    remedy: "The server could not find WAL that the slot needs: see the server's log.",
  },

  ACK_TOO_LATE: {
    // A retry would end the stream too early again.
    retryable: false,
    remedy:
      'The server sends the change again. End the stream with stopOn or stopAtLsn, and place take(), reconnect() and retry() after ackAfter.',
  },
  ACK_TIMEOUT: {
    retryable: false,
    remedy: 'Find the delivery that your code does not acknowledge, or raise ackTimeout.',
  },
  SPOOL_FAILED: {
    retryable: true,
    remedy:
      'See the cause: free space in the temporary directory, or set another one (transactions({ spoolDirectory })).',
  },
  CHANGES_RELEASED: {
    retryable: false,
    remedy:
      'Read the changes of a large transaction before you acknowledge it and before the stream ends; copy those that you need later.',
  },
  RELATION_FORGOTTEN: {
    retryable: true,
    remedy: 'Subscribe again: the server then describes each table again.',
  },
  VALUE_DECODE_FAILED: {
    retryable: false,
    remedy: "Set onDecodeError: 'deliver' to receive the value's bytes and continue.",
  },
  LIMIT_EXCEEDED: {
    retryable: false,
    remedy: 'The data is valid but exceeds a limit of this library, which the message names.',
  },
  PROTOCOL_VIOLATION: {
    retryable: false,
    remedy:
      'Check that the address is that of a PostgreSQL server and that no proxy changes the data. Otherwise report a bug of this library.',
  },
  NOT_STREAMED: {
    retryable: false,
    remedy: 'Use a message that a stream delivered, or build one with rxjs-pg-replication/testing.',
  },
  SERVER_INTERNAL_ERROR: {
    retryable: true,
    retries: 3,
    remedy: "See the server's log. Some causes recur at each attempt, such as a row that is too large to send.",
  },
  SERVER_IO_ERROR: {
    retryable: true,
    retries: 3,
    remedy: "The server failed to read or write a file: see the server's log.",
  },
  UNKNOWN_SQLSTATE: {
    retryable: true,
    retries: 3,
    remedy:
      'PostgreSQL does not define this SQLSTATE: find the extension, function or pooler that sends it, and add a rule to the option errors.',
  },
  SERVER_ERROR: { retryable: false, remedy: "See the server's message and its log." },
} as const satisfies Record<string, ErrorKind>;

/** The properties of an error code. */
export interface ErrorKind {
  /** Whether the same subscription can succeed later with nothing changed. */
  readonly retryable: boolean;
  /** The remedy, in sentences. */
  readonly remedy: string;
  /** How many times `reconnect()` retries when the same error recurs at the same LSN. Default: no limit. */
  readonly retries?: number;
}

/** A stable error code; {@link ERRORS} has the remedy of each. */
export type ErrorCode = keyof typeof ERRORS;
