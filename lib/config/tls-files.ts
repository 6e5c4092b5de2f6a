import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { getErrorCode } from '../common/options';
import type { Parameters } from './parameters';

type FileName = 'sslrootcert' | 'sslcrl' | 'sslcert' | 'sslkey';

/** What they are called in libpq's folder, where they may be missing. */
const BY_DEFAULT: Readonly<Record<FileName, string>> = {
  sslrootcert: 'root.crt',
  sslcrl: 'root.crl',
  sslcert: 'postgresql.crt',
  sslkey: 'postgresql.key',
};

/** The files of certificates and keys, read whenever they are asked for. */
export class TlsFiles {
  readonly #parameters: Parameters;
  readonly #folder: string | undefined;

  /** @param folder where libpq keeps those that are not named */
  constructor(parameters: Parameters, folder: string | undefined) {
    this.#parameters = parameters;
    this.#folder = folder;
  }

  /** undefined: those that Node.js trusts. */
  authorities(): Buffer | undefined {
    return this.#parameters.text('sslrootcert') === 'system' ? undefined : this.#read('sslrootcert');
  }

  /** @param byDefault whether libpq's file counts where none is named */
  revoked(byDefault: boolean): Buffer | undefined {
    return byDefault || this.#parameters.text('sslcrl') !== undefined ? this.#read('sslcrl') : undefined;
  }

  /** What we show of ourselves. */
  ours(): TlsOptions {
    const cert = this.#read('sslcert');
    if (!cert) return {};
    const passphrase = this.#parameters.text('sslpassword');
    return { cert, key: this.#key(), ...(passphrase !== undefined && { passphrase }) };
  }

  #key(): Buffer {
    const path = this.#path('sslkey');
    if (path !== undefined && process.platform !== 'win32') this.#guard(path);
    const key = this.#read('sslkey');
    if (key) return key;
    throw this.#parameters.error('sslkey', `missing; the certificate in sslcert needs its key`);
  }

  /** As in libpq: root's may be read by a group. */
  #guard(path: string): void {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (!stats || (stats.mode & (stats.uid === 0 ? 0o037 : 0o077)) === 0) return;
    throw this.#parameters.error('sslkey', `others may read ${path}: chmod 600 it, or 640 where it is root's`);
  }

  /** Where it is; undefined: nowhere. */
  #path(name: FileName): string | undefined {
    const given = this.#parameters.text(name);
    if (given !== undefined) {
      // Nobody shall read it in an error.
      if (!/-----BEGIN|[\r\n]/.test(given)) return given;
      const remedy = 'expected the name of a file, got what stands in one; give that in ssl: { ca, cert, key }';
      throw this.#parameters.error(name, remedy);
    }
    const byDefault = this.#folder && join(this.#folder, BY_DEFAULT[name]);
    return byDefault && existsSync(byDefault) ? byDefault : undefined;
  }

  #read(name: FileName): Buffer | undefined {
    const path = this.#path(name);
    if (path === undefined) return undefined;
    try {
      return readFileSync(path);
    } catch (error) {
      throw this.#parameters.error(name, `${path} cannot be read (${getErrorCode(error) ?? 'it is no file'})`);
    }
  }
}
