import { ERRORS, type ErrorCode } from '../../lib/common/error-codes';
import { ServerError } from '../../lib/common/errors';
import { toServerError, toSkippedPublicationError } from '../../lib/commands/server-errors';
import { serverFields } from './support/converse';

const TABLE: [sqlState: string, routine: string | undefined, code: ErrorCode, retryable: boolean][] = [
  ['57P01', 'ProcessInterrupts', 'SERVER_SHUTDOWN', true],
  ['57P02', undefined, 'SERVER_SHUTDOWN', true],
  ['57P03', undefined, 'SERVER_SHUTDOWN', true],
  ['08006', undefined, 'CONNECTION_LOST', true],
  ['08P01', undefined, 'SERVER_ERROR', false],
  ['53300', 'InitProcess', 'TOO_MANY_CONNECTIONS', true],
  ['53400', 'ReplicationSlotCreate', 'TOO_MANY_SLOTS', false],
  ['55006', 'ReplicationSlotAcquire', 'SLOT_ACTIVE', true],
  ['57014', 'ProcessInterrupts', 'CANCELLED', true],
  ['58P01', 'WalSndSegmentOpen', 'WAL_REMOVED', true],
  ['58P01', 'internal_load_library', 'SERVER_ERROR', false],
  ['55000', 'ReplicationSlotAcquire', 'SLOT_INVALIDATED', false],
  ['55000', 'StartLogicalReplication', 'SLOT_INVALIDATED', false],
  ['55000', 'CreateDecodingContext', 'SLOT_INVALIDATED', false],
  ['55000', 'CheckLogicalDecodingRequirements', 'WAL_LEVEL', false],
  ['55000', 'CheckSlotRequirements', 'TOO_MANY_SLOTS', false],
  ['55000', 'SomethingElse', 'SERVER_ERROR', false],
  ['55000', undefined, 'SERVER_ERROR', false],
  ['42704', 'ReplicationSlotAcquire', 'SLOT_MISSING', false],
  ['42704', undefined, 'SLOT_MISSING', false],
  ['42704', 'get_publication_oid', 'PUBLICATION_MISSING', false],
  ['42704', 'get_collation_oid', 'SERVER_ERROR', false],
  ['42704', 'find_option', 'SERVER_ERROR', false],
  ['42704', 'assignable_custom_variable_name', 'SERVER_ERROR', false],
  ['42710', 'ReplicationSlotCreate', 'SLOT_EXISTS', false],
  ['42710', 'CreateEventTrigger', 'SERVER_ERROR', false],
  ['42602', undefined, 'SERVER_ERROR', false],
  ['42601', undefined, 'SERVER_ERROR', false],
  ['22023', undefined, 'SERVER_ERROR', false],
  ['0A000', undefined, 'SERVER_ERROR', false],
  ['0A000', 'CheckLogicalDecodingRequirements', 'UNSUPPORTED', false],
  ['0A000', 'pgoutput_column_list_init', 'COLUMN_LISTS_DIFFER', false],
  ['0A000', 'check_and_init_gencol', 'COLUMN_LISTS_DIFFER', false],
  ['40001', 'ProcessInterrupts', 'CANCELLED', true],
  ['40001', 'ProcessRecoveryConflictInterrupt', 'CANCELLED', true],
  ['40P01', 'ProcessRecoveryConflictInterrupt', 'CANCELLED', true],
  ['40001', 'SnapBuildInitialSnapshot', 'TRANSACTION_ROLLED_BACK', true],
  ['40001', undefined, 'TRANSACTION_ROLLED_BACK', true],
  ['40P01', 'DeadLockReport', 'TRANSACTION_ROLLED_BACK', true],
  ['28000', 'ClientAuthentication', 'HBA_REFUSED', false],
  ['28000', 'InitializeSessionUserId', 'AUTHENTICATION_FAILED', false],
  ['28000', 'auth_failed', 'AUTHENTICATION_FAILED', false],
  ['28000', 'read_client_first_message', 'SERVER_VERIFICATION_FAILED', false],
  ['28000', 'read_client_final_message', 'SERVER_VERIFICATION_FAILED', false],
  ['28P01', 'auth_failed', 'AUTHENTICATION_FAILED', false],
  ['42501', undefined, 'PRIVILEGE_MISSING', false],
  ['42501', 'CheckSlotPermissions', 'PRIVILEGE_MISSING', false],
  ['42501', 'InitPostgres', 'PRIVILEGE_MISSING', false],
  ['42501', 'aclcheck_error', 'PRIVILEGE_MISSING', false],
  ['42501', 'StartupDecodingContext', 'OUTPUT_PLUGIN_REFUSED', false],
  ['3D000', 'InitPostgres', 'DATABASE_MISSING', false],
  ['XX000', 'MemoryContextAlloc', 'SERVER_INTERNAL_ERROR', true],
  ['XX001', 'WALReadRaiseError', 'SERVER_INTERNAL_ERROR', true],
  ['53000', 'AllocateFile', 'SERVER_RESOURCES', true],
  ['53100', 'ReorderBufferSerializeChange', 'SERVER_RESOURCES', true],
  ['53200', 'AllocSetAlloc', 'SERVER_RESOURCES', true],
  ['53400', 'FileWriteV', 'SERVER_RESOURCES', true],
  ['53400', undefined, 'TOO_MANY_SLOTS', false],
  ['58030', 'ReorderBufferRestoreChanges', 'SERVER_IO_ERROR', true],
  ['58000', undefined, 'SERVER_IO_ERROR', true],
  ['58P01', 'ReorderBufferRestoreChanges', 'SERVER_IO_ERROR', true],
  ['58P01', 'SendTimeLineHistory', 'WAL_REMOVED', true],
  ['54000', 'enlargeStringInfo', 'SERVER_ERROR', false],
  ['54001', 'check_stack_depth', 'SERVER_ERROR', false],
  ['55P03', 'ProcessInterrupts', 'CANCELLED', true],
  ['25P03', 'ProcessInterrupts', 'CANCELLED', true],
  ['25P04', 'ProcessInterrupts', 'CANCELLED', true],
  ['57P05', 'ProcessInterrupts', 'CANCELLED', true],
  ['57000', undefined, 'CANCELLED', true],
  ['57P04', 'ProcessInterrupts', 'DATABASE_MISSING', false],
  ['25006', 'PreventCommandIfReadOnly', 'SERVER_ERROR', false],
  ['72000', undefined, 'TRANSACTION_ROLLED_BACK', true],
  ['22012', 'int4div', 'SERVER_ERROR', false],
  ['F0000', undefined, 'SERVER_ERROR', false],
  ['P0001', 'exec_stmt_raise', 'SERVER_ERROR', false],
  ['UE001', undefined, 'UNKNOWN_SQLSTATE', true],
  ['99999', undefined, 'UNKNOWN_SQLSTATE', true],
  ['', undefined, 'UNKNOWN_SQLSTATE', true],
  ['constructor', undefined, 'UNKNOWN_SQLSTATE', true],
  ['__proto__', 'constructor', 'UNKNOWN_SQLSTATE', true],
];

/** The error classes of src/backend/utils/errcodes.txt, and whether they are transient. */
const CLASSES = {
  passing: ['08', '40', '53', '57', '58', '72', 'XX'],
  lasting: [
    ...['03', '09', '0A', '0B', '0F', '0L', '0P', '0Z', '10', '20', '21', '22', '23', '24', '25', '26', '27', '28'],
    ...['2B', '2D', '2F', '34', '38', '39', '3B', '3D', '3F', '42', '44', '54', '55', 'F0', 'HV', 'P0'],
  ],
};

describe('an error of the server', () => {
  it.each(TABLE)('%s in %s is %s, retryable %p', (sqlState, routine, code, retryable) => {
    const fields = serverFields({ sqlState, ...(routine === undefined ? {} : { routine }) });
    const error = toServerError(fields);
    expect(error).toBeInstanceOf(ServerError);
    expect(error).toMatchObject({ code, retryable, sqlState, server: fields });
  });

  it.each(CLASSES.passing)('of class %s is transient, whatever the condition', (sqlClass) => {
    expect(toServerError(serverFields({ sqlState: `${sqlClass}9Z9` }))).toMatchObject({ retryable: true });
  });

  it.each(CLASSES.lasting)('of class %s is not transient, and has a remedy of that class', (sqlClass) => {
    const error = toServerError(serverFields({ sqlState: `${sqlClass}9Z9` }));
    expect(error.retryable).toBe(false);
    expect(error.remedy).not.toBe(ERRORS.SERVER_ERROR.remedy);
  });

  it('that refuses an output plugin explains how to allow it, whichever C function reports it', () => {
    const fields = {
      sqlState: '42501',
      message: 'library "wal2json" may not be used as an output plugin',
      hint: 'If it is safe for all REPLICATION users …, add it to "output_plugin_libraries" and reload the server configuration.',
    };
    for (const routine of ['StartupDecodingContext', 'check_plugin', undefined]) {
      const error = toServerError(serverFields({ ...fields, ...(routine === undefined ? {} : { routine }) }));
      expect(error).toMatchObject({ code: 'OUTPUT_PLUGIN_REFUSED', retryable: false });
      expect(error.remedy).toMatch(/output_plugin_libraries/);
      expect(error.remedy).not.toMatch(/REPLICATION/);
    }
  });

  it.each([
    ['the attribute REPLICATION', 'CheckSlotPermissions', /ALTER ROLE … REPLICATION/],
    ['CONNECT', 'CheckMyDatabase', /GRANT CONNECT/],
    ['a setting of superusers', 'set_config_with_handle', /GRANT SET ON PARAMETER/],
    ['a file of the server, or anything else', 'ReorderBufferSerializeTXN', /Grant .* file/],
  ])('for lack of %s names it', (_, routine, remedy) => {
    expect(toServerError(serverFields({ sqlState: '42501', routine })).remedy).toMatch(remedy);
  });

  it('has a remedy if part of a value has no binary form', () => {
    const fields = { sqlState: '42883', message: 'no binary output function available for type aclitem' };
    for (const routine of ['array_send', 'getTypeBinaryOutputInfo']) {
      const error = toServerError(serverFields({ ...fields, routine }));
      expect(error).toMatchObject({ code: 'SERVER_ERROR', remedy: expect.stringMatching(/without binary/) });
    }
    expect(toServerError(serverFields({ ...fields, routine: 'ParseFuncOrColumn' })).remedy).not.toMatch(/binary/);
  });

  it('reports a man in the middle if SCRAM channel binding does not match', () => {
    const error = toServerError(serverFields({ sqlState: '28000', routine: 'read_client_final_message' }));
    expect(error.message).toMatch(/Connect to the server directly.*channel_binding=disable/);
  });

  it('is identified by its SQLSTATE, whatever its language', () => {
    const fields = serverFields({ sqlState: '55006', message: 'Replikations-Slot »orders« ist aktiv für PID 1' });
    expect(toServerError(fields)).toMatchObject({ code: 'SLOT_ACTIVE', message: expect.stringContaining('»orders«') });
  });
});

describe('the warning that a publication was skipped', () => {
  const WARNING = serverFields({
    severity: 'WARNING',
    sqlState: '55000',
    routine: 'LoadPublications',
    message: 'skipped loading publication "gone"',
  });

  it('is fatal, and states that rows are missing', () => {
    expect(toSkippedPublicationError(WARNING)).toMatchObject({
      code: 'PUBLICATION_MISSING',
      retryable: false,
      remedy: expect.stringContaining('the server has skipped rows'),
    });
  });

  it('is distinguished from other warnings', () => {
    const { routine, ...anonymous } = WARNING;
    expect(routine).toBe('LoadPublications');
    for (const fields of [anonymous, { ...WARNING, routine: 'Other' }, { ...WARNING, sqlState: '01000' }]) {
      expect(toSkippedPublicationError(fields)).toBeUndefined();
    }
  });
});
