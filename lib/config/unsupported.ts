import { ConfigError } from '../common/errors';

interface Unsupported {
  readonly variable?: string;
  /** Values that ask for nothing that is not so anyway. Default: none. */
  readonly harmless?: RegExp;
  readonly remedy: string;
}

const NO_GSSAPI = 'GSSAPI and Kerberos are not supported; leave it out';
const NO_DEVICE_FLOW = 'nobody can be asked to log in here; give connection.oauthToken, a function that gets a token';
const NO_SERVICE = 'service files are not read; put what the service stands for into the connection';
const ONE_PROTOCOL = 'protocol 3.0 is spoken; leave it out';
const BY_SILENCE = 'Node.js cannot set it; use the option livenessTimeout, which notices a silent server';

/** What libpq knows and we do not do. Somebody may rely on it, so it is not passed over. */
export const UNSUPPORTED: Readonly<Record<string, Unsupported>> = {
  service: { variable: 'PGSERVICE', remedy: NO_SERVICE },
  servicefile: { remedy: NO_SERVICE },
  gssencmode: { variable: 'PGGSSENCMODE', harmless: /^(?:disable|prefer)$/, remedy: NO_GSSAPI },
  krbsrvname: { remedy: NO_GSSAPI },
  gsslib: { remedy: NO_GSSAPI },
  gssdelegation: { variable: 'PGGSSDELEGATION', harmless: /^0$/, remedy: NO_GSSAPI },
  requirepeer: {
    variable: 'PGREQUIREPEER',
    remedy: 'Node.js cannot tell who listens at a socket; put it into a folder that only its owner may write to',
  },
  requiressl: { harmless: /^0$/, remedy: 'use sslmode=require' },
  sslcertmode: {
    variable: 'PGSSLCERTMODE',
    harmless: /^allow$/,
    remedy:
      'to show no certificate, take sslcert and ~/.postgresql/postgresql.crt away; whether the server asks for one cannot be seen',
  },
  sslcompression: { variable: 'PGSSLCOMPRESSION', harmless: /^0$/, remedy: 'TLS is not compressed; leave it out' },
  sslcrldir: { variable: 'PGSSLCRLDIR', remedy: 'use sslcrl, which names one file' },
  sslkeylogfile: { remedy: 'start node with --tls-keylog=<file>' },
  scram_client_key: { remedy: 'give the password' },
  scram_server_key: { remedy: 'give the password' },
  min_protocol_version: { variable: 'PGMINPROTOCOLVERSION', harmless: /^3\.0$/, remedy: ONE_PROTOCOL },
  // What is asked for at most is what is spoken.
  max_protocol_version: { variable: 'PGMAXPROTOCOLVERSION', harmless: /^(?:3\.[02]|latest)$/, remedy: ONE_PROTOCOL },
  tcp_user_timeout: { harmless: /^0$/, remedy: BY_SILENCE },
  keepalives_interval: { harmless: /^0$/, remedy: BY_SILENCE },
  keepalives_count: { harmless: /^0$/, remedy: BY_SILENCE },
  oauth_issuer: { remedy: NO_DEVICE_FLOW },
  oauth_client_id: { remedy: NO_DEVICE_FLOW },
  oauth_client_secret: { remedy: NO_DEVICE_FLOW },
  oauth_scope: { remedy: NO_DEVICE_FLOW },
  replication: { harmless: /^database$/, remedy: 'it is always database; leave it out' },
};

export function isUnsupported(name: string): boolean {
  return Object.hasOwn(UNSUPPORTED, name);
}

/** @param where how the reason begins, as in `comes from PGSERVICE, but ` */
export function refuseUnsupported(option: string, where: string, name: string, value: string): void {
  const { harmless, remedy } = UNSUPPORTED[name] ?? { remedy: 'leave it out' };
  if (value !== '' && !harmless?.test(value)) throw new ConfigError(option, `${where}${remedy}`);
}
