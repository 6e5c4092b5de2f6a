import { parse } from 'pg-connection-string';
import { ConfigError } from '../common/errors';

/** Does not quote the URI: it may contain a password, and the apparent host may be a part of the password. */
export const UNREADABLE = 'the URI is invalid; percent-encode special characters in user, password, host and database';

/**
 * Scheme; user and password; hosts; database; parameters. User and password end at the first @ that no / precedes, as in
 * libpq, or at a later such @, as in `pg`.
 */
const URI = /^postgres(?:ql)?:\/\/([^@/]*@(?:[^@/?#]*@)*)?([^@/?#]*)(?:\/([^@?#]*))?(?:\?([^#]*))?$/i;
/** Characters that end or are removed from user and password in a URL, but are part of them in libpq and `pg`. */
const SPECIAL = /[/?#\s]/g;
/** The form of `pg`. */
const SOCKET = /^socket:(?:\/\/([^@/]*@)?)?(\/[^@?#]*)(?:\?([^#]*))?$/i;

/**
 * Parameters that pg-connection-string does not return unchanged: for `ssl…` it reads files and warns, and it takes the
 * database from the path only.
 */
const NOT_PASSED_ON = /^(?:ssl\w*|uselibpqcompat|database)$/;

/**
 * Parses a URI to its parts and parameters. pg-connection-string parses user, password and parameters, so that they mean the
 * same as in `pg`. Where it differs from libpq, this function follows libpq: several hosts, a port without a host, `%2F` in a
 * host or a database, `/`, `?` and `#` in a password, `+` in a parameter.
 *
 * Source: manual, "Connection URIs" of libpq.
 *
 * @throws {ConfigError}
 */
export function parseUri(option: string, uri: string): Map<string, string> {
  try {
    const socket = SOCKET.exec(uri);
    const [whole, credentials = '', hosts = '', database = '', query = ''] = URI.exec(uri) ?? [];
    if (socket) return readUri(option, socket[1], { host: decode(socket[2]) }, socket[3]);
    if (whole !== undefined)
      return readUri(option, credentials, { ...parseUriHosts(hosts), database: decode(database) }, query);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    // The message of the error would quote the text.
  }
  throw new ConfigError(option, UNREADABLE);
}

/** Later values override earlier ones. */
function readUri(
  option: string,
  credentials = '',
  parts: Readonly<Record<string, string>>,
  query = '',
): Map<string, string> {
  const pairs = query.split('&').filter((pair) => pair !== '');
  const unnamed = pairs.find((pair) => pair.indexOf('=') < 1);
  if (unnamed !== undefined) {
    const problem = query.includes('@')
      ? UNREADABLE
      : 'a parameter of the URI has no name or no value; write name=value';
    throw new ConfigError(option, problem);
  }
  const parameters = pairs.map((pair) => [decode(pair.slice(0, pair.indexOf('='))), pair] as const);
  const passedOn = parameters.flatMap(([name, pair]) => (NOT_PASSED_ON.test(name) ? [] : [pair]));
  const others = parameters.flatMap(([name, pair]) =>
    NOT_PASSED_ON.test(name) ? [[name, decode(pair.slice(pair.indexOf('=') + 1))] as const] : [],
  );
  // Throws if the text cannot be decoded; pg-connection-string would guess.
  decode(credentials + passedOn.join('&'));
  const user = credentials.replace(SPECIAL, encodeURIComponent);
  const read = parse(`postgres://${user}/?${passedOn.join('&').replace(/[\s+]/g, encodeURIComponent)}`);
  const given = new Map(Object.entries(parts));
  for (const [name, value] of Object.entries(read)) if (typeof value === 'string' && value) given.set(name, value);
  for (const [name, value] of others) given.set(name, value);
  return given;
}

/** Parses a list of `host:port`; an IPv6 address is in brackets. */
function parseUriHosts(text: string): { host: string; port: string } {
  const hosts: string[] = [];
  const ports: string[] = [];
  for (const one of text.split(',')) {
    const [, address, name, port = ''] = /^(?:\[([^\]]+)\]|([^:[\]]*))(?::(\d*))?$/.exec(one) ?? [];
    hosts.push(decode(address ?? name));
    ports.push(port);
  }
  // As in libpq, PGPORT does not apply to several hosts of a URI: a host without a port uses the default port.
  return { host: hosts.join(','), port: ports.join(',') };
}

/** @throws {URIError} */
function decode(text: string | undefined): string {
  const plain = text === undefined ? '\0' : decodeURIComponent(text);
  if (plain.includes('\0')) throw new URIError('A NUL cannot be in a connection string.');
  return plain;
}
