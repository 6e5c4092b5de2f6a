import { abridge } from '../common/error-text';
import { ConnectionError } from '../common/errors';
import { isRecord } from '../common/option-reader';

/** The reason for a TLS failure, and its remedy. */
interface Reason {
  readonly what: string;
  readonly remedy: string;
}

const HOST: Reason = {
  what: "The server's certificate is for another host",
  remedy:
    'Set host to a name in the certificate (and hostaddr to the address, if they differ), or set sslmode=verify-ca, which does not verify the name.',
};
const EXPIRED: Reason = {
  what: "The server's certificate has expired",
  remedy:
    "Renew the server's certificate, or the expired certificate of its issuer. If neither has expired, correct the clock of this machine.",
};
const NOT_YET_VALID: Reason = {
  what: "The server's certificate is not valid yet",
  remedy: 'Correct the clock of this machine, or wait until the certificate is valid.',
};
const SELF_SIGNED: Reason = {
  what: "The server's certificate is self-signed and not trusted",
  remedy:
    'Obtain the certificate from a trusted source, and set sslrootcert (ca in ssl) to it. sslmode=require without sslrootcert encrypts without verifying the server.',
};
const UNKNOWN_ISSUER: Reason = {
  what: "The issuer of the server's certificate is not trusted",
  remedy:
    "Set sslrootcert (ca in ssl) to the issuer's root certificate, and make the server send the intermediate certificates.",
};
const REVOKED: Reason = {
  what: "The server's certificate was revoked",
  remedy: 'Install a new certificate on the server. Do not trust a server with the revoked one: its key may be stolen.',
};
const REVOCATION_UNKNOWN: Reason = {
  what: "The revocation status of the server's certificate is unknown",
  remedy: 'Set sslcrl to a file with a current revocation list of each issuer up to the root, or omit sslcrl.',
};
const OLD_VERSION_REASON: Reason = {
  what: 'The server and the client have no TLS version in common',
  remedy:
    "Update the server's OpenSSL, or raise its ssl_max_protocol_version to at least TLSv1.2, or lower ssl_min_protocol_version of the client.",
};
const NOT_TLS: Reason = {
  what: 'The server sent data that is not TLS',
  remedy: 'Check host and port, and that a proxy before the server supports the SSLRequest of PostgreSQL.',
};
const NO_PROTOCOL: Reason = {
  what: 'The server does not support the protocol postgresql over TLS (ALPN)',
  remedy: 'Check that host and port belong to PostgreSQL or a proxy for it, and not to a web server.',
};
const OTHER: Reason = {
  what: 'The TLS handshake failed',
  remedy:
    "Check the server's certificate and log, and the settings sslmode, sslrootcert, sslcert and ssl of the client.",
};

/** By the error codes of Node and OpenSSL for certificates and handshakes. */
const BY_CODE: Readonly<Record<string, Reason>> = {
  ERR_TLS_CERT_ALTNAME_INVALID: HOST,
  HOSTNAME_MISMATCH: HOST,
  CERT_HAS_EXPIRED: EXPIRED,
  CERT_NOT_YET_VALID: NOT_YET_VALID,
  DEPTH_ZERO_SELF_SIGNED_CERT: SELF_SIGNED,
  SELF_SIGNED_CERT_IN_CHAIN: {
    what: "The root of the server's certificate is not trusted",
    remedy: UNKNOWN_ISSUER.remedy,
  },
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_ISSUER,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_ISSUER,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_ISSUER,
  CERT_UNTRUSTED: UNKNOWN_ISSUER,
  CERT_REVOKED: REVOKED,
  UNABLE_TO_GET_CRL: REVOCATION_UNKNOWN,
  CRL_HAS_EXPIRED: REVOCATION_UNKNOWN,
  CRL_NOT_YET_VALID: REVOCATION_UNKNOWN,
  CRL_SIGNATURE_FAILURE: REVOCATION_UNKNOWN,
  ERR_SSL_UNSUPPORTED_PROTOCOL: OLD_VERSION_REASON,
  ERR_SSL_VERSION_TOO_LOW: OLD_VERSION_REASON,
  ERR_SSL_NO_PROTOCOLS_AVAILABLE: OLD_VERSION_REASON,
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: OLD_VERSION_REASON,
  ERR_SSL_WRONG_VERSION_NUMBER: NOT_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NOT_TLS,
  ERR_SSL_RECORD_LAYER_FAILURE: NOT_TLS,
  ERR_SSL_HTTP_REQUEST: NOT_TLS,
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: NO_PROTOCOL,
};

const CLIENT_CERTIFICATE_REMEDY =
  'Set sslcert and sslkey (cert and key in ssl) to a valid certificate whose issuer is in ssl_ca_file of the server.';

/** Alerts by which a server rejects the certificate of the client. OpenSSL has renamed some of them. */
const CLIENT_CERTIFICATE_ALERTS: readonly (readonly [pattern: RegExp, what: string])[] = [
  [/ALERT_CERTIFICATE_REQUIRED$/, 'The server requires a client certificate'],
  [/ALERT_UNKNOWN_CA$/, 'The server does not trust the issuer of the client certificate'],
  [/ALERT_CERTIFICATE_EXPIRED$/, 'According to the server, the client certificate has expired'],
  [/ALERT_CERTIFICATE_REVOKED$/, 'According to the server, the client certificate was revoked'],
  [/ALERT_(BAD|UNSUPPORTED)_CERTIFICATE$/, 'The server cannot use the client certificate'],
  [/ALERT_CERTIFICATE_UNKNOWN$/, 'The server does not accept the client certificate'],
  [/ALERT_(DECRYPT_ERROR|ACCESS_DENIED)$/, 'The server does not accept the client certificate'],
];

/** The codes of a closed connection, which are not specific to TLS. Node uses ECONNRESET for an orderly close, too. */
const CLOSED_CODES: readonly unknown[] = ['ECONNRESET', 'EPIPE', 'ETIMEDOUT'];

const DIRECT = 'Omit sslnegotiation=direct if the server is older than PostgreSQL 17. Otherwise subscribe again.';

/** Creates the error for a failed handshake. If the connection was closed, it returns the error of the system. */
export function toHandshakeError(cause: Error, direct: boolean): Error {
  const code = 'code' in cause ? String(cause.code) : '';
  if (CLOSED_CODES.includes(code)) {
    const what = 'The connection ended in the TLS handshake';
    return direct ? new ConnectionError('CONNECTION_LOST', what, { cause, remedy: DIRECT }) : cause;
  }
  const certificateError = toClientCertificateError(cause);
  if (certificateError) return certificateError;
  // In TLS 1.2, a server that requires a client certificate sends only this alert.
  const { what, remedy } = code.endsWith('ALERT_HANDSHAKE_FAILURE')
    ? { ...OTHER, remedy: CLIENT_CERTIFICATE_REMEDY }
    : getReason(code);
  return new ConnectionError('TLS_FAILED', `${what} (${getDetail(cause)})`, { cause, remedy });
}

/**
 * Creates the error for an alert by which the server rejects the client certificate; undefined for other errors. In TLS 1.3 the
 * alert arrives after the client has completed the handshake.
 */
export function toClientCertificateError(cause: Error): ConnectionError | undefined {
  const code = 'code' in cause ? String(cause.code) : '';
  const what = CLIENT_CERTIFICATE_ALERTS.find(([pattern]) => pattern.test(code))?.[1];
  return what === undefined
    ? undefined
    : new ConnectionError('TLS_FAILED', what, { cause, remedy: CLIENT_CERTIFICATE_REMEDY });
}

/** Creates the error for TLS that was negotiated for another protocol than PostgreSQL's. */
export function createProtocolMismatchError(): ConnectionError {
  return new ConnectionError('TLS_FAILED', NO_PROTOCOL.what, { remedy: NO_PROTOCOL.remedy });
}

/** Creates the error for an ErrorResponse to SSLRequest. It is not authenticated, so its text is not shown (CVE-2024-10977). */
export function createUnauthenticatedReplyError(): ConnectionError {
  return new ConnectionError(
    'CONNECTION_LOST',
    'The server responded to SSLRequest with an error, which is not authenticated and not shown',
    { remedy: "See the server's log: it may have reached its limit of processes or memory." },
  );
}

function getReason(code: string): Reason {
  return BY_CODE[code] ?? OTHER;
}

/** Returns OpenSSL's reason without the location in its source. */
function getDetail(cause: Error): string {
  const names = getCertificateNames(cause);
  if (names !== undefined) return abridge(names);
  const reason = 'reason' in cause && typeof cause.reason === 'string' ? cause.reason : '';
  // The owner of a certificate chooses its names, so the text is abridged.
  return abridge((reason === '' ? cause.message.trim() : reason).replace(/\.$/, ''));
}

/** For a certificate of another host: the requested host and the certificate's names. For an address Node lists addresses only. */
function getCertificateNames(cause: Error): string | undefined {
  if (!('code' in cause && cause.code === 'ERR_TLS_CERT_ALTNAME_INVALID' && 'cert' in cause)) return undefined;
  const names = isRecord(cause.cert) ? cause.cert['subjectaltname'] : undefined;
  return typeof names === 'string' && 'host' in cause ? `${String(cause.host)} is not among ${names}` : undefined;
}
