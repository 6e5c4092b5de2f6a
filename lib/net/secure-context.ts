import { X509Certificate } from 'node:crypto';
import { createSecureContext, type ConnectionOptions as TlsOptions, type SecureContext } from 'node:tls';
import { ConfigError } from '../common/errors';
import { getErrorCode } from '../common/options';

const NO_CERTIFICATE = 'this is no certificate in PEM';

/** How one begins. */
const CERTIFICATE = /^-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/m;

/**
 * Certificates and keys, read and joined.
 *
 * @throws {ConfigError} naming what cannot be used
 */
export function loadSecureContext(options: TlsOptions): SecureContext {
  if (options.secureContext) return options.secureContext;
  checkRoots(options);
  try {
    return createSecureContext(options);
  } catch (error) {
    throw explainFailure(options, error);
  }
}

/** Node takes nothing for all roots that it knows, and passes over what is no certificate in silence. */
function checkRoots({ ca }: TlsOptions): void {
  if (ca === undefined) return;
  const roots = Array.isArray(ca) ? ca : [ca];
  if (roots.length > 0 && roots.every(isCertificate)) return;
  throw new ConfigError('connection.sslrootcert', NO_CERTIFICATE);
}

function isCertificate(text: string | Buffer): boolean {
  try {
    // It would read DER, too, which Node does not take for a root.
    return new X509Certificate(text).raw.length > 0 && CERTIFICATE.test(text.toString());
  } catch {
    return false;
  }
}

/** Whichever part cannot be used by itself is at fault. OpenSSL's own message names none, and may have read another. */
function explainFailure(options: TlsOptions, error: unknown): Error {
  const { cert, crl, key, passphrase, pfx } = options;
  if (isUnusable({ crl })) return new ConfigError('connection.sslcrl', 'this is no certificate revocation list in PEM');
  if (isUnusable({ cert })) return new ConfigError('connection.sslcert', NO_CERTIFICATE);
  if (isUnusable({ key, passphrase })) return createKeyError(options);
  if (isUnusable({ pfx, passphrase })) {
    return new ConfigError(
      'connection.ssl',
      'pfx cannot be read; check that it is PKCS#12 and that passphrase opens it',
    );
  }
  if (isUnusable({ cert, key, passphrase })) {
    return new ConfigError('connection.sslkey', 'this is not the key of the certificate in sslcert');
  }
  return new ConfigError(
    'connection.ssl',
    `tls.connect does not take these options (${getErrorCode(error) ?? 'no reason given'})`,
  );
}

function createKeyError({ key, passphrase }: TlsOptions): ConfigError {
  const text = typeof key === 'string' || Buffer.isBuffer(key) ? key.toString() : '';
  const isEncrypted = /^-----BEGIN ENCRYPTED|^Proc-Type: 4,ENCRYPTED/m.test(text);
  if (!isEncrypted) return new ConfigError('connection.sslkey', 'this is no private key in PEM');
  return passphrase === undefined || passphrase === ''
    ? new ConfigError('connection.sslpassword', 'missing; the key in sslkey is encrypted')
    : new ConfigError('connection.sslpassword', 'the key in sslkey cannot be decrypted with this');
}

function isUnusable(part: TlsOptions): boolean {
  try {
    createSecureContext(part);
    return false;
  } catch {
    return true;
  }
}
