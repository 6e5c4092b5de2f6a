import { ProtocolError, ReplicationError, ServerError } from '../../common/errors';
import type { PreflightFinding } from '../../common/findings';
import type { ProtocolRoutine } from '../protocol-routine';
import { runChecks } from './examine';
import { reclassify } from './finding';
import type { PreflightContext } from './preflight-context';

/**
 * Leads the conversation that opens a stream. Where it fails for good, the error lists what else preflight finds: otherwise
 * each thing to correct shows only after the one before it was corrected.
 *
 * preflight runs on the same connection, within what is left of the connect time-out. Where it fails, the error goes on as it
 * is: every turn of preflight carries it, so that neither the time-out nor a lost connection takes its place.
 *
 * @param classify the user's rules
 */
export function* explainFailedStart<T>(
  opening: ProtocolRoutine<T>,
  context: PreflightContext,
  classify: (error: Error) => Error,
): ProtocolRoutine<T> {
  try {
    return yield* opening;
  } catch (error) {
    if (!(error instanceof ReplicationError) || !isLasting(error, classify) || !leavesConnectionUsable(error))
      throw error;
    const findings = (yield* runChecksAfter(error, context)).filter((found) => isOtherFinding(found, error));
    if (findings.length === 0) throw error;
    const { code, retryable, remedy } = error;
    throw error.recast(code, { retryable, remedy, findings: findings.map((found) => reclassify(found, classify)) });
  }
}

function isLasting(error: ReplicationError, classify: (error: Error) => Error): boolean {
  const told = classify(error);
  return told instanceof ReplicationError && !told.retryable;
}

/** Whether the connection takes queries after the error: the server has ended no session, and none of its answers is half read. */
function leavesConnectionUsable(error: ReplicationError): boolean {
  if (error instanceof ServerError) return error.server.severity === 'ERROR';
  return !(error instanceof ProtocolError) && error.code !== 'LIMIT_EXCEEDED';
}

/** The server's words for a failure differ from those of the check that foresees it. */
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
    // One connect time-out counts for all of it.
    while (!step.done)
      step = examination.next(yield { ...step.value, noTimeout: false, restartTimeout: false, failure });
    return step.value;
  } catch {
    return [];
  }
}
