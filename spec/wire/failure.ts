import { ReplicationError } from '../../lib/common/errors';

/** The error of this library that a call ends with. */
export function failure(run: () => unknown): ReplicationError {
  try {
    run();
  } catch (error) {
    if (error instanceof ReplicationError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}
