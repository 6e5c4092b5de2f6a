import { createHash } from 'node:crypto';
import { ProtocolError, ReplicationError } from '../common/errors';
import { findPolicyViolation, type RequireAuthMethod, type AuthenticationPolicy } from './authentication-policy';
import type { BackendMessage } from './backend';
import type { ChannelSecurity } from './channel-security';
import { chooseBinding, createBindingError } from './channel-binding';
import { encodePasswordMessage, encodeSaslInitialResponse, encodeSaslResponse } from './frontend';
import { OAuthBearerClient } from './oauth-bearer';
import type { SaslExchange } from './sasl-exchange';
import { ScramClient } from './scram';

export type CredentialName = 'password' | 'oauthToken';

/** Requests a secret from the configuration. */
export interface CredentialRequest {
  readonly ask: CredentialName;
}

/** The requested secret; undefined if there is none. */
export interface Credential {
  readonly kind: 'credential';
  readonly value: string | undefined;
}

/** The result of a callback that is not part of authentication. */
export interface OtherAnswer {
  readonly kind: 'startPosition';
}

/** Requests secrets, and returns the message to send, if any. */
export type AuthenticationStep<T = Buffer | undefined> = Generator<
  CredentialRequest,
  T,
  BackendMessage | Credential | OtherAnswer
>;

/** The methods that the library does not support, by their number in the Authentication message. */
const UNSUPPORTED: ReadonlyMap<number, string> = new Map([
  [2, 'Kerberos V5'],
  [6, 'SCM credentials'],
  [7, 'GSSAPI'],
  [8, 'GSSAPI'],
  [9, 'SSPI'],
]);

/**
 * Responds to the server's Authentication messages: trust, password, md5, scram-sha-256 and oauth.
 *
 * The server can request one method only, so it cannot request a weaker method after a stronger one. A method that the policy
 * does not allow is refused before any secret is requested.
 */
export class Authenticator {
  readonly #policy: AuthenticationPolicy;
  readonly #channel: ChannelSecurity;
  #stage: 'new' | 'requested' | 'responded' | 'done' = 'new';
  #exchange: SaslExchange | undefined;

  constructor(policy: AuthenticationPolicy, channel: ChannelSecurity) {
    this.#policy = policy;
    this.#channel = channel;
  }

  /** Whether AuthenticationOk was received and accepted. */
  get done(): boolean {
    return this.#stage === 'done';
  }

  /**
   * Processes an Authentication message.
   *
   * @throws {ReplicationError} `AUTHENTICATION_REFUSED`, `AUTHENTICATION_FAILED`, `AUTHENTICATION_UNSUPPORTED` or
   * `SERVER_VERIFICATION_FAILED`.
   * @throws {ProtocolError} for a message out of sequence.
   */
  *respond(message: BackendMessage): AuthenticationStep {
    switch (message.kind) {
      case 'authenticationOk':
        this.#accept();
        return undefined;
      case 'authenticationCleartext':
        this.#begin();
        this.#assertAllowed('password');
        return this.#respondWith(encodePasswordMessage(yield* requestPassword()));
      case 'authenticationMd5':
        this.#begin();
        this.#assertAllowed('md5');
        return this.#respondWith(
          encodePasswordMessage(`md5${hashMd5(hashMd5((yield* requestPassword()) + this.#policy.user), message.salt)}`),
        );
      case 'authenticationSasl': {
        this.#begin();
        const exchange = yield* this.#chooseExchange(message.mechanisms);
        this.#exchange = exchange;
        return this.#respondWith(encodeSaslInitialResponse(exchange.mechanism, exchange.getInitialResponse()));
      }
      case 'authenticationSaslContinue':
        return encodeSaslResponse(this.#requireExchange().respond(message.data));
      case 'authenticationSaslFinal':
        this.#requireExchange().verify(message.data);
        return undefined;
      case 'authenticationOther':
        throw createUnsupportedError(UNSUPPORTED.get(message.method) ?? `number ${message.method}`);
      default:
        throw new ProtocolError(`The server sent ${message.kind}; expected an authentication message`);
    }
  }

  /** Adds the reason for which the server has rejected an OAuth token to its ErrorResponse. */
  explain(error: ReplicationError): ReplicationError {
    const refusal = this.#exchange instanceof OAuthBearerClient ? this.#exchange.refusal : undefined;
    if (refusal === undefined) return error;
    return error.withCode('AUTHENTICATION_FAILED', {
      remedy: `Set connection.oauthToken to a token with the required scope, of the required issuer, for this user. The server's reason: ${refusal}.`,
    });
  }

  #accept(): void {
    if (this.#stage === 'new') this.#assertAllowed('none');
    else if (this.#stage !== 'responded') throw new ProtocolError('The server sent AuthenticationOk out of sequence');
    this.#exchange?.accept();
    this.#stage = 'done';
  }

  #begin(): void {
    if (this.#stage !== 'new') throw new ProtocolError('The server requested authentication twice');
    this.#stage = 'requested';
  }

  #respondWith(message: Buffer): Buffer {
    this.#stage = 'responded';
    return message;
  }

  #assertAllowed(method: RequireAuthMethod): void {
    const request = method === 'none' ? 'does not request authentication' : `requests authentication by ${method}`;
    if (this.#policy.channelBinding === 'require' && method !== 'scram-sha-256')
      throw createBindingError(`the server ${request}`);
    const why = findPolicyViolation(this.#policy, this.#channel, method);
    if (why !== undefined) throw new ReplicationError('AUTHENTICATION_REFUSED', `The server ${request}, but ${why}`);
  }

  /** Prefers SCRAM, which does not disclose the password. A token is used if there is no password. */
  *#chooseExchange(mechanisms: readonly string[]): AuthenticationStep<SaslExchange> {
    const { channelBinding } = this.#policy;
    const binding = chooseBinding(mechanisms, channelBinding, this.#channel);
    const offered: Offer[] = [];
    if (binding) {
      offered.push({
        method: 'scram-sha-256',
        secret: 'password',
        start: (password) => new ScramClient({ password, binding }),
      });
    }
    if (channelBinding !== 'require' && mechanisms.includes('OAUTHBEARER')) {
      offered.push({ method: 'oauth', secret: 'oauthToken', start: (token) => new OAuthBearerClient(token) });
    }
    const [first] = offered;
    if (!first) throw createUnsupportedError(`SASL with ${mechanisms.join(', ') || 'no mechanism'}`);

    const allowed = offered.filter(({ method }) => !findPolicyViolation(this.#policy, this.#channel, method));
    if (allowed.length === 0) this.#assertAllowed(first.method);
    for (const { secret: name, start } of allowed) {
      const secret = yield* requestCredential(name);
      if (secret !== undefined) return start(secret);
    }
    throw createMissingCredentialError(allowed.map(({ secret }) => secret));
  }

  #requireExchange(): SaslExchange {
    if (this.#exchange === undefined || this.#stage !== 'responded') {
      throw new ProtocolError('The server sent a SASL message before AuthenticationSASL');
    }
    return this.#exchange;
  }
}

/** A SASL method that both the server and the library support. */
interface Offer {
  readonly method: RequireAuthMethod;
  readonly secret: CredentialName;
  readonly start: (secret: string) => SaslExchange;
}

const CREDENTIALS: Readonly<Record<CredentialName, { readonly name: string; readonly remedy: string }>> = {
  password: {
    name: 'a password',
    remedy: 'Set connection.password, a password in the connection string, or PGPASSWORD.',
  },
  oauthToken: { name: 'an OAuth token', remedy: 'Set connection.oauthToken.' },
};

/** An empty secret counts as missing, as in libpq: PostgreSQL does not allow empty passwords. */
function* requestCredential(ask: CredentialName): AuthenticationStep<string | undefined> {
  const answer = yield { ask };
  if (answer.kind !== 'credential')
    throw new ProtocolError(`The server sent ${answer.kind} before the client's response`);
  return answer.value === '' ? undefined : answer.value;
}

function* requestPassword(): AuthenticationStep<string> {
  const secret = yield* requestCredential('password');
  if (secret === undefined) throw createMissingCredentialError(['password']);
  return secret;
}

function createMissingCredentialError(secrets: readonly CredentialName[]): ReplicationError {
  const names = secrets.map((secret) => CREDENTIALS[secret].name).join(' or ');
  const remedy = secrets.map((secret) => CREDENTIALS[secret].remedy).join(' Or: ');
  return new ReplicationError('AUTHENTICATION_FAILED', `The server requires ${names}, but none is set`, { remedy });
}

function createUnsupportedError(method: string): ReplicationError {
  return new ReplicationError('AUTHENTICATION_UNSUPPORTED', `The server requests authentication by ${method}`);
}

function hashMd5(...parts: (string | Buffer)[]): string {
  const hash = createHash('md5');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}
