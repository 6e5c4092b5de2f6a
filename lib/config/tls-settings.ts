import type { ConnectionOptions as TlsOptions, SecureVersion } from 'node:tls';
import { ConfigError } from '../common/errors';
import type { TlsSettings } from '../net/target';
import { isRecord, formatValue } from '../common/option-reader';
import type { ParameterName, Parameters } from './parameters';
import { TlsFiles } from './tls-files';

/** libpq's modes, and `no-verify` of `pg`. */
const MODES = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'] as const;
type SslMode = (typeof MODES)[number];

const WITHOUT_ALLOW =
  'allow is not supported, because it tries clear text first; use prefer, or better verify-full. Supported: disable, prefer, require, verify-ca, verify-full';

/**
 * Reads the settings of TLS: from the option `ssl`, which is passed to `tls.connect` as in `pg`, or else from libpq's
 * parameters.
 *
 * Source: manual, "SSL Support" of libpq.
 *
 * @param directory libpq's directory of certificates
 */
export function readTls(parameters: Parameters, directory: string | undefined): TlsSettings | undefined {
  const direct = parameters.oneOf('sslnegotiation', ['postgres', 'direct']) === 'direct';
  const ssl = parameters.own('ssl');
  if (ssl !== undefined) return readTlsObject(parameters, ssl, direct);
  const isSystem = parameters.text('sslrootcert') === 'system';
  const mode = readSslMode(parameters) ?? (isSystem ? 'verify-full' : 'prefer');
  // Public authorities issue certificates to everyone, so the host name must be verified.
  if (isSystem && mode !== 'verify-full') {
    throw parameters.error('sslmode', `must be verify-full with sslrootcert=system, not ${mode}`);
  }
  if (direct && (mode === 'prefer' || mode === 'disable')) {
    throw parameters.error('sslnegotiation', `direct requires sslmode=require, verify-ca or verify-full, not ${mode}`);
  }
  if (mode === 'disable') return undefined;
  const versions = readVersions(parameters);
  const files = new TlsFiles(parameters, directory);
  const options = (): TlsOptions => ({
    ...versions,
    ...(!parameters.flag('sslsni', true) && { servername: '' }),
    ...files.readClientCertificate(),
    ...createVerification(parameters, mode, files),
  });
  return { options, optional: mode === 'prefer', direct };
}

function readSslMode(parameters: Parameters): SslMode | undefined {
  if (parameters.text('sslmode') === 'allow') throw parameters.error('sslmode', WITHOUT_ALLOW);
  return parameters.oneOf('sslmode', MODES);
}

const LIBPQ_TLS_PARAMETERS: readonly ParameterName[] = [
  'sslmode',
  'sslrootcert',
  'sslcrl',
  'sslcert',
  'sslkey',
  'sslpassword',
  'sslsni',
  'ssl_min_protocol_version',
  'ssl_max_protocol_version',
];

function readTlsObject(parameters: Parameters, ssl: unknown, direct: boolean): TlsSettings | undefined {
  const beside = LIBPQ_TLS_PARAMETERS.find((name) => parameters.has(name));
  if (beside !== undefined)
    throw new ConfigError('connection.ssl', `cannot be combined with ${beside}; remove one of the two`);
  if (ssl === false) {
    if (direct) throw parameters.error('sslnegotiation', 'direct requires TLS, but ssl is false');
    return undefined;
  }
  if (ssl !== true && !isTlsOptions(ssl)) {
    const hint = typeof ssl === 'string' ? '; set sslmode for a mode of libpq' : '';
    throw new ConfigError(
      'connection.ssl',
      `expected true, false, or the options of tls.connect, got ${formatValue(ssl)}${hint}`,
    );
  }
  const options = ssl === true ? {} : ssl;
  for (const name of ['minVersion', 'maxVersion'] as const) {
    if (options[name] === 'TLSv1' || options[name] === 'TLSv1.1')
      throw new ConfigError(`connection.ssl.${name}`, OLD_VERSION_PROBLEM);
  }
  return { options: () => ({ ...options }), optional: false, direct };
}

function isTlsOptions(value: unknown): value is TlsOptions {
  return isRecord(value);
}

const OLD_VERSION_PROBLEM = 'TLS below 1.2 is insecure and not supported; use TLSv1.2 or TLSv1.3';

function readVersions(parameters: Parameters): TlsOptions {
  const minVersion = readVersion(parameters, 'ssl_min_protocol_version');
  const maxVersion = readVersion(parameters, 'ssl_max_protocol_version');
  if (minVersion === 'TLSv1.3' && maxVersion === 'TLSv1.2') {
    throw parameters.error('ssl_max_protocol_version', 'must not be less than ssl_min_protocol_version');
  }
  return { ...(minVersion && { minVersion }), ...(maxVersion && { maxVersion }) };
}

function readVersion(
  parameters: Parameters,
  name: 'ssl_min_protocol_version' | 'ssl_max_protocol_version',
): SecureVersion | undefined {
  const version = parameters.text(name);
  if (version === undefined) return undefined;
  const known: readonly SecureVersion[] = ['TLSv1.2', 'TLSv1.3'];
  const found = known.find((one) => one.toLowerCase() === version.toLowerCase());
  if (found === undefined) throw parameters.error(name, OLD_VERSION_PROBLEM);
  return found;
}

/** As in libpq, weaker modes also verify the certificate if `sslrootcert` exists. */
function createVerification(parameters: Parameters, mode: SslMode, files: TlsFiles): TlsOptions {
  const ca = mode === 'no-verify' ? undefined : files.readAuthorities();
  if (!ca && mode === 'verify-ca') throw parameters.error('sslmode', WITHOUT_AUTHORITY);
  if (!ca && mode !== 'verify-full') {
    if (mode !== 'no-verify' && parameters.text('sslcrl') !== undefined) throw parameters.error('sslcrl', UNCHECKED);
    return { rejectUnauthorized: false };
  }
  const crl = files.readRevocationList(ca !== undefined);
  return {
    rejectUnauthorized: true,
    ...(ca && { ca }),
    ...(crl && { crl }),
    ...(mode !== 'verify-full' && { checkServerIdentity: () => undefined }),
  };
}

const WITHOUT_AUTHORITY =
  'verify-ca requires sslrootcert, because public authorities issue certificates to everyone; set sslrootcert, or use verify-full';
const UNCHECKED = 'has no effect without verification; set sslrootcert, or use sslmode=verify-full';
