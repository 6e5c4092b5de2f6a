import type { ErrorCode } from '../../lib/error-codes';
import { ServerError } from '../../lib/errors';
import { serverError, skippedPublication } from '../../lib/session/server-errors';
import { serverFields } from './converse';

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
  ['42704', 'find_option', 'SERVER_ERROR', false],
  ['42704', 'assignable_custom_variable_name', 'SERVER_ERROR', false],
  ['42710', 'ReplicationSlotCreate', 'SLOT_EXISTS', false],
  ['42602', undefined, 'SERVER_ERROR', false],
  ['42601', undefined, 'SERVER_ERROR', false],
  ['22023', undefined, 'SERVER_ERROR', false],
  ['0A000', undefined, 'SERVER_ERROR', false],
  ['0A000', 'CheckLogicalDecodingRequirements', 'UNSUPPORTED', false],
  ['40001', 'ProcessRecoveryConflictInterrupt', 'CANCELLED', true],
  ['40P01', 'ProcessRecoveryConflictInterrupt', 'CANCELLED', true],
  ['28000', 'ClientAuthentication', 'HBA_REFUSED', false],
  ['28000', 'InitializeSessionUserId', 'AUTHENTICATION_FAILED', false],
  ['28000', 'auth_failed', 'AUTHENTICATION_FAILED', false],
  ['28000', 'read_client_first_message', 'SERVER_NOT_AUTHENTIC', false],
  ['28000', 'read_client_final_message', 'SERVER_NOT_AUTHENTIC', false],
  ['28P01', 'auth_failed', 'AUTHENTICATION_FAILED', false],
  ['42501', undefined, 'PRIVILEGE_MISSING', false],
  ['3D000', 'InitPostgres', 'DATABASE_MISSING', false],
  ['XX000', 'MemoryContextAlloc', 'SERVER_INTERNAL_ERROR', true],
];

describe('an error of the server', () => {
  it.each(TABLE)('%s in %s is %s, retryable %p', (sqlState, routine, code, retryable) => {
    const fields = serverFields({ sqlState, ...(routine === undefined ? {} : { routine }) });
    const error = serverError(fields);
    expect(error).toBeInstanceOf(ServerError);
    expect(error).toMatchObject({ code, retryable, sqlState, server: fields });
  });

  it('says how to go on where a part of a value has no binary form', () => {
    const fields = { sqlState: '42883', message: 'no binary output function available for type aclitem' };
    for (const routine of ['array_send', 'getTypeBinaryOutputInfo']) {
      const error = serverError(serverFields({ ...fields, routine }));
      expect(error).toMatchObject({ code: 'SERVER_ERROR', remedy: expect.stringMatching(/without binary/) });
    }
    expect(serverError(serverFields({ ...fields, routine: 'ParseFuncOrColumn' })).remedy).not.toMatch(/binary/);
  });

  it('says that somebody stands between where the binding of SCRAM to its channel does not hold', () => {
    const error = serverError(serverFields({ sqlState: '28000', routine: 'read_client_final_message' }));
    expect(error.message).toMatch(/Connect straight to the server.*channel_binding=disable/);
  });

  it('is known by its SQLSTATE, whatever language it is written in', () => {
    const fields = serverFields({ sqlState: '55006', message: 'Replikations-Slot »orders« ist aktiv für PID 1' });
    expect(serverError(fields)).toMatchObject({ code: 'SLOT_ACTIVE', message: expect.stringContaining('»orders«') });
  });
});

describe('the warning that a publication was skipped', () => {
  const WARNING = serverFields({
    severity: 'WARNING',
    sqlState: '55000',
    routine: 'LoadPublications',
    message: 'skipped loading publication "gone"',
  });

  it('is fatal, and tells that rows are missing', () => {
    expect(skippedPublication(WARNING)).toMatchObject({
      code: 'PUBLICATION_MISSING',
      retryable: false,
      remedy: expect.stringContaining('Rows were skipped'),
    });
  });

  it('is no other warning', () => {
    const { routine, ...anonymous } = WARNING;
    expect(routine).toBe('LoadPublications');
    for (const fields of [anonymous, { ...WARNING, routine: 'Other' }, { ...WARNING, sqlState: '01000' }]) {
      expect(skippedPublication(fields)).toBeUndefined();
    }
  });
});
