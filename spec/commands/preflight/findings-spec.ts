import { ERRORS } from '../../../lib/common/error-codes';
import { ReplicationError } from '../../../lib/index';
import { FINDINGS } from '../../../lib/common/preflight-findings';
import { createFailure, createFinding, toFinding } from '../../../lib/commands/preflight/finding';

it('a finding has the message of the error that it predicts', () => {
  const error = new ReplicationError('SLOT_MISSING', 'There is none');
  const { remedy } = ERRORS.SLOT_MISSING;
  const expected = { code: 'SLOT_MISSING', severity: 'error', message: 'There is none.', remedy };
  expect(toFinding(error)).toEqual(expected);
  expect(createFailure('SLOT_MISSING', 'There is none')).toEqual(expected);
  expect(error.message).toBe(`${expected.message} ${remedy}`);
});

it('a finding contains the complete text, including characters that are escaped', () => {
  const error = new ReplicationError('SERVER_ERROR', 'It says:\n\u202ehalt', { remedy: 'Look at\u2028\u0007\nit.' });
  const { message, remedy } = toFinding(error);
  expect(message).toBe('It says:\\n\\u{202e}halt.');
  expect(remedy).toBe('Look at\u2028\u0007\nit.');
});

it('a finding that predicts no error has its own remedy', () => {
  expect(createFinding('SLOT_BEHIND', 'It lags')).toEqual({
    code: 'SLOT_BEHIND',
    ...FINDINGS.SLOT_BEHIND,
    message: 'It lags.',
  });
});
