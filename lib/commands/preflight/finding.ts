import { ERRORS, type ErrorCode } from '../../common/error-codes';
import { ReplicationError } from '../../common/errors';
import { FINDINGS, type PreflightFinding, type PreflightCode } from '../../common/preflight-findings';

export function createFinding(code: keyof typeof FINDINGS, message: string): PreflightFinding {
  return { code, ...FINDINGS[code], message: `${message}.` };
}

/** A finding with the code of the error with which the stream would fail. */
export function createFailure(code: ErrorCode, message: string): PreflightFinding {
  return { code, severity: 'error', message: `${message}.`, remedy: ERRORS[code].remedy };
}

/** A finding for an error; its message does not include the remedy. */
export function toFinding({ code, summary, remedy }: ReplicationError): PreflightFinding {
  return { code, severity: 'error', message: summary, remedy };
}

/** Applies the rules of the option `errors` to a finding that has an error code. */
export function reclassify(found: PreflightFinding, classify: (error: Error) => Error): PreflightFinding {
  const { code, message, remedy } = found;
  if (!isErrorCode(code)) return found;
  const classified = classify(new ReplicationError(code, message.slice(0, -1), { remedy }));
  return classified instanceof ReplicationError ? toFinding(classified) : found;
}

function isErrorCode(code: PreflightCode): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}
