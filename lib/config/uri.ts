import { parse } from 'pg-connection-string';
import { ConfigError } from '../common/errors';

/** Never quotes the URI: it may hold a password, and what looks like its host may be a piece of that. */
export const UNREADABLE =
  'this URI cannot be read; percent-encode what is special in user, password, host and database';

/**
 * Scheme; user and password, which end at the first @ that no / precedes, as in libpq, or at one more of the same kind, as
 * in `pg`; hosts; database; parameters.
 */
const URI = /^postgres(?:ql)?:\/\/([^@/]*@(?:[^@/?#]*@)*)?([^@/?#]*)(?:\/([^@?#]*))?(?:\?([^#]*))?$/i;
/** What ends user and password in a URL, or is dropped from it, but belongs to them in libpq and `pg`. */
const SPECIAL = /[/?#\s]/g;
/** As `pg` has it. */
const SOCKET = /^socket:(?:\/\/([^@/]*@)?)?(\/[^@?#]*)(?:\?([^#]*))?$/i;

/**
 * Parameters that pg-connection-string does not pass on as they are: for `ssl…` it reads files and warns, and the database it
 * takes from the path alone.
 */
const NOT_PASSED_ON = /^(?:ssl\w*|uselibpqcompat|database)$/;

/**
 * What a URI says, by the names of its parts and parameters. User, password and parameters are read by pg-connection-string,
 * so that they mean here what they mean to `pg`. Where it reads otherwise than libpq, libpq is followed: several hosts, no
 * host beside a port, `%2F` in a host or a database, `/`, `?` and `#` in a password, `+` in a parameter.
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
    // What it says would quote the text.
  }
  throw new ConfigError(option, UNREADABLE);
}

/** What comes later wins. */
function readUri(
  option: string,
  credentials = '',
  parts: Readonly<Record<string, string>>,
  query = '',
): Map<string, string> {
  const pairs = query.split('&').filter((pair) => pair !== '');
  const unnamed = pairs.find((pair) => pair.indexOf('=') < 1);
  if (unnamed !== undefined) {
    const problem = query.includes('@') ? UNREADABLE : 'this URI has a parameter without a name or a value: name=value';
    throw new ConfigError(option, problem);
  }
  const parameters = pairs.map((pair) => [decode(pair.slice(0, pair.indexOf('='))), pair] as const);
  const passedOn = parameters.flatMap(([name, pair]) => (NOT_PASSED_ON.test(name) ? [] : [pair]));
  const others = parameters.flatMap(([name, pair]) =>
    NOT_PASSED_ON.test(name) ? [[name, decode(pair.slice(pair.indexOf('=') + 1))] as const] : [],
  );
  // Throws for what cannot be decoded; the library would guess.
  decode(credentials + passedOn.join('&'));
  const user = credentials.replace(SPECIAL, encodeURIComponent);
  const read = parse(`postgres://${user}/?${passedOn.join('&').replace(/[\s+]/g, encodeURIComponent)}`);
  const given = new Map(Object.entries(parts));
  for (const [name, value] of Object.entries(read)) if (typeof value === 'string' && value) given.set(name, value);
  for (const [name, value] of others) given.set(name, value);
  return given;
}

/** `host:port` any number of times; an address of IPv6 stands in brackets. */
function parseUriHosts(text: string): { host: string; port: string } {
  const hosts: string[] = [];
  const ports: string[] = [];
  for (const one of text.split(',')) {
    const [, address, name, port = ''] = /^(?:\[([^\]]+)\]|([^:[\]]*))(?::(\d*))?$/.exec(one) ?? [];
    hosts.push(decode(address ?? name));
    ports.push(port);
  }
  // As in libpq, PGPORT is not for several hosts of a URI: each without a port has the usual one.
  return { host: hosts.join(','), port: ports.join(',') };
}

/** @throws {URIError} */
function decode(text: string | undefined): string {
  const plain = text === undefined ? '\0' : decodeURIComponent(text);
  if (plain.includes('\0')) throw new URIError('A NUL cannot be in a connection string.');
  return plain;
}
