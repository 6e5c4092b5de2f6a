import { ERRORS, type ErrorCode } from '../../common/error-codes';
import { ReplicationError } from '../../common/errors';
import { FINDINGS, type PreflightFinding, type PreflightCode } from '../../common/findings';

export function createFinding(code: keyof typeof FINDINGS, message: string): PreflightFinding {
  return { code, ...FINDINGS[code], message: `${message}.` };
}

/** What a stream would fail with. */
export function createFailure(code: ErrorCode, message: string): PreflightFinding {
  return { code, severity: 'error', message: `${message}.`, remedy: ERRORS[code].remedy };
}

/** The error that a stream would end with, without its remedy at the end of the message. */
export function toFinding({ code, summary, remedy }: ReplicationError): PreflightFinding {
  return { code, severity: 'error', message: summary, remedy };
}

/** A finding as the stream would tell it: the user's rules are for errors, and a warning is none. */
export function reclassify(found: PreflightFinding, classify: (error: Error) => Error): PreflightFinding {
  const { code, message, remedy } = found;
  if (!isErrorCode(code)) return found;
  const told = classify(new ReplicationError(code, message.slice(0, -1), { remedy }));
  return told instanceof ReplicationError ? toFinding(told) : found;
}

function isErrorCode(code: PreflightCode): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}
