import type { Target, TlsSettings } from '../net/target';
import type { Parameters } from './parameters';

/** The required kind of server. Source: manual, "Parameter Key Words", target_session_attrs. */
export type SessionAttrs = 'any' | 'read-write' | 'read-only' | 'primary' | 'standby' | 'prefer-standby';

const SESSION_ATTRS: readonly SessionAttrs[] = [
  'any',
  'read-write',
  'read-only',
  'primary',
  'standby',
  'prefer-standby',
];

/** The hosts to try, and how the client chooses one. */
export interface Hosts {
  /** In order of preference; not empty. */
  readonly targets: readonly Target[];
  readonly sessionAttrs: SessionAttrs;
  /** Whether the hosts are tried in random order. */
  readonly shuffled: boolean;
}

const DEFAULT_PORT = 5432;

/** Reads `host`, `hostaddr` and `port`, each of which may be a list. */
export function parseHosts(parameters: Parameters, tls: TlsSettings | undefined, keepAlive: number | undefined): Hosts {
  const names = parseList(parameters.text('host'));
  const addresses = parseList(parameters.text('hostaddr'));
  const ports = parseList(parameters.text('port'));
  const count = Math.max(names.length, addresses.length, 1);
  if (names.length > 0 && addresses.length > 0 && names.length !== addresses.length) {
    throw parameters.error('hostaddr', `${addresses.length} addresses for ${names.length} hosts`);
  }
  if (ports.length > 1 && ports.length !== count) {
    throw parameters.error('port', `${ports.length} ports for ${count === 1 ? 'one host' : `${count} hosts`}`);
  }
  const targets = Array.from({ length: count }, (_, index): Target => {
    const [name = '', address = ''] = [names[index], addresses[index]];
    checkHost(parameters, name);
    checkAddress(parameters, address);
    const host = name !== '' ? name : address !== '' ? address : 'localhost';
    const port = parsePort(parameters, ports[ports.length === 1 ? 0 : index]);
    // As in libpq: the server does not support TLS on Unix-domain sockets.
    const local = address === '' && isSocketDirectory(host);
    return { host, port, ...(address !== '' && { address }), tls: local ? undefined : tls, keepAlive };
  });
  return {
    targets,
    sessionAttrs: parameters.oneOf('target_session_attrs', SESSION_ATTRS) ?? 'any',
    shuffled: parameters.oneOf('load_balance_hosts', ['disable', 'random']) === 'random',
  };
}

/** Whether the host is the directory of a Unix-domain socket, or a name in Linux' abstract namespace. */
function isSocketDirectory(host: string): boolean {
  return host.startsWith('/') || host.startsWith('@');
}

const IP_V6 = /^(?=.*:.*:)[\da-f:.]+(?:%[\w.-]+)?$/i;
const IP_V4 = /^\d+(?:\.\d+){3}$/;
const NAME = /^[^\s:/@?#=%[\]]+$/;

/** The error does not show the value: it may be a URI with a password. */
function checkHost(parameters: Parameters, host: string): void {
  if (host === '' || isSocketDirectory(host) || NAME.test(host) || IP_V6.test(host)) return;
  throw parameters.error(
    'host',
    'expected a name, an address, or the directory of a socket; a port goes into port, a URI into connection',
  );
}

function checkAddress(parameters: Parameters, address: string): void {
  if (address === '' || IP_V4.test(address) || IP_V6.test(address)) return;
  throw parameters.error('hostaddr', 'expected an IP address such as 10.0.0.7; set host for a name');
}

function parseList(text: string | undefined): string[] {
  return text === undefined ? [] : text.split(',').map((one) => one.trim());
}

/** The error shows the value only if it is a number. */
function parsePort(parameters: Parameters, text = ''): number {
  const port = text === '' ? DEFAULT_PORT : /^\d{1,9}$/.test(text) ? Number(text) : NaN;
  if (port >= 1 && port <= 65535) return port;
  const got = /^-?[\d.]{1,9}$/.test(text) ? `, got ${text}` : '';
  throw parameters.error('port', `expected a number from 1 to 65535${got}`);
}
