import { ERRORS } from '../../lib/common/error-codes';
import { ConfigError, ProtocolError, ReplicationError } from '../../lib/common/errors';
import { BrokenRule } from './target';

/** The error with which decoding may end. Rethrows any other error as a finding. */
export function protocolError(error: unknown): string {
  if (error instanceof ProtocolError || (error instanceof ReplicationError && error.code === 'VALUE_DECODE_FAILED')) {
    return `${error.code}: ${error.message}`;
  }
  throw new BrokenRule(`Not a ProtocolError: ${String(error)}`, { cause: error });
}

/** The error with which a connection may end: any error of this library except a ConfigError. */
export function replicationError(error: unknown): string {
  if (error instanceof ReplicationError && !(error instanceof ConfigError) && Object.hasOwn(ERRORS, error.code)) {
    return `${error.code}: ${error.message}`;
  }
  throw new BrokenRule(`Not a typed error: ${String(error)}`, { cause: error });
}

/** A word for the outcome. */
export function describeOutcome(outcome: readonly string[]): string {
  return /^[A-Z_]+(?=:)/.exec(outcome.at(-1) ?? '')?.[0] ?? 'no error';
}

export function expectSame(what: string, actual: readonly string[], expected: readonly string[]): void {
  const at = expected.findIndex((line, index) => line !== actual[index]);
  if (at < 0 && actual.length === expected.length) return;
  const index = at < 0 ? expected.length : at;
  throw new BrokenRule(
    `${what}: number ${index} is ${actual[index] ?? 'missing'} instead of ${expected[index] ?? 'nothing'}`,
  );
}
