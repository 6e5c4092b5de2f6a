import { createHash } from 'node:crypto';
import { ProtocolError, ReplicationError } from '../errors';
import type { BackendMessage } from './backend';
import { passwordMessage, saslInitialResponse, saslResponse } from './frontend';
import { ScramClient } from './scram';

export interface Credentials {
  readonly user: string;
  readonly password: string | undefined;
}

/** Methods by the number in the Authentication message, those that we do not speak. */
const UNSUPPORTED: ReadonlyMap<number, string> = new Map([
  [2, 'Kerberos V5'],
  [6, 'SCM credentials'],
  [7, 'GSSAPI'],
  [8, 'GSSAPI'],
  [9, 'SSPI'],
]);

/**
 * Answers the server's Authentication messages, in their turn: trust, password, md5 and scram-sha-256.
 *
 * A server gets one answer: it cannot ask for a weaker method after a stronger one.
 */
export class Authenticator {
  readonly #user: string;
  #password: string | undefined;
  #asked = false;
  #scram: ScramClient | undefined;

  constructor({ user, password }: Credentials) {
    this.#user = user;
    this.#password = password;
  }

  /**
   * Takes an Authentication message.
   *
   * @returns what to send, if anything
   * @throws {ReplicationError} `AUTHENTICATION_FAILED`, `AUTHENTICATION_UNSUPPORTED` or `SERVER_NOT_AUTHENTIC`.
   * @throws {ProtocolError} for a message out of turn.
   */
  respond(message: BackendMessage): Buffer | undefined {
    switch (message.kind) {
      case 'authenticationOk':
        this.#accept();
        return undefined;
      case 'authenticationCleartext':
        return passwordMessage(this.#answer());
      case 'authenticationMd5':
        return passwordMessage(`md5${md5(md5(this.#answer() + this.#user), message.salt)}`);
      case 'authenticationSasl':
        return this.#startScram(message.mechanisms);
      case 'authenticationSaslContinue':
        return saslResponse(this.#exchange().respond(message.data));
      case 'authenticationSaslFinal':
        this.#exchange().verify(message.data);
        return undefined;
      case 'authenticationOther':
        throw unsupported(UNSUPPORTED.get(message.method) ?? `number ${message.method}`);
      default:
        throw new ProtocolError(`The server sent ${message.kind}; expected an authentication message`);
    }
  }

  #accept(): void {
    if (this.#scram !== undefined && !this.#scram.verified) {
      throw new ReplicationError(
        'SERVER_NOT_AUTHENTIC',
        'The server let us in before the SCRAM exchange had come to its signature',
      );
    }
    this.#asked = true;
    this.#password = undefined;
  }

  /** The password, for the one method that the server may ask for. */
  #answer(): string {
    if (this.#asked) throw new ProtocolError('The server asked for a password again; expected its verdict');
    const password = this.#password;
    // An empty password counts as none, as it does for libpq: PostgreSQL lets nobody have one.
    if (password === undefined || password === '') {
      throw new ReplicationError('AUTHENTICATION_FAILED', 'The server asks for a password and none was given', {
        remedy: 'Give connection.password, put one into the connection string, or set PGPASSWORD.',
      });
    }
    this.#asked = true;
    this.#password = undefined;
    return password;
  }

  #startScram(mechanisms: readonly string[]): Buffer {
    if (!mechanisms.includes('SCRAM-SHA-256'))
      throw unsupported(`SASL with ${mechanisms.join(', ') || 'no mechanism'}`);
    const scram = new ScramClient({ password: this.#answer() });
    this.#scram = scram;
    return saslInitialResponse(scram.mechanism, scram.initial());
  }

  #exchange(): ScramClient {
    if (this.#scram === undefined) {
      throw new ProtocolError('The server sent a SASL message; expected it to offer mechanisms first');
    }
    return this.#scram;
  }
}

function unsupported(method: string): ReplicationError {
  return new ReplicationError('AUTHENTICATION_UNSUPPORTED', `The server asks for authentication by ${method}`);
}

function md5(...parts: (string | Buffer)[]): string {
  const hash = createHash('md5');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}
