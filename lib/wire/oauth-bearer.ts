import { ConfigError, ProtocolError } from '../common/errors';
import { quoteForMessage } from './quoting';
import type { SaslExchange } from './sasl-exchange';

/** RFC 6750, section 2.1: b64token. */
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;
/** Stands between the parts of a message, and is by itself the answer to a refusal. */
const SEPARATOR = '\x01';

/** What of a refusal is for people. */
const FIELDS = ['status', 'scope', 'openid-configuration'] as const;

/**
 * The client's side of one OAUTHBEARER exchange. The server proves nothing in it.
 *
 * Source: RFC 7628, and the PostgreSQL manual, "SASL Authentication".
 */
export class OAuthBearerClient implements SaslExchange {
  readonly mechanism = 'OAUTHBEARER';
  #token: string | undefined;
  #refusal: string | undefined;

  /** @throws {ConfigError} when it holds what no bearer token does; it is not shown. */
  constructor(token: string) {
    if (!TOKEN.test(token)) {
      throw new ConfigError(
        'connection.oauthToken',
        'it is no bearer token: it may hold only A-Z a-z 0-9 - . _ ~ + / and = at its end',
      );
    }
    this.#token = token;
  }

  /** What the server has said against the token, or undefined. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  /** No name: PostgreSQL takes the StartupMessage's and refuses one here. */
  getInitialResponse(): string {
    const token = this.#token ?? '';
    this.#token = undefined;
    return `n,,${SEPARATOR}auth=Bearer ${token}${SEPARATOR}${SEPARATOR}`;
  }

  /** Takes the reasons of a refusal. After the answer comes the ErrorResponse. */
  respond(failure: string): string {
    if (this.#refusal !== undefined) throw new ProtocolError('The server refused the token again; expected an error');
    this.#refusal = describeRefusal(failure);
    return SEPARATOR;
  }

  /** @throws {ProtocolError} always: a token that is good is answered by AuthenticationOk alone. */
  verify(): void {
    throw new ProtocolError('The server sent more data for OAUTHBEARER; expected its verdict');
  }

  accept(): void {
    if (this.#refusal !== undefined)
      throw new ProtocolError('The server refused the token and let us in; expected an error');
  }
}

/** `status "invalid_token", scope "openid"`, as far as it can be understood. */
function describeRefusal(failure: string): string {
  let said: unknown;
  try {
    said = JSON.parse(failure);
  } catch {
    said = undefined;
  }
  const values = typeof said === 'object' && said !== null ? new Map<string, unknown>(Object.entries(said)) : undefined;
  const parts = FIELDS.flatMap((field) => {
    const value = values?.get(field);
    return typeof value === 'string' ? [`${field} ${quoteForMessage(value)}`] : [];
  });
  return parts.join(', ') || 'no reason that could be read';
}
