import type { ErrorCode } from '../error-codes';
import { ServerError, type ReplicationErrorOptions, type ServerFields } from '../errors';

/** What an SQLSTATE means here. Source: manual, "PostgreSQL Error Codes"; messages are localised and not looked at. */
const BY_SQLSTATE: ReadonlyMap<string, ErrorCode> = new Map(
  Object.entries<ErrorCode>({
    '28000': 'HBA_REFUSED',
    '28P01': 'AUTHENTICATION_FAILED',
    '3D000': 'DATABASE_MISSING',
    // On a standby, recovery ends what is in its way: a slot that it has to give up, too, which the next look finds out.
    '40001': 'CANCELLED',
    '40P01': 'CANCELLED',
    '42501': 'PRIVILEGE_MISSING',
    '42704': 'SLOT_MISSING',
    '42710': 'SLOT_EXISTS',
    '53300': 'TOO_MANY_CONNECTIONS',
    '53400': 'TOO_MANY_SLOTS',
    '55006': 'SLOT_ACTIVE',
    '57014': 'CANCELLED',
    '57P01': 'SERVER_SHUTDOWN',
    '57P02': 'SERVER_SHUTDOWN',
    '57P03': 'SERVER_SHUTDOWN',
    '58P01': 'WAL_REMOVED',
    XX000: 'SERVER_INTERNAL_ERROR',
  }),
);

/** Where one SQLSTATE stands for several failures, the server's C function that raised it tells them apart. */
const BY_ROUTINE: Readonly<Record<string, ErrorCode>> = {
  'CheckLogicalDecodingRequirements 55000': 'WAL_LEVEL',
  // A standby, before PostgreSQL 16.
  'CheckLogicalDecodingRequirements 0A000': 'UNSUPPORTED',
  // max_replication_slots = 0
  'CheckSlotRequirements 55000': 'TOO_MANY_SLOTS',
  // An invalidated slot, on 14 and 15, on 16 and 17, and from 18 on. What else CreateDecodingContext objects to (a
  // physical slot, one of another database) is found out before the stream is asked for.
  'StartLogicalReplication 55000': 'SLOT_INVALIDATED',
  'CreateDecodingContext 55000': 'SLOT_INVALIDATED',
  'ReplicationSlotAcquire 55000': 'SLOT_INVALIDATED',
  'get_publication_oid 42704': 'PUBLICATION_MISSING',
  // The role does not exist, or may not log in.
  'InitializeSessionUserId 28000': 'AUTHENTICATION_FAILED',
  // There is a line for them in pg_hba.conf, and a certificate, say, is another user's.
  'auth_failed 28000': 'AUTHENTICATION_FAILED',
  // SCRAM's channel binding: the server's certificate, or what it offers, is not what we were shown.
  'read_client_first_message 28000': 'SERVER_NOT_AUTHENTIC',
  'read_client_final_message 28000': 'SERVER_NOT_AUTHENTIC',
  // A setting in the connection's `options`, until 16 and from 17 on.
  'find_option 42704': 'SERVER_ERROR',
  'assignable_custom_variable_name 42704': 'SERVER_ERROR',
  // There is no such output plugin.
  'internal_load_library 58P01': 'SERVER_ERROR',
};

function codeOf({ sqlState, routine }: ServerFields): ErrorCode {
  const known = (routine && BY_ROUTINE[`${routine} ${sqlState}`]) ?? BY_SQLSTATE.get(sqlState);
  if (known) return known;
  // Class 08 is "connection exception"; 08P01 is the server's word for our own mistake.
  return sqlState.startsWith('08') && sqlState !== '08P01' ? 'CONNECTION_LOST' : 'SERVER_ERROR';
}

/** Names what an ErrorResponse means for a replication client. */
export function serverError(fields: ServerFields, options?: ReplicationErrorOptions): ServerError {
  return new ServerError(codeOf(fields), fields, { ...remedyFor(fields), ...options });
}

/** What looks for the binary form of an element, of an attribute, of a range's bounds. */
const SENDING_PARTS: readonly (string | undefined)[] = ['array_send', 'getTypeBinaryOutputInfo', 'get_range_io_data'];

const SOMEBODY_BETWEEN =
  'Connect straight to the server: somebody in between ends the TLS connection. Give channel_binding=disable where that is a proxy of yours.';

function remedyFor(fields: ServerFields): ReplicationErrorOptions {
  const { sqlState, routine } = fields;
  if (codeOf(fields) === 'SERVER_NOT_AUTHENTIC') return { remedy: SOMEBODY_BETWEEN };
  // A type without a binary form comes as text by itself, but not as a part of an array or a composite.
  if (sqlState !== '42883' || !SENDING_PARTS.includes(routine)) return {};
  return { remedy: 'Ask for the stream without binary, or keep columns with that type out of the publication.' };
}

/**
 * From PostgreSQL 18 on the server goes on without a publication that it cannot find, and skips its rows. Keepalives
 * then run past them, so nothing may be confirmed after this warning.
 */
export function skippedPublication(fields: ServerFields): ServerError | undefined {
  if (fields.sqlState !== '55000' || fields.routine !== 'LoadPublications') return undefined;
  return new ServerError('PUBLICATION_MISSING', fields, {
    remedy:
      'Rows were skipped from here on, and nothing after them is confirmed: create a new slot and copy the data anew.',
  });
}
