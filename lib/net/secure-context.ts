import { X509Certificate } from 'node:crypto';
import { createSecureContext, type ConnectionOptions as TlsOptions, type SecureContext } from 'node:tls';
import { ConfigError } from '../common/errors';
import { getErrorCode } from '../common/option-reader';

const NO_CERTIFICATE = 'expected a certificate in PEM format';

/** The first line of a certificate in PEM format. */
const CERTIFICATE = /^-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/m;

/**
 * Creates a secure context from certificates and keys.
 *
 * @throws {ConfigError} for the option that cannot be used
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

/** Rejects an empty or invalid ca: Node.js would trust its default roots instead, or silently ignore the invalid parts. */
function checkRoots({ ca }: TlsOptions): void {
  if (ca === undefined) return;
  const roots = Array.isArray(ca) ? ca : [ca];
  if (roots.length > 0 && roots.every(isCertificate)) return;
  throw new ConfigError('connection.sslrootcert', NO_CERTIFICATE);
}

function isCertificate(text: string | Buffer): boolean {
  try {
    // X509Certificate also accepts DER, which Node.js ignores as a root.
    return new X509Certificate(text).raw.length > 0 && CERTIFICATE.test(text.toString());
  } catch {
    return false;
  }
}

/** Finds the option that is invalid on its own, because OpenSSL's message does not name it. */
function explainFailure(options: TlsOptions, error: unknown): Error {
  const { cert, crl, key, passphrase, pfx } = options;
  if (isUnusable({ crl }))
    return new ConfigError('connection.sslcrl', 'expected a certificate revocation list in PEM format');
  if (isUnusable({ cert })) return new ConfigError('connection.sslcert', NO_CERTIFICATE);
  if (isUnusable({ key, passphrase })) return createKeyError(options);
  if (isUnusable({ pfx, passphrase })) {
    return new ConfigError(
      'connection.ssl',
      'pfx cannot be read; check that it is PKCS#12 and that passphrase opens it',
    );
  }
  if (isUnusable({ cert, key, passphrase })) {
    return new ConfigError('connection.sslkey', 'expected the key of the certificate in sslcert, got another one');
  }
  return new ConfigError(
    'connection.ssl',
    `tls.connect rejects the options (${getErrorCode(error) ?? 'without a reason'})`,
  );
}

function createKeyError({ key, passphrase }: TlsOptions): ConfigError {
  const text = typeof key === 'string' || Buffer.isBuffer(key) ? key.toString() : '';
  const isEncrypted = /^-----BEGIN ENCRYPTED|^Proc-Type: 4,ENCRYPTED/m.test(text);
  if (!isEncrypted) return new ConfigError('connection.sslkey', 'expected a private key in PEM format');
  return passphrase === undefined || passphrase === ''
    ? new ConfigError('connection.sslpassword', 'missing; the key in sslkey is encrypted')
    : new ConfigError('connection.sslpassword', 'does not decrypt the key in sslkey');
}

function isUnusable(part: TlsOptions): boolean {
  try {
    createSecureContext(part);
    return false;
  } catch {
    return true;
  }
}
