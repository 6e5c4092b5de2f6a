import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { getErrorCode } from '../common/option-reader';
import type { Parameters } from './parameters';

type FileName = 'sslrootcert' | 'sslcrl' | 'sslcert' | 'sslkey';

/** The default names in libpq's directory, where the files are optional. */
const DEFAULT_NAMES: Readonly<Record<FileName, string>> = {
  sslrootcert: 'root.crt',
  sslcrl: 'root.crl',
  sslcert: 'postgresql.crt',
  sslkey: 'postgresql.key',
};

/** The files of certificates and keys; each call reads its file again. */
export class TlsFiles {
  readonly #parameters: Parameters;
  readonly #directory: string | undefined;

  /** @param directory libpq's directory of default files */
  constructor(parameters: Parameters, directory: string | undefined) {
    this.#parameters = parameters;
    this.#directory = directory;
  }

  /** Reads the certificates of authorities; undefined: those that Node.js trusts. */
  readAuthorities(): Buffer | undefined {
    return this.#parameters.text('sslrootcert') === 'system' ? undefined : this.#read('sslrootcert');
  }

  /** Reads the revocation lists. @param byDefault whether to read libpq's default file if `sslcrl` is not set */
  readRevocationList(byDefault: boolean): Buffer | undefined {
    return byDefault || this.#parameters.text('sslcrl') !== undefined ? this.#read('sslcrl') : undefined;
  }

  /** Reads the client certificate and its key. */
  readClientCertificate(): TlsOptions {
    const cert = this.#read('sslcert');
    if (!cert) return {};
    const passphrase = this.#parameters.text('sslpassword');
    return { cert, key: this.#readKey(), ...(passphrase !== undefined && { passphrase }) };
  }

  #readKey(): Buffer {
    const path = this.#path('sslkey');
    if (path !== undefined && process.platform !== 'win32') this.#assertPrivate(path);
    const key = this.#read('sslkey');
    if (key) return key;
    throw this.#parameters.error('sslkey', `missing; the certificate in sslcert requires its key`);
  }

  /** As in libpq: the group may read a key that root owns. */
  #assertPrivate(path: string): void {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (!stats || (stats.mode & (stats.uid === 0 ? 0o037 : 0o077)) === 0) return;
    throw this.#parameters.error(
      'sslkey',
      `${path} can be read by other users; run chmod 600, or chmod 640 if root owns it`,
    );
  }

  /** The path of the file; undefined if there is none. */
  #path(name: FileName): string | undefined {
    const given = this.#parameters.text(name);
    if (given !== undefined) {
      // The value is the content of a key: the error does not show it.
      if (!/-----BEGIN|[\r\n]/.test(given)) return given;
      const remedy = 'expected the name of a file, got its content; set ssl: { ca, cert, key } to use content';
      throw this.#parameters.error(name, remedy);
    }
    const byDefault = this.#directory && join(this.#directory, DEFAULT_NAMES[name]);
    return byDefault && existsSync(byDefault) ? byDefault : undefined;
  }

  #read(name: FileName): Buffer | undefined {
    const path = this.#path(name);
    if (path === undefined) return undefined;
    try {
      return readFileSync(path);
    } catch (error) {
      throw this.#parameters.error(name, `${path} cannot be read (${getErrorCode(error) ?? 'unknown reason'})`);
    }
  }
}
