import { ReplicationError } from '../../lib/common/errors';

/** The ReplicationError that a call throws. */
export function captureError(run: () => unknown): ReplicationError {
  try {
    run();
  } catch (error) {
    if (error instanceof ReplicationError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}
