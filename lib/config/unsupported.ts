import { ConfigError } from '../common/errors';

interface Unsupported {
  readonly variable?: string;
  /** Values that have no effect and are accepted. Default: none. */
  readonly harmless?: RegExp;
  readonly remedy: string;
}

const NO_GSSAPI = 'GSSAPI and Kerberos are not supported; remove it';
const NO_DEVICE_FLOW =
  'the OAuth device flow is not supported; set connection.oauthToken, a function that returns a token';
const NO_SERVICE = 'service files are not supported; set the parameters in connection';
const ONE_PROTOCOL = 'only protocol version 3.0 is supported; remove it';
const BY_SILENCE = 'Node.js cannot set it; use the option livenessTimeout instead';

/** Parameters of libpq that the library does not support. They are errors, since a user may rely on them. */
export const UNSUPPORTED: Readonly<Record<string, Unsupported>> = {
  service: { variable: 'PGSERVICE', remedy: NO_SERVICE },
  servicefile: { remedy: NO_SERVICE },
  gssencmode: { variable: 'PGGSSENCMODE', harmless: /^(?:disable|prefer)$/, remedy: NO_GSSAPI },
  krbsrvname: { remedy: NO_GSSAPI },
  gsslib: { remedy: NO_GSSAPI },
  gssdelegation: { variable: 'PGGSSDELEGATION', harmless: /^0$/, remedy: NO_GSSAPI },
  requirepeer: {
    variable: 'PGREQUIREPEER',
    remedy:
      'Node.js cannot determine the owner of the server process; put the socket into a directory that only its owner can write',
  },
  requiressl: { harmless: /^0$/, remedy: 'use sslmode=require' },
  sslcertmode: {
    variable: 'PGSSLCERTMODE',
    harmless: /^allow$/,
    remedy:
      'to send no certificate, remove sslcert and ~/.postgresql/postgresql.crt; the library cannot check whether the server requests one',
  },
  sslcompression: {
    variable: 'PGSSLCOMPRESSION',
    harmless: /^0$/,
    remedy: 'TLS compression is not supported; remove it',
  },
  sslcrldir: { variable: 'PGSSLCRLDIR', remedy: 'use sslcrl with one file' },
  sslkeylogfile: { remedy: 'start node with --tls-keylog=<file> instead' },
  scram_client_key: { remedy: 'give the password' },
  scram_server_key: { remedy: 'give the password' },
  min_protocol_version: { variable: 'PGMINPROTOCOLVERSION', harmless: /^3\.0$/, remedy: ONE_PROTOCOL },
  // The maximum includes 3.0.
  max_protocol_version: { variable: 'PGMAXPROTOCOLVERSION', harmless: /^(?:3\.[02]|latest)$/, remedy: ONE_PROTOCOL },
  tcp_user_timeout: { harmless: /^0$/, remedy: BY_SILENCE },
  keepalives_interval: { harmless: /^0$/, remedy: BY_SILENCE },
  keepalives_count: { harmless: /^0$/, remedy: BY_SILENCE },
  oauth_issuer: { remedy: NO_DEVICE_FLOW },
  oauth_client_id: { remedy: NO_DEVICE_FLOW },
  oauth_client_secret: { remedy: NO_DEVICE_FLOW },
  oauth_scope: { remedy: NO_DEVICE_FLOW },
  replication: { harmless: /^database$/, remedy: 'it is always database; remove it' },
};

export function isUnsupported(name: string): boolean {
  return Object.hasOwn(UNSUPPORTED, name);
}

/** @param where the beginning of the message, for example `from PGSERVICE: ` */
export function refuseUnsupported(option: string, where: string, name: string, value: string): void {
  const { harmless, remedy } = UNSUPPORTED[name] ?? { remedy: 'remove it' };
  if (value !== '' && !harmless?.test(value)) throw new ConfigError(option, `${where}${remedy}`);
}
