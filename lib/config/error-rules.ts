import { ERRORS, type ErrorCode } from '../common/error-codes';
import { ConfigError, ReplicationError, ServerError } from '../common/errors';
import { isRecord, OptionReader, formatValue, suggestName } from '../common/option-reader';

/**
 * A rule that changes the code, `retryable` or remedy of an error. The first matching rule applies.
 *
 * @example
 * // A proxy reports this while it switches to another server.
 * const rule: ErrorRule = { when: { sqlState: '08P01', message: /draining/ }, treatAs: { code: 'SERVER_SHUTDOWN' } };
 */
export interface ErrorRule {
  /** The condition: each given member must match. */
  readonly when: {
    /** The SQLSTATE that the server sent (five characters), or its class (the first two). */
    readonly sqlState?: string | undefined;
    /** The code of `cause`, an error of the socket or of TLS, for example `ECONNRESET`. */
    readonly causeCode?: string | undefined;
    /** Matches the server's message, which may be localized, or else the message of the error. */
    readonly message?: RegExp | undefined;
    /** The code that the library assigns. */
    readonly code?: ErrorCode | undefined;
  };
  /** The new properties. A `code` sets its own `retryable` and `remedy`, unless they are given. */
  readonly treatAs: {
    readonly code?: ErrorCode | undefined;
    readonly retryable?: boolean | undefined;
    readonly remedy?: string | undefined;
  };
}

/** Applies the first matching rule to an error. */
export function classify(rules: readonly ErrorRule[], error: Error): Error {
  if (!(error instanceof ReplicationError)) return error;
  const rule = rules.find(({ when }) => matches(when, error));
  if (!rule) return error;
  const { code, retryable, remedy } = rule.treatAs;
  const { retryable: wasRetryable, remedy: oldRemedy }: Partial<ReplicationError> = code === undefined ? error : {};
  return error.withCode(code ?? error.code, { retryable: retryable ?? wasRetryable, remedy: remedy ?? oldRemedy });
}

function matches({ sqlState, causeCode, message, code }: ErrorRule['when'], error: ReplicationError): boolean {
  const { cause } = error;
  const server = error instanceof ServerError ? error.server : undefined;
  if (sqlState !== undefined && !server?.sqlState.startsWith(sqlState)) return false;
  if (causeCode !== undefined && !(isRecord(cause) && cause['code'] === causeCode)) return false;
  if (message !== undefined && !message.test(server?.message ?? error.message)) return false;
  return code === undefined || code === error.code;
}

/** @throws {ConfigError} for the first invalid rule */
export function readErrorRules(options: OptionReader): readonly ErrorRule[] {
  const rules = options.get('errors');
  if (rules === undefined) return [];
  if (!Array.isArray(rules)) throw options.error('errors', `expected a list of rules, got ${formatValue(rules)}`);
  return rules.map((rule: unknown, index) => readRule(`errors[${index}]`, rule));
}

function readRule(name: string, rule: unknown): ErrorRule {
  const parts = new OptionReader(name, rule, ['when', 'treatAs']);
  const when = new OptionReader(`${name}.when`, parts.get('when'), ['sqlState', 'causeCode', 'message', 'code']);
  const treatAs = new OptionReader(`${name}.treatAs`, parts.get('treatAs'), ['code', 'retryable', 'remedy']);
  const sqlState = when.text('sqlState');
  if (sqlState !== undefined && !/^(?:[0-9A-Z]{2}|[0-9A-Z]{5})$/.test(sqlState)) {
    throw when.error('sqlState', 'expected a SQLSTATE of five characters, or a class of two');
  }
  const message = when.get('message');
  if (message !== undefined && !(message instanceof RegExp))
    throw when.error('message', 'expected a regular expression');
  if (message?.global || message?.sticky)
    throw when.error('message', 'must not have the flags g and y, which keep state');
  const conditions = { sqlState, causeCode: when.text('causeCode'), message, code: readErrorCode(when) };
  if (Object.values(conditions).every((condition) => condition === undefined)) {
    throw new ConfigError(`${name}.when`, 'missing a condition; set sqlState, causeCode, message or code');
  }
  return {
    when: conditions,
    treatAs: {
      code: readErrorCode(treatAs),
      retryable: treatAs.get('retryable') === undefined ? undefined : treatAs.flag('retryable', false),
      remedy: treatAs.text('remedy'),
    },
  };
}

function readErrorCode(options: OptionReader): ErrorCode | undefined {
  const code = options.text('code');
  if (code === undefined || isErrorCode(code)) return code;
  throw options.error('code', `unknown error code ${JSON.stringify(code)}`, suggestName(code, Object.keys(ERRORS)));
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}
