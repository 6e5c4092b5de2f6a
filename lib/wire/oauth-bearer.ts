import { ConfigError, ProtocolError } from '../common/errors';
import { quoteForMessage } from './message-quoting';
import type { SaslExchange } from './sasl-exchange';

/** RFC 6750, section 2.1: b64token. */
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;
/** Separates the parts of a message. A message that is only this byte is the response to a failure. */
const SEPARATOR = '\x01';

/** The fields of a failure that the error shows. */
const FIELDS = ['status', 'scope', 'openid-configuration'] as const;

/**
 * The client side of an OAUTHBEARER exchange. It does not authenticate the server.
 *
 * Source: RFC 7628, and the PostgreSQL manual, "SASL Authentication".
 */
export class OAuthBearerClient implements SaslExchange {
  readonly mechanism = 'OAUTHBEARER';
  #token: string | undefined;
  #refusal: string | undefined;

  /** @throws {ConfigError} if the token has invalid characters; the error does not show it. */
  constructor(token: string) {
    if (!TOKEN.test(token)) {
      throw new ConfigError(
        'connection.oauthToken',
        'invalid bearer token: it may contain only A-Z a-z 0-9 - . _ ~ + / and = at its end',
      );
    }
    this.#token = token;
  }

  /** Why the server has rejected the token; undefined if it has not. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  /** Returns the initial response. It has no user name: PostgreSQL uses the name of the StartupMessage, and rejects one here. */
  getInitialResponse(): string {
    const token = this.#token ?? '';
    this.#token = undefined;
    return `n,,${SEPARATOR}auth=Bearer ${token}${SEPARATOR}${SEPARATOR}`;
  }

  /** Processes the server's failure message. The server sends the ErrorResponse after the response. */
  respond(failure: string): string {
    if (this.#refusal !== undefined)
      throw new ProtocolError('The server rejected the token twice; expected an ErrorResponse');
    this.#refusal = describeRefusal(failure);
    return SEPARATOR;
  }

  /** @throws {ProtocolError} always: the server accepts a token with AuthenticationOk only. */
  verify(): void {
    throw new ProtocolError(
      'The server sent AuthenticationSASLFinal for OAUTHBEARER; expected AuthenticationOk or an ErrorResponse',
    );
  }

  accept(): void {
    if (this.#refusal !== undefined)
      throw new ProtocolError('The server sent AuthenticationOk after it had rejected the token');
  }
}

/** Returns the readable fields of a failure message, such as `status "invalid_token", scope "openid"`. */
function describeRefusal(failure: string): string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(failure);
  } catch {
    parsed = undefined;
  }
  const values =
    typeof parsed === 'object' && parsed !== null ? new Map<string, unknown>(Object.entries(parsed)) : undefined;
  const parts = FIELDS.flatMap((field) => {
    const value = values?.get(field);
    return typeof value === 'string' ? [`${field} ${quoteForMessage(value)}`] : [];
  });
  return parts.join(', ') || 'none that is readable';
}
