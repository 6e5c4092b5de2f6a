import { ConfigError, ReplicationError } from '../common/errors';
import type { Target } from '../net/target';
import { formatValue } from '../common/option-reader';
import type { CredentialName } from '../wire/authentication';
import { readPasswordFromFile } from './password-file';

/**
 * Returns a password or a token, or a promise of it. An error of the function is the `cause` of `CREDENTIAL_UNAVAILABLE`; a result
 * that is not text is the error `CONFIG_INVALID`.
 *
 * @example
 * const password: CredentialProvider = () => signer.getAuthToken();
 */
export type CredentialProvider = () => string | PromiseLike<string>;

export interface CredentialOptions {
  readonly user: string;
  readonly database: string;
  readonly password: string | CredentialProvider | undefined;
  /** The password file to read if no password is given. */
  readonly passfile: string | undefined;
  readonly oauthToken: CredentialProvider | undefined;
}

/** Supplies the credentials that a server requests. */
export class Credentials {
  // A private field, so that logs of the settings do not show credentials.
  readonly #options: CredentialOptions;

  constructor(options: CredentialOptions) {
    this.#options = options;
  }

  /**
   * @param found called synchronously if the credential is text; with undefined if there is none
   * @param failed called if the credential is not available
   */
  request(
    name: CredentialName,
    target: Target,
    found: (value: string | undefined) => void,
    failed: (error: ReplicationError) => void,
  ): void {
    const { user, database, password, passfile, oauthToken } = this.#options;
    const source = name === 'password' ? password : oauthToken;
    if (typeof source === 'string') found(source);
    else if (source) callProvider(name, source).then(found, failed);
    else if (name === 'password' && passfile !== undefined) {
      const { host, port } = target;
      readPasswordFromFile(passfile, { host, port, database, user }).then(found, failed);
    } else found(undefined);
  }
}

/** The function's error is the cause and not part of the message, since its text may contain a credential. */
async function callProvider(name: CredentialName, source: CredentialProvider): Promise<string> {
  let value: unknown;
  try {
    value = await source();
  } catch (cause) {
    throw new ReplicationError('CREDENTIAL_UNAVAILABLE', `The function connection.${name} failed`, { cause });
  }
  if (typeof value === 'string') return value;
  const given = typeof value === 'number' ? 'a number' : formatValue(value);
  throw new ConfigError(`connection.${name}`, `expected the function to return text, got ${given}`);
}
