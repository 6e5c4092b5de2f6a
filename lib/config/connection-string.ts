import { ConfigError } from '../common/errors';
import { isKnown, suggestParameter, type Given } from './parameters';
import { isUnsupported, refuseUnsupported } from './unsupported';
import { parseUri, UNREADABLE } from './uri';

/**
 * What a connection string says, by libpq's names: a URI (`postgres://…`, or `socket:…` as `pg` has it) or keywords and
 * values (`host=… port=…`).
 *
 * @throws {ConfigError} that never quotes it, as it may hold a password
 */
export function parseConnectionString(option: string, given: string): Given {
  // Files and shells leave a line's end behind.
  const text = given.trim();
  if (text === '') {
    throw new ConfigError(option, 'expected a URI, got empty text (is an environment variable empty?)');
  }
  if (/^(?:postgres(?:ql)?|socket):/i.test(text)) return readUri(option, text);
  if (/^[a-z_]+\s*=/i.test(text)) return readKeywords(option, text);
  throw new ConfigError(
    option,
    "expected a URI, as in postgres://user@host:5432/database, or keywords and values, as in 'host=… dbname=…'",
  );
}

function readUri(option: string, uri: string): Given {
  const given = parseUri(option, uri);
  rename(given, 'dbname', 'database');
  if (/^socket:/i.test(uri)) {
    rename(given, 'db', 'database');
    rename(given, 'encoding', 'client_encoding');
  }
  const ssl = given.get('ssl');
  given.delete('ssl');
  if (ssl !== undefined && !given.has('sslmode')) given.set('sslmode', translateSslParameters(option, ssl));
  for (const name of findUnknownParameters(option, 'this URI', given)) {
    // Behind a ? that was not encoded, it could be part of the password, which ends at an @.
    if (uri.slice(uri.indexOf('?')).includes('@')) throw new ConfigError(option, UNREADABLE);
    throw new ConfigError(option, `this URI has a parameter ${name}, which is unknown; ${suggestParameter(name)}`);
  }
  return given;
}

/** `ssl=true` means of `pg` what `ssl: true` means in an object. */
function translateSslParameters(option: string, ssl: string): string {
  if (ssl === 'true' || ssl === '1') return 'verify-full';
  if (ssl === 'false' || ssl === '0') return 'disable';
  if (ssl === 'no-verify') return ssl;
  throw new ConfigError(option, 'the parameter ssl of this URI is neither true nor false; use sslmode');
}

/** A keyword, = and a value: bare, or in single quotes; a backslash takes what follows as it is. Source: manual, "Connection Strings". */
const PAIR = /\s*([a-z_]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|(?!')((?:[^\s\\]|\\.)*))(?=\s|$)/gisy;

function readKeywords(option: string, text: string): Given {
  const given = new Map<string, string>();
  const pair = new RegExp(PAIR);
  while (pair.lastIndex < text.length) {
    const [whole, name = '', quoted, bare = ''] = pair.exec(text) ?? [];
    if (whole === undefined) {
      const last = [...given.keys()].findLast(isKnown);
      const where = last === undefined ? '' : ` after ${last}`;
      throw new ConfigError(
        option,
        `expected keyword=value${where}; quote a value with spaces and double its backslashes: keyword='a value'`,
      );
    }
    given.set(name, (quoted ?? bare).replace(/\\(.)/gs, '$1'));
  }
  rename(given, 'dbname', 'database');
  for (const name of findUnknownParameters(option, 'this connection string', given)) {
    // Behind a space that was not quoted, it could be part of a password.
    const shown = given.has('password') || given.has('sslpassword') ? 'keyword' : `keyword ${name}`;
    throw new ConfigError(
      option,
      `this connection string has a ${shown} that is unknown (a value with spaces has to be quoted); ${suggestParameter(name)}`,
    );
  }
  return given;
}

/** What would otherwise be dropped silently is refused: it may be what the connection's safety hangs on. */
function findUnknownParameters(option: string, what: string, given: Given): string[] {
  for (const [name, value] of given) {
    if (isUnsupported(name)) refuseUnsupported(option, `${what} has the parameter ${name}, but `, name, value);
  }
  return [...given.keys()].filter((name) => !isKnown(name));
}

function rename(given: Map<string, string>, from: string, to: string): void {
  const value = given.get(from);
  if (value === undefined) return;
  given.delete(from);
  given.set(to, value);
}
