import { giveName, ReplicationError, type ReplicationErrorOptions } from '../../common/errors';
import type { LimitError } from './value-limits';

/** The remedy for every value. A change in the database does not help: the server decodes WAL with the catalog at that time. */
export const DELIVER = "Subscribe with onDecodeError: 'deliver', which delivers the value's bytes and goes on.";

/**
 * The reason why a reader cannot read a value. The text does not contain the value, which can be confidential. The decoder
 * converts it to a {@link ValueError}, which adds the location.
 */
export class ValueFault extends ReplicationError {
  static {
    giveName(this, 'ValueFault');
  }

  constructor(what: string, options: ReplicationErrorOptions = {}) {
    super('VALUE_DECODE_FAILED', what, options);
  }
}

/** @param where the formatted column */
export function createLimitFault(where: string, cause: LimitError): ValueFault {
  const what = `${where} has a value beyond a limit of this library: ${cause.message}`;
  return new ValueFault(what, { cause, remedy: DELIVER });
}
