import { ProtocolError, ReplicationError, ServerError } from '../../common/errors';
import type { PreflightFinding } from '../../common/preflight-findings';
import type { ProtocolRoutine } from '../protocol-routine';
import { runChecks } from './run-checks';
import { reclassify } from './finding';
import type { PreflightContext } from './preflight-context';

/**
 * Runs the routine that opens a stream. If it fails with an error that is not retryable, preflight runs, and the error lists
 * the other findings, so that the user can correct all problems at once.
 *
 * preflight runs on the same connection, within the rest of the connect timeout. If preflight fails, the original error is
 * thrown: each step of preflight carries it, so that a timeout or a lost connection does not replace it.
 *
 * @param classify the rules of the option `errors`
 */
export function* explainFailedStart<T>(
  opening: ProtocolRoutine<T>,
  context: PreflightContext,
  classify: (error: Error) => Error,
): ProtocolRoutine<T> {
  try {
    return yield* opening;
  } catch (error) {
    if (!(error instanceof ReplicationError) || !isLasting(error, classify) || !isConnectionUsable(error)) throw error;
    const findings = (yield* runChecksAfter(error, context)).filter((found) => isOtherFinding(found, error));
    if (findings.length === 0) throw error;
    const { code, retryable, remedy } = error;
    throw error.withCode(code, { retryable, remedy, findings: findings.map((found) => reclassify(found, classify)) });
  }
}

function isLasting(error: ReplicationError, classify: (error: Error) => Error): boolean {
  const classified = classify(error);
  return classified instanceof ReplicationError && !classified.retryable;
}

/** Whether the connection accepts queries after the error: the server process has not ended, and no response is partially read. */
function isConnectionUsable(error: ReplicationError): boolean {
  if (error instanceof ServerError) return error.server.severity === 'ERROR';
  return !(error instanceof ProtocolError) && error.code !== 'LIMIT_EXCEEDED';
}

/** Whether a finding differs from the error. A server's message differs from that of the check for the same code. */
function isOtherFinding({ severity, code, message }: PreflightFinding, error: ReplicationError): boolean {
  if (severity !== 'error') return false;
  return code !== error.code || (message !== error.summary && !(error instanceof ServerError));
}

function* runChecksAfter(
  failure: ReplicationError,
  context: PreflightContext,
): ProtocolRoutine<readonly PreflightFinding[]> {
  try {
    const examination = runChecks(context);
    let step = examination.next();
    // One connect timeout applies to all steps.
    while (!step.done)
      step = examination.next(yield { ...step.value, noTimeout: false, restartTimeout: false, failure });
    return step.value;
  } catch {
    return [];
  }
}
