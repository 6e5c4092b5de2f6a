import { ERRORS, type ErrorCode } from './error-codes';
import { abridge, makePrintable } from './error-text';
import type { PreflightFinding } from './preflight-findings';

/**
 * Options of the constructor of {@link ReplicationError}.
 *
 * @example
 * throw new ReplicationError('SERVER_ERROR', 'The copy failed', { cause, retryable: true, remedy: 'Start the copy again.' });
 */
export interface ReplicationErrorOptions {
  /** The underlying error. Default: none, and the error has no property `cause`. */
  cause?: unknown;
  /** Whether the same subscription can succeed later with nothing changed. Default: that of the code in {@link ERRORS}. */
  retryable?: boolean | undefined;
  /** The remedy, in sentences. Default: that of the code in {@link ERRORS}. */
  remedy?: string | undefined;
  /** Further problems that preflight found, see {@link ReplicationError.findings}. Default: none. */
  findings?: readonly PreflightFinding[] | undefined;
}

/**
 * Sets the name of a class and its instances to a literal: minifiers rename classes, but logs and alerts match errors by
 * name. The name is a property of the prototype, because the first line of the stack is taken from there.
 */
export function giveName(errorClass: { readonly prototype: Error }, name: string): void {
  Object.defineProperty(errorClass, 'name', { value: name, configurable: true });
  Object.defineProperty(errorClass.prototype, 'name', { value: name, configurable: true, writable: true });
}

/**
 * The base class of every error of this library. The message ends with the remedy, if there is one, and never contains the
 * password.
 *
 * @example
 * if (error instanceof ReplicationError && error.code === 'SLOT_ACTIVE') console.error(error.message);
 */
export class ReplicationError extends Error {
  /** The stable error code. */
  readonly code: ErrorCode;
  /** Whether the same subscription can succeed later with nothing changed. */
  readonly retryable: boolean;
  /** The remedy, in sentences; empty for a {@link ConfigError} whose message already tells what the option accepts. */
  readonly remedy: string;

  readonly #what: string;
  readonly #findings: readonly PreflightFinding[];

  static {
    giveName(this, 'ReplicationError');
  }

  constructor(code: ErrorCode, what: string, options: ReplicationErrorOptions = {}) {
    const { findings = [], remedy = ERRORS[code].remedy } = options;
    super(
      makePrintable(`${what}. ${listFindings(findings)}${remedy}`.trimEnd()),
      'cause' in options ? { cause: options.cause } : undefined,
    );
    this.#what = what;
    this.#findings = findings;
    this.code = code;
    this.retryable = options.retryable ?? ERRORS[code].retryable;
    this.remedy = remedy;
  }

  /**
   * Further problems of severity `error` that preflight found on the server. Each has its own code, message and remedy. The
   * message of this error lists them, too.
   *
   * The list is filled only when the first subscription of an observable fails before the stream starts, after the server
   * accepted the connection, with an error that is not retryable. It is empty if preflight did not finish within
   * `connectTimeout`.
   *
   * @example
   * stream.subscribe({
   *   error: (error) => {
   *     if (error instanceof ReplicationError) for (const { code, message, remedy } of error.findings) console.error(code, message, remedy);
   *   },
   * });
   */
  get findings(): readonly PreflightFinding[] {
    return this.#findings;
  }

  /** The JSON form for logs. It omits `cause` and the server's fields, which may contain data. */
  toJSON(): Record<string, unknown> {
    const { name, message, code, retryable, findings } = this;
    return { name, message, code, retryable, ...(findings.length > 0 && { findings }) };
  }

  /**
   * Returns a copy with another code or remedy.
   *
   * @internal
   */
  withCode(code: ErrorCode, changes: OptionChanges): ReplicationError {
    return new ReplicationError(code, this.#what, this.mergeOptions(changes));
  }

  /**
   * The problem without the remedy, not escaped.
   *
   * @internal
   */
  get what(): string {
    return this.#what;
  }

  /**
   * The first sentence of the message: the problem, escaped for display.
   *
   * @internal
   */
  get summary(): string {
    return `${makePrintable(this.#what)}.`;
  }

  /** @internal */
  protected mergeOptions(changes: OptionChanges): ReplicationErrorOptions {
    const merged = { findings: this.#findings, ...changes };
    return 'cause' in this ? { ...merged, cause: this.cause } : merged;
  }
}

/** The properties that replace those of the error code. */
type OptionChanges = Pick<ReplicationErrorOptions, 'retryable' | 'remedy' | 'findings'>;

/** How many findings a message lists; it counts the others. */
const FINDINGS_SHOWN = 3;

/** The part of a message that lists preflight's findings. */
function listFindings(findings: readonly PreflightFinding[]): string {
  if (findings.length === 0) return '';
  const shown = findings.slice(0, FINDINGS_SHOWN).map(({ message }) => abridge(message));
  const others = findings.length - shown.length;
  return `preflight also found: ${shown.join(' ')} ${others > 0 ? `And ${others} more, see findings. ` : ''}`;
}

/**
 * An option is invalid or unknown. Functions throw this error at once, before they connect; only a value that a function of
 * yours returns later, such as `startLsn`, is reported through the observable.
 *
 * @example
 * try {
 *   logicalReplication(config);
 * } catch (error) {
 *   if (error instanceof ConfigError) console.error(error.option, error.message);
 * }
 */
export class ConfigError extends ReplicationError {
  /** The path of the option, for example `connection.port`. */
  readonly option: string;

  static {
    giveName(this, 'ConfigError');
  }

  readonly #problem: string;

  /** @param code another code, which a rule of the option `errors` assigns */
  constructor(option: string, what: string, options?: ReplicationErrorOptions, code: ErrorCode = 'CONFIG_INVALID') {
    // The remedy of CONFIG_INVALID refers to the message, which need not repeat it.
    super(
      code,
      `${option}: ${what}`,
      code === 'CONFIG_INVALID' ? { ...options, remedy: options?.remedy ?? '' } : options,
    );
    this.option = option;
    this.#problem = what;
  }

  /** @internal */
  override withCode(code: ErrorCode, changes: OptionChanges): ConfigError {
    return new ConfigError(this.option, this.#problem, this.mergeOptions(changes), code);
  }
}

/** The client could not connect, or the connection was lost. `cause` is the error of the socket, if there was one. */
export class ConnectionError extends ReplicationError {
  static {
    giveName(this, 'ConnectionError');
  }

  /** @internal */
  override withCode(code: ErrorCode, changes: OptionChanges): ConnectionError {
    return new ConnectionError(code, this.what, this.mergeOptions(changes));
  }
}

/** The peer violated the protocol. */
export class ProtocolError extends ReplicationError {
  static {
    giveName(this, 'ProtocolError');
  }

  constructor(what: string, options?: ReplicationErrorOptions) {
    super('PROTOCOL_VIOLATION', what, options);
  }

  /** @internal */
  override withCode(code: ErrorCode, changes: OptionChanges): ReplicationError {
    return code === this.code
      ? new ProtocolError(this.what, this.mergeOptions(changes))
      : super.withCode(code, changes);
  }
}

/**
 * The fields of an ErrorResponse or NoticeResponse.
 *
 * Source: PostgreSQL manual, "Error and Notice Message Fields".
 */
export interface ServerFields {
  /** `ERROR`, `FATAL`, `WARNING` …, never localized. */
  readonly severity: string;
  /** The five-character SQLSTATE. */
  readonly sqlState: string;
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
  readonly position?: string;
  readonly internalPosition?: string;
  readonly internalQuery?: string;
  /** The context: for a decoding failure it names the slot, the plugin and the associated LSN. */
  readonly where?: string;
  readonly schema?: string;
  readonly table?: string;
  readonly column?: string;
  readonly dataType?: string;
  readonly constraint?: string;
  readonly file?: string;
  readonly line?: string;
  readonly routine?: string;
}

/** The server reported an error; `server` has all fields of its ErrorResponse. */
export class ServerError extends ReplicationError {
  readonly server: ServerFields;

  static {
    giveName(this, 'ServerError');
  }

  constructor(code: ErrorCode, server: ServerFields, options?: ReplicationErrorOptions) {
    super(
      code,
      `The server says: ${abridge(server.message)} (SQLSTATE ${server.sqlState})${server.detail ? `: ${abridge(server.detail).replace(/\.$/, '')}` : ''}`,
      options,
    );
    this.server = server;
  }

  /** @internal */
  override withCode(code: ErrorCode, changes: OptionChanges): ServerError {
    return new ServerError(code, this.server, this.mergeOptions(changes));
  }

  /** The five-character SQLSTATE that the server sent. */
  get sqlState(): string {
    return this.server.sqlState;
  }
}
