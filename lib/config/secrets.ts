import { ConfigError, ReplicationError } from '../common/errors';
import type { Target } from '../net/target';
import { formatValue } from '../common/options';
import type { SecretName } from '../wire/authentication';
import { readPasswordFromFile } from './password-file';

/** Gets a password or a token, at once or later. */
export type CredentialProvider = () => string | PromiseLike<string>;

export interface SecretOptions {
  readonly user: string;
  readonly database: string;
  readonly password: string | CredentialProvider | undefined;
  /** Where passwords are looked up if none was given. */
  readonly passfile: string | undefined;
  readonly oauthToken: CredentialProvider | undefined;
}

/** Knows the secrets, or where they are kept; asked only for those that a server asks for. */
export class Secrets {
  // Private, so that no log of settings shows them.
  readonly #options: SecretOptions;

  constructor(options: SecretOptions) {
    this.#options = options;
  }

  /**
   * @param found called at once where the secret is known; with undefined where there is none
   * @param failed called when it could not be had
   */
  ask(
    name: SecretName,
    target: Target,
    found: (value: string | undefined) => void,
    failed: (error: ReplicationError) => void,
  ): void {
    const { user, database, password, passfile, oauthToken } = this.#options;
    const source = name === 'password' ? password : oauthToken;
    if (typeof source === 'string') found(source);
    else if (source) call(name, source).then(found, failed);
    else if (name === 'password' && passfile !== undefined) {
      const { host, port } = target;
      readPasswordFromFile(passfile, { host, port, database, user }).then(found, failed);
    } else found(undefined);
  }
}

/** What a source throws is the user's, and may quote what is secret: it is the cause, and not in the message. */
async function call(name: SecretName, source: CredentialProvider): Promise<string> {
  let value: unknown;
  try {
    value = await source();
  } catch (cause) {
    throw new ReplicationError('SECRET_UNAVAILABLE', `The function connection.${name} has failed`, { cause });
  }
  if (typeof value === 'string') return value;
  const given = typeof value === 'number' ? 'a number' : formatValue(value);
  throw new ConfigError(`connection.${name}`, `expected the function to give text, got ${given}`);
}
