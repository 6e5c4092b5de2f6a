import { ERRORS, type ErrorCode } from './error-codes';
import type { PreflightFinding } from './findings';

export interface ReplicationErrorOptions {
  /** What led to it. */
  cause?: unknown;
  /** Where this case differs from the code's own entry in {@link ERRORS}. */
  retryable?: boolean | undefined;
  remedy?: string | undefined;
  /** What else is wrong, see {@link ReplicationError.findings}. */
  findings?: readonly PreflightFinding[] | undefined;
}

/** What steers a terminal, begins a new line of a log, or turns the direction of what follows. */
const STEERING = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

/** A server may be anybody, and people read messages in terminals. */
function makePrintable(message: string): string {
  return message.replace(STEERING, (sign) =>
    sign === '\n' ? '\\n' : `\\u{${sign.codePointAt(0)?.toString(16) ?? ''}}`,
  );
}

/** What somebody else said, not too long for a message. */
export function abridge(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST)} …` : text;
}

const LONGEST = 1000;

/**
 * Names a class, and its instances, by a literal: a minifier renames classes, and logs and alerts know errors by name. It
 * stands on the prototype, where the stack's first line takes it from.
 */
export function giveName(errorClass: { readonly prototype: Error }, name: string): void {
  Object.defineProperty(errorClass, 'name', { value: name, configurable: true });
  Object.defineProperty(errorClass.prototype, 'name', { value: name, configurable: true, writable: true });
}

/** What every error of this library has in common. Its message ends with the remedy and never holds the password. */
export class ReplicationError extends Error {
  /** The stable name of the failure. */
  readonly code: ErrorCode;
  /** Whether the same subscription can succeed later with nothing changed. */
  readonly retryable: boolean;
  /** What to do about it, in a sentence. */
  readonly remedy: string;

  readonly #what: string;
  readonly #findings: readonly PreflightFinding[];

  static {
    giveName(this, 'ReplicationError');
  }

  constructor(code: ErrorCode, what: string, options: ReplicationErrorOptions = {}) {
    const { findings = [], remedy = ERRORS[code].remedy } = options;
    super(
      makePrintable(`${what}. ${listFindings(findings)}${remedy}`),
      'cause' in options ? { cause: options.cause } : undefined,
    );
    this.#what = what;
    this.#findings = findings;
    this.code = code;
    this.retryable = options.retryable ?? ERRORS[code].retryable;
    this.remedy = remedy;
  }

  /**
   * What else preflight finds wrong with the server, of severity `error`: each has a code, a message and a remedy of its own.
   * The message of this error lists them, too.
   *
   * It is empty but for errors that are not retryable, with which an observable's first subscription ends before its stream
   * has started, and which came after the server let the client in. It is also empty when the server did not answer within
   * connectTimeout.
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

  /** For logs: `JSON.stringify` leaves the message out of other errors. What else an error holds may not be for logs. */
  toJSON(): Record<string, unknown> {
    const { name, message, code, retryable, findings } = this;
    return { name, message, code, retryable, ...(findings.length > 0 && { findings }) };
  }

  /**
   * The same failure under another code, or with another remedy.
   *
   * @internal
   */
  recast(code: ErrorCode, seen: Recast): ReplicationError {
    return new ReplicationError(code, this.#what, this.kept(seen));
  }

  /**
   * What has happened, without the remedy.
   *
   * @internal
   */
  get what(): string {
    return this.#what;
  }

  /**
   * The first sentence of the message: what has happened, as it may be shown.
   *
   * @internal
   */
  get summary(): string {
    return `${makePrintable(this.#what)}.`;
  }

  /** @internal */
  protected kept(seen: Recast): ReplicationErrorOptions {
    const kept = { findings: this.#findings, ...seen };
    return 'cause' in this ? { ...kept, cause: this.cause } : kept;
  }
}

/** What is said of a failure in place of what its code says. */
type Recast = Pick<ReplicationErrorOptions, 'retryable' | 'remedy' | 'findings'>;

/** So many findings stand in a message; the others are counted. */
const FINDINGS_SHOWN = 3;

/** The part of a message that lists what else was found. */
function listFindings(findings: readonly PreflightFinding[]): string {
  if (findings.length === 0) return '';
  const shown = findings.slice(0, FINDINGS_SHOWN).map(({ message }) => abridge(message));
  const others = findings.length - shown.length;
  return `preflight finds besides: ${shown.join(' ')} ${others > 0 ? `And ${others} more, see findings. ` : ''}`;
}

/** An option that cannot be used as it was given. */
export class ConfigError extends ReplicationError {
  /** The option at fault, as in `connection.port`. */
  readonly option: string;

  static {
    giveName(this, 'ConfigError');
  }

  readonly #wrong: string;

  /** @param code what a rule of the option `errors` takes it for */
  constructor(option: string, what: string, options?: ReplicationErrorOptions, code: ErrorCode = 'CONFIG_INVALID') {
    super(code, `${option}: ${what}`, options);
    this.option = option;
    this.#wrong = what;
  }

  /** @internal */
  override recast(code: ErrorCode, seen: Recast): ConfigError {
    return new ConfigError(this.option, this.#wrong, this.kept(seen), code);
  }
}

/** The connection could not be made, or ended unasked. `cause` is the socket's error where there was one. */
export class ConnectionError extends ReplicationError {
  static {
    giveName(this, 'ConnectionError');
  }

  /** @internal */
  override recast(code: ErrorCode, seen: Recast): ConnectionError {
    return new ConnectionError(code, this.what, this.kept(seen));
  }
}

/** The peer sent what the protocol does not allow. */
export class ProtocolError extends ReplicationError {
  static {
    giveName(this, 'ProtocolError');
  }

  constructor(what: string, options?: ReplicationErrorOptions) {
    super('PROTOCOL_VIOLATION', what, options);
  }

  /** @internal */
  override recast(code: ErrorCode, seen: Recast): ReplicationError {
    return code === this.code ? new ProtocolError(this.what, this.kept(seen)) : super.recast(code, seen);
  }
}

/**
 * The fields of an ErrorResponse or NoticeResponse.
 *
 * Source: PostgreSQL manual, "Error and Notice Message Fields".
 */
export interface ServerFields {
  /** `ERROR`, `FATAL`, `WARNING` …, never localised. */
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

/** The server said no; `server` has all that it said. */
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
  override recast(code: ErrorCode, seen: Recast): ServerError {
    return new ServerError(code, this.server, this.kept(seen));
  }

  /** The five-character SQLSTATE that the server sent. */
  get sqlState(): string {
    return this.server.sqlState;
  }
}
