import { ServerError, type ReplicationErrorOptions, type ServerFields } from '../common/errors';
import { getSqlStateMeaning, type SqlStateMeaning } from './sqlstates';

const AUTHENTICATION_FAILED: SqlStateMeaning = { code: 'AUTHENTICATION_FAILED' };
const SLOT_INVALIDATED: SqlStateMeaning = { code: 'SLOT_INVALIDATED' };
const COLUMN_LISTS_DIFFER: SqlStateMeaning = { code: 'COLUMN_LISTS_DIFFER' };
/** On a standby, recovery cancels conflicting sessions. If it has invalidated the slot, the next attempt reports that. */
const RECOVERY_CONFLICT: SqlStateMeaning = { code: 'CANCELLED' };
const TLS_PROXY: SqlStateMeaning = {
  code: 'SERVER_VERIFICATION_FAILED',
  remedy:
    'Connect to the server directly: a proxy or an attacker terminates the TLS connection. Set channel_binding=disable if it is your proxy.',
};
const OPTIONS: SqlStateMeaning = {
  code: 'SERVER_ERROR',
  remedy: 'Correct the setting in the options of the connection.',
};
const SUPERUSER_OPTIONS: SqlStateMeaning = {
  code: 'PRIVILEGE_MISSING',
  remedy: 'Remove the setting from the options of the connection, or run GRANT SET ON PARAMETER … as a superuser.',
};
/** The server sends a value of a type without binary format as text, but fails if it is within an array or a composite. */
const NO_BINARY: SqlStateMeaning = {
  code: 'SERVER_ERROR',
  remedy: 'Subscribe without binary, or exclude columns of the type from the publication.',
};

/** Meanings by C function of the server and SQLSTATE, for SQLSTATEs that several kinds of failures have. */
const BY_ROUTINE: ReadonlyMap<string, SqlStateMeaning> = new Map<string, SqlStateMeaning>([
  ['CheckLogicalDecodingRequirements 55000', { code: 'WAL_LEVEL' }],
  // A standby, before PostgreSQL 16.
  ['CheckLogicalDecodingRequirements 0A000', { code: 'UNSUPPORTED' }],
  // max_replication_slots = 0
  ['CheckSlotRequirements 55000', { code: 'TOO_MANY_SLOTS' }],
  // An invalidated slot, on 14 and 15, on 16 and 17, and from 18 on. The other checks of CreateDecodingContext (a physical slot, a
  // slot of another database) are done before START_REPLICATION.
  ['StartLogicalReplication 55000', SLOT_INVALIDATED],
  ['CreateDecodingContext 55000', SLOT_INVALIDATED],
  ['ReplicationSlotAcquire 55000', SLOT_INVALIDATED],
  ['get_publication_oid 42704', { code: 'PUBLICATION_MISSING' }],
  // Publications with different columns of a table; check_and_init_gencol from 18 on.
  ['pgoutput_column_list_init 0A000', COLUMN_LISTS_DIFFER],
  ['check_and_init_gencol 0A000', COLUMN_LISTS_DIFFER],
  // The role does not exist, or has no attribute LOGIN.
  ['InitializeSessionUserId 28000', AUTHENTICATION_FAILED],
  // A line of pg_hba.conf matches, but authentication failed; for example, a certificate is of another user.
  ['auth_failed 28000', AUTHENTICATION_FAILED],
  // Channel binding of SCRAM: the server's certificate, or its mechanisms, differ from those that the client received.
  ['read_client_first_message 28000', TLS_PROXY],
  ['read_client_final_message 28000', TLS_PROXY],
  // On a standby, until 16, on 17 and 18, and from 19 on.
  ['ProcessInterrupts 40001', RECOVERY_CONFLICT],
  ['ProcessInterrupts 40P01', RECOVERY_CONFLICT],
  ['ProcessRecoveryConflictInterrupt 40001', RECOVERY_CONFLICT],
  ['ProcessRecoveryConflictInterrupt 40P01', RECOVERY_CONFLICT],
  ['report_recovery_conflict 40001', RECOVERY_CONFLICT],
  ['report_recovery_conflict 40P01', RECOVERY_CONFLICT],
  // More transactions were open than a snapshot can have.
  [
    'SnapBuildInitialSnapshot 40001',
    {
      code: 'TRANSACTION_ROLLED_BACK',
      remedy: 'Create the slot while fewer transactions and savepoints are open.',
    },
  ],
  // From the minor releases of August 2026 on, superusers included. Source: logical.c.
  ['StartupDecodingContext 42501', { code: 'OUTPUT_PLUGIN_REFUSED' }],
  [
    'CheckMyDatabase 42501',
    {
      code: 'PRIVILEGE_MISSING',
      remedy: 'Run GRANT CONNECT ON DATABASE … TO this role, as the owner of the database.',
    },
  ],
  // On 14, on 15, and from 16 on.
  ['set_config_option 42501', SUPERUSER_OPTIONS],
  ['set_config_option_ext 42501', SUPERUSER_OPTIONS],
  ['set_config_with_handle 42501', SUPERUSER_OPTIONS],
  // Until 16 and from 17 on.
  ['find_option 42704', OPTIONS],
  ['assignable_custom_variable_name 42704', OPTIONS],
  // There is no such output plugin.
  [
    'internal_load_library 58P01',
    {
      code: 'SERVER_ERROR',
      remedy: "Install the output plugin's library on the server, or correct its name. PostgreSQL includes pgoutput.",
    },
  ],
  // The functions that look up the binary format of an element, of an attribute, and of a range's bounds.
  ['array_send 42883', NO_BINARY],
  ['getTypeBinaryOutputInfo 42883', NO_BINARY],
  ['get_range_io_data 42883', NO_BINARY],
]);

/** SQLSTATEs whose meaning is different if the C function does not match. */
const BY_ROUTINES: Readonly<Record<string, { readonly routines: RegExp; readonly otherwise: SqlStateMeaning }>> = {
  '42501': {
    routines: /^(?:CheckSlotPermissions|check_permissions|InitPostgres)$/,
    otherwise: {
      code: 'PRIVILEGE_MISSING',
      // The server uses the same SQLSTATE for a file that its operating system user may not open.
      remedy:
        'Grant this role the privilege that the message names. If it names a file, make it accessible to the user that runs the server.',
    },
  },
  '42704': {
    routines: /slot/i,
    otherwise: { code: 'SERVER_ERROR', remedy: 'Create the object that the message names, or do not refer to it.' },
  },
  '42710': {
    routines: /slot/i,
    otherwise: { code: 'SERVER_ERROR', remedy: 'Drop the object that the message names, or use the existing one.' },
  },
  // temp_file_limit, and other limits that are exceeded temporarily.
  '53400': { routines: /slot/i, otherwise: { code: 'SERVER_RESOURCES' } },
  // Files of spilled transactions, snapshots and tables.
  '58P01': { routines: /wal|xlog|timeline/i, otherwise: { code: 'SERVER_IO_ERROR' } },
};

function getMeaning({ sqlState, routine, hint }: ServerFields): SqlStateMeaning {
  const known = routine === undefined ? undefined : BY_ROUTINE.get(`${routine} ${sqlState}`);
  if (known) return known;
  // The hint has the name of the setting in every language. The C function may differ in other versions.
  if (sqlState === '42501' && hint?.includes('output_plugin_libraries')) return { code: 'OUTPUT_PLUGIN_REFUSED' };
  const split = routine !== undefined && Object.hasOwn(BY_ROUTINES, sqlState) ? BY_ROUTINES[sqlState] : undefined;
  return split && !split.routines.test(routine ?? '') ? split.otherwise : getSqlStateMeaning(sqlState);
}

/** Converts an ErrorResponse into an error with a code and a remedy. */
export function toServerError(fields: ServerFields, options?: ReplicationErrorOptions): ServerError {
  const { code, remedy } = getMeaning(fields);
  return new ServerError(code, fields, { remedy, ...options });
}

const VALUE_REFUSED =
  'Move the slot past the transaction that the context names (pg_replication_slot_advance), and copy its rows again. The server cannot send one of its values, and fails at each attempt.';
const VALUE_TOO_LONG =
  'Subscribe with binary: true, which halves the size of bytea; or move the slot past the transaction (pg_replication_slot_advance), and copy its rows again. The server cannot send a row whose text exceeds 1 GB.';

/** The C functions that fail to allocate a message for a row that is too long. */
const ALLOCATING = /^(?:enlargeStringInfo|repalloc|palloc|MemoryContext|AllocSet)/;

/**
 * Converts an ErrorResponse during the stream. A data exception (class 22), or an error about the size of an allocation, is
 * caused by a value of the stream.
 */
export function toStreamError(fields: ServerFields): ServerError {
  const { sqlState, routine = '' } = fields;
  if (sqlState.startsWith('22')) return toServerError(fields, { remedy: VALUE_REFUSED });
  const isTooLong = (sqlState === '54000' || sqlState === 'XX000') && ALLOCATING.test(routine);
  return toServerError(fields, isTooLong ? { remedy: VALUE_TOO_LONG } : undefined);
}

/**
 * Converts the warning about a missing publication. From PostgreSQL 18 on, the server continues without the publication and
 * skips its rows. Later keepalives have positions after the skipped rows, so nothing may be confirmed after this warning.
 */
export function toSkippedPublicationError(fields: ServerFields): ServerError | undefined {
  if (fields.sqlState !== '55000' || fields.routine !== 'LoadPublications') return undefined;
  return new ServerError('PUBLICATION_MISSING', fields, {
    remedy:
      'Create a new slot and copy the data again: the server has skipped rows, and nothing after them is confirmed.',
  });
}
