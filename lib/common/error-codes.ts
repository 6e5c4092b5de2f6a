/**
 * Every way in which this library fails: whether trying again can help, and what to do about it.
 *
 * The keys are the stable `code`s of {@link ReplicationError}.
 */
export const ERRORS = {
  CONFIG_INVALID: { retryable: false, remedy: 'Correct the option named in the message.' },
  ALREADY_SUBSCRIBED: {
    retryable: false,
    remedy: 'One slot feeds one stream: put share() behind the source, or subscribe after the first one has ended.',
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
      "Put reconnect() at the end of the pipe, which subscribes again; the server's log says whether it closed the connection.",
  },
  CONNECT_TIMEOUT: {
    retryable: true,
    remedy: 'Check that a PostgreSQL server answers there, or raise connectTimeout.',
  },
  CLOSE_TIMEOUT: {
    retryable: true,
    remedy: 'The last confirmation may not have arrived, so it may be delivered again; or raise closeTimeout.',
  },
  LIVENESS_TIMEOUT: {
    retryable: true,
    remedy:
      'The server or the network fell silent: put reconnect() at the end of the pipe, which subscribes again; or raise livenessTimeout.',
  },
  TLS_REFUSED: {
    retryable: false,
    remedy: "Turn on ssl in the server's postgresql.conf; where it is on, somebody in between takes it away.",
  },
  TLS_FAILED: { retryable: false, remedy: "Check the server's certificate and sslrootcert (ca in connection.ssl)." },

  SESSION_ATTRS_MISMATCH: {
    retryable: true,
    remedy: 'Correct target_session_attrs, or wait until a server there is what it asks for.',
  },
  NO_SUITABLE_HOST: {
    retryable: true,
    remedy: 'Check the hosts in the connection, and what target_session_attrs asks for.',
  },
  SECRET_UNAVAILABLE: {
    retryable: true,
    remedy: 'See the cause, which is what your function has thrown.',
  },
  CHECKPOINT_UNAVAILABLE: {
    retryable: true,
    remedy: 'Check what your startLsn function waits for, a query perhaps; or raise connectTimeout.',
  },

  AUTHENTICATION_FAILED: { retryable: false, remedy: 'Check user, password and the pg_hba.conf line that applies.' },
  AUTHENTICATION_UNSUPPORTED: {
    retryable: false,
    remedy: 'Use scram-sha-256, oauth, md5, password or trust in pg_hba.conf for this user.',
  },
  AUTHENTICATION_REFUSED: {
    retryable: false,
    remedy:
      'The server asks for a weaker proof than this client gives: connect with TLS, let pg_hba.conf ask for scram-sha-256, or name the method in require_auth.',
  },
  SERVER_VERIFICATION_FAILED: {
    retryable: false,
    remedy: 'The server could not prove that it knows the password; make sure that you are talking to the right one.',
  },
  HBA_REFUSED: {
    retryable: false,
    remedy:
      'Add a pg_hba.conf line for this user, database and address (the "replication" keyword does not cover it); or give the sslmode or the sslcert that the line asks for.',
  },
  PRIVILEGE_MISSING: {
    retryable: false,
    remedy: 'Let a superuser run ALTER ROLE … REPLICATION, and grant what the message names.',
  },
  DATABASE_MISSING: { retryable: false, remedy: 'Check the database name in the connection.' },
  SETTING_NOT_APPLIED: {
    retryable: false,
    remedy: 'Connect to the server itself, or through a proxy or pooler that passes SET on to it.',
  },
  UNSUPPORTED: { retryable: false, remedy: 'Leave the option out, or use a newer server.' },

  WAL_LEVEL: { retryable: false, remedy: 'Set wal_level = logical in postgresql.conf and restart the server.' },
  TOO_MANY_CONNECTIONS: {
    retryable: true,
    remedy: 'Raise max_wal_senders or max_connections, or close other clients; reconnect() waits for a place.',
  },
  TOO_MANY_SLOTS: { retryable: false, remedy: 'Drop slots that nobody needs, or raise max_replication_slots.' },
  SERVER_SHUTDOWN: {
    retryable: true,
    remedy:
      'The server is stopping or starting, or somebody ended this connection: put reconnect() at the end of the pipe, which subscribes again until it is up.',
  },
  SERVER_RESOURCES: {
    retryable: true,
    remedy:
      'The server is short of what the message names: make room on its disk, free memory, or raise the limit; reconnect() goes on once there is enough.',
  },
  CANCELLED: {
    retryable: true,
    remedy:
      'Somebody, or a time-out, cancelled this on the server: put reconnect() at the end of the pipe, which subscribes again.',
  },
  TRANSACTION_ROLLED_BACK: {
    retryable: true,
    remedy: 'Other transactions on the server were in the way, which passes: reconnect() tries again.',
  },

  SLOT_MISSING: { retryable: false, remedy: 'Create the slot first (createSlot, or ensureSlot: true).' },
  SLOT_EXISTS: { retryable: false, remedy: 'Drop the slot first, or use it as it is.' },
  SLOT_ACTIVE: {
    retryable: true,
    remedy:
      'Another connection streams from this slot: stop it, or let reconnect() wait until the server notices that it is gone.',
  },
  SLOT_INCOMPATIBLE: {
    retryable: false,
    remedy: 'Use a logical slot made in this database with the output plugin asked for.',
  },
  TRANSACTION_PREPARED: {
    retryable: true,
    remedy: 'Commit or roll back what is prepared (see pg_prepared_xacts), or it would be sent in halves.',
  },
  SLOT_INVALIDATED: {
    retryable: false,
    remedy:
      'The server gave the slot up (see wal_status in pg_replication_slots): drop it, create it and copy the data anew.',
  },
  SLOT_LOST: {
    retryable: false,
    remedy:
      'What it had kept for this stream is gone, so changes are missing: clear a position that you store, create the slot and copy the data anew.',
  },
  SLOT_MOVED: {
    retryable: false,
    remedy: 'Somebody else advanced the slot, so changes are missing: find the other consumer and copy the data anew.',
  },
  SLOT_AHEAD: {
    retryable: false,
    remedy:
      'What lies between would be skipped: another consumer has confirmed it, or the slot was made anew. Clear the stored position and copy the data anew; or clear it alone, to do without what lies between.',
  },
  CHECKPOINT_MISMATCH: {
    retryable: false,
    remedy: 'Connect to the server, and name the slot, that the position was stored for; else copy the data anew.',
  },
  PUBLICATION_MISSING: {
    retryable: false,
    remedy:
      'Run CREATE PUBLICATION … FOR TABLE …, before the slot is made: decoding looks at the catalog as it was at each change.',
  },
  COLUMN_LISTS_DIFFER: {
    retryable: false,
    remedy:
      'Publish the same columns of a table (column list, publish_generated_columns) in all publications that are read together, or read one of them only; what was written before is read as it was published then.',
  },
  OUTPUT_PLUGIN_REFUSED: {
    retryable: false,
    remedy:
      'Let the administrator add the plugin to output_plugin_libraries, beside those that stand there, and run pg_reload_conf(); or use pgoutput.',
  },
  PUBLICATION_EXISTS: { retryable: false, remedy: 'Use it as it is, alter it, or drop it first.' },
  SCHEMA_DRIFT: {
    retryable: false,
    remedy:
      'Correct expectTables and the code that reads the table: what is not confirmed comes again, in the form that it has now.',
  },
  WAL_REMOVED: {
    retryable: true,
    retries: 3,
    remedy: 'The server could not find WAL that the slot needs; look at its log.',
  },

  ACK_TOO_LATE: {
    // What ends a stream too early does so every time.
    retryable: false,
    remedy:
      'It will be delivered again. End the stream with stopOn or stopAtLsn, and put take(), reconnect() and retry() below ackAfter.',
  },
  ACK_TIMEOUT: { retryable: false, remedy: 'Find what never acknowledges, or raise ackTimeout.' },
  SPOOL_FAILED: {
    retryable: true,
    remedy: 'See the cause: make room in the temporary folder, or name another one (transactions({ spoolDirectory })).',
  },
  CHANGES_RELEASED: {
    retryable: false,
    remedy:
      'Read the changes of a large transaction before it is acknowledged and before its stream ends, and keep what you need of them.',
  },
  RELATION_FORGOTTEN: {
    retryable: true,
    remedy: 'Subscribe again: the server then describes each table anew.',
  },
  VALUE_DECODE_FAILED: {
    retryable: false,
    remedy: "Subscribe with onDecodeError: 'deliver', which delivers the value's bytes and goes on.",
  },
  LIMIT_EXCEEDED: {
    retryable: false,
    remedy: 'What the server sent is not at fault: the limit that the message names is of this library.',
  },
  PROTOCOL_VIOLATION: {
    retryable: false,
    remedy: 'Check that the address is a PostgreSQL server and that no proxy changes its bytes; else report it to us.',
  },
  NOT_STREAMED: { retryable: false, remedy: 'Take it from a delivery, or build one with rxjs-pg-replication/testing.' },
  SERVER_INTERNAL_ERROR: {
    retryable: true,
    retries: 3,
    remedy: "See the server's log; a row that is too large for it to send, say, comes again each time.",
  },
  SERVER_IO_ERROR: {
    retryable: true,
    retries: 3,
    remedy: 'A disk or a file fails the server: see its log.',
  },
  UNKNOWN_SQLSTATE: {
    retryable: true,
    retries: 3,
    remedy:
      'PostgreSQL itself has no such SQLSTATE: find out which extension, function or pooler says that, and name it in the option errors.',
  },
  SERVER_ERROR: { retryable: false, remedy: "See the server's message and its log." },
} as const satisfies Record<string, ErrorKind>;

/** What is known of a kind of failure. */
export interface ErrorKind {
  readonly retryable: boolean;
  readonly remedy: string;
  /** How often it makes sense to try again while the same failure comes at the same place; otherwise there is no limit. */
  readonly retries?: number;
}

/** The stable name of a failure; {@link ERRORS} has the remedy of each. */
export type ErrorCode = keyof typeof ERRORS;
