import { ConfigError } from '../common/errors';
import { isKnownParameter, suggestParameter, type GivenParameters } from './parameters';
import { isUnsupported, refuseUnsupported } from './unsupported';
import { parseUri, UNREADABLE } from './uri';

/**
 * Parses a connection string to libpq's parameters: a URI (`postgres://…`, or `pg`'s `socket:…`), or keywords and values
 * (`host=… port=…`).
 *
 * @throws {ConfigError} which does not quote the string, as it may contain a password
 */
export function parseConnectionString(option: string, given: string): GivenParameters {
  // Text from a file or a shell may end with a newline.
  const text = given.trim();
  if (text === '') {
    throw new ConfigError(option, 'expected a URI, got empty text; check for an empty environment variable');
  }
  if (/^(?:postgres(?:ql)?|socket):/i.test(text)) return readUri(option, text);
  if (/^[a-z_]+\s*=/i.test(text)) return readKeywords(option, text);
  throw new ConfigError(
    option,
    "expected a URI such as postgres://user@host:5432/database, or keywords and values such as 'host=… dbname=…'",
  );
}

function readUri(option: string, uri: string): GivenParameters {
  const given = parseUri(option, uri);
  rename(given, 'dbname', 'database');
  if (/^socket:/i.test(uri)) {
    rename(given, 'db', 'database');
    rename(given, 'encoding', 'client_encoding');
  }
  const ssl = given.get('ssl');
  given.delete('ssl');
  if (ssl !== undefined && !given.has('sslmode')) given.set('sslmode', translateSslParameters(option, ssl));
  for (const name of findUnknownParameters(option, 'the URI', given)) {
    // After a ? that is not percent-encoded, the name could be a part of the password, which ends at an @.
    if (uri.slice(uri.indexOf('?')).includes('@')) throw new ConfigError(option, UNREADABLE);
    throw new ConfigError(option, `unknown parameter \`${name}\` in the URI`, { remedy: suggestParameter(name) });
  }
  return given;
}

/** The sslmode for `pg`'s parameter `ssl`; `ssl=true` is the same as `ssl: true` in an object. */
function translateSslParameters(option: string, ssl: string): string {
  if (ssl === 'true' || ssl === '1') return 'verify-full';
  if (ssl === 'false' || ssl === '0') return 'disable';
  if (ssl === 'no-verify') return ssl;
  throw new ConfigError(option, 'the parameter ssl of the URI must be true or false; use sslmode for other modes');
}

/** A keyword, = and a value, which may be in single quotes; a backslash escapes the next character. Source: manual, "Connection Strings". */
const PAIR = /\s*([a-z_]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|(?!')((?:[^\s\\]|\\.)*))(?=\s|$)/gisy;

function readKeywords(option: string, text: string): GivenParameters {
  const given = new Map<string, string>();
  const pair = new RegExp(PAIR);
  while (pair.lastIndex < text.length) {
    const [whole, name = '', quoted, bare = ''] = pair.exec(text) ?? [];
    if (whole === undefined) {
      const last = [...given.keys()].findLast(isKnownParameter);
      const where = last === undefined ? '' : ` after ${last}`;
      throw new ConfigError(
        option,
        `expected keyword=value${where}; quote a value with spaces and double its backslashes: keyword='a value'`,
      );
    }
    given.set(name, (quoted ?? bare).replace(/\\(.)/gs, '$1'));
  }
  rename(given, 'dbname', 'database');
  for (const name of findUnknownParameters(option, 'the connection string', given)) {
    // After a space that is not quoted, the keyword could be a part of the password.
    const shown = given.has('password') || given.has('sslpassword') ? 'keyword' : `keyword \`${name}\``;
    throw new ConfigError(option, `unknown ${shown} in the connection string`, {
      remedy: `${suggestParameter(name)} Quote a value that contains spaces.`,
    });
  }
  return given;
}

/** Rejects unsupported parameters, since the security of the connection may depend on them; returns the unknown ones. */
function findUnknownParameters(option: string, what: string, given: GivenParameters): string[] {
  for (const [name, value] of given) {
    if (isUnsupported(name)) refuseUnsupported(option, `parameter ${name} in ${what}: `, name, value);
  }
  return [...given.keys()].filter((name) => !isKnownParameter(name));
}

function rename(given: Map<string, string>, from: string, to: string): void {
  const value = given.get(from);
  if (value === undefined) return;
  given.delete(from);
  given.set(to, value);
}
