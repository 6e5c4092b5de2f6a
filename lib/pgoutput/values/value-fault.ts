import { giveName, ReplicationError, type ReplicationErrorOptions } from '../../common/errors';
import type { LimitError } from './value-limits';

/** What helps with any value: WAL is decoded with the catalog of its time, so that nothing in the database does. */
export const DELIVER = "Subscribe with onDecodeError: 'deliver', which delivers the value's bytes and goes on.";

/**
 * Why a reader cannot read a value. What it says leaves out the value, which may be confidential. Whoever decodes the message
 * makes a {@link ValueError} of it, which says where the value stands.
 */
export class ValueFault extends ReplicationError {
  static {
    giveName(this, 'ValueFault');
  }

  constructor(what: string, options: ReplicationErrorOptions = {}) {
    super('VALUE_DECODE_FAILED', what, options);
  }
}

/** @param where the column, as errors name it */
export function createLimitFault(where: string, cause: LimitError): ValueFault {
  const what = `${where} has a value beyond a limit of this library: ${cause.message}`;
  return new ValueFault(what, { cause, remedy: DELIVER });
}
