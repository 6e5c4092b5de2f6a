import { ERRORS, type ErrorCode } from '../common/error-codes';
import { ConfigError, ReplicationError, ServerError } from '../common/errors';
import { isRecord, Options, formatValue, suggestName } from '../common/options';

/**
 * What a failure means to you, where it is not what this library takes it for. The first rule that matches counts.
 *
 * @example
 * // A proxy that says so while it moves to another server.
 * const rule: ErrorRule = { when: { sqlState: '08P01', message: /draining/ }, treatAs: { code: 'SERVER_SHUTDOWN' } };
 */
export interface ErrorRule {
  /** What it applies to. All that is given has to match. */
  readonly when: {
    /** The five-character SQLSTATE that the server sent, or its class, the first two. */
    readonly sqlState?: string | undefined;
    /** `cause.code`, which names what a socket or TLS has failed with, as in `ECONNRESET`. */
    readonly causeCode?: string | undefined;
    /** Found in the server's message, which may be localised, or in what the error says. */
    readonly message?: RegExp | undefined;
    /** What this library takes it for. */
    readonly code?: ErrorCode | undefined;
  };
  /** What is different. A `code` brings its own `retryable` and `remedy`, unless they are given, too. */
  readonly treatAs: {
    readonly code?: ErrorCode | undefined;
    readonly retryable?: boolean | undefined;
    readonly remedy?: string | undefined;
  };
}

/** Reclassifies an error by the user's rules. */
export function classify(rules: readonly ErrorRule[], error: Error): Error {
  if (!(error instanceof ReplicationError)) return error;
  const rule = rules.find(({ when }) => matches(when, error));
  if (!rule) return error;
  const { code, retryable, remedy } = rule.treatAs;
  const { retryable: wasRetryable, remedy: oldRemedy }: Partial<ReplicationError> = code === undefined ? error : {};
  return error.recast(code ?? error.code, { retryable: retryable ?? wasRetryable, remedy: remedy ?? oldRemedy });
}

function matches({ sqlState, causeCode, message, code }: ErrorRule['when'], error: ReplicationError): boolean {
  const { cause } = error;
  const server = error instanceof ServerError ? error.server : undefined;
  if (sqlState !== undefined && !server?.sqlState.startsWith(sqlState)) return false;
  if (causeCode !== undefined && !(isRecord(cause) && cause['code'] === causeCode)) return false;
  if (message !== undefined && !message.test(server?.message ?? error.message)) return false;
  return code === undefined || code === error.code;
}

/** @throws {ConfigError} naming the first rule that cannot be used */
export function readErrorRules(options: Options): readonly ErrorRule[] {
  const rules = options.get('errors');
  if (rules === undefined) return [];
  if (!Array.isArray(rules)) throw options.error('errors', `expected a list of rules, got ${formatValue(rules)}`);
  return rules.map((rule: unknown, index) => readRule(`errors[${index}]`, rule));
}

function readRule(name: string, rule: unknown): ErrorRule {
  const parts = new Options(name, rule, ['when', 'treatAs']);
  const when = new Options(`${name}.when`, parts.get('when'), ['sqlState', 'causeCode', 'message', 'code']);
  const treatAs = new Options(`${name}.treatAs`, parts.get('treatAs'), ['code', 'retryable', 'remedy']);
  const sqlState = when.text('sqlState');
  if (sqlState !== undefined && !/^(?:[0-9A-Z]{2}|[0-9A-Z]{5})$/.test(sqlState)) {
    throw when.error('sqlState', 'expected five characters, or the two of a class');
  }
  const message = when.get('message');
  if (message !== undefined && !(message instanceof RegExp))
    throw when.error('message', 'expected a regular expression');
  if (message?.global || message?.sticky)
    throw when.error('message', 'leave out the flags g and y, which keep a state');
  const conditions = { sqlState, causeCode: when.text('causeCode'), message, code: readErrorCode(when) };
  if (Object.values(conditions).every((condition) => condition === undefined)) {
    throw new ConfigError(
      `${name}.when`,
      'name a sqlState, a causeCode, a message or a code; this one matches everything',
    );
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

function readErrorCode(options: Options): ErrorCode | undefined {
  const code = options.text('code');
  if (code === undefined || isErrorCode(code)) return code;
  throw options.error(
    'code',
    `${JSON.stringify(code)} is no error code of this library; ${suggestName(code, Object.keys(ERRORS))}`,
  );
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}
