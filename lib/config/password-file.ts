// Node.js loads `promises` at its first use, and 'node:fs/promises' with this file.
import { promises, type Stats } from 'node:fs';

/** The key of a line in the password file. */
export interface PasswordEntry {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
}

/** Default socket directories of common libpq builds, which match `localhost` in a password file. */
const DEFAULT_SOCKETS = ['/tmp', '/var/run/postgresql', '/run/postgresql'];

/** Files for which a warning was emitted; each connection reads its file again. */
const known = new Set<string>();

/**
 * Returns the password of the first matching line. A file that is missing, or that other users can read, is ignored.
 *
 * Source: manual, "The Password File".
 */
export async function readPasswordFromFile(file: string, entry: PasswordEntry): Promise<string | undefined> {
  const stats = await promises.stat(file).catch(() => undefined);
  if (!stats) return undefined;
  const problem = describeProblem(stats);
  const text = problem === undefined ? await promises.readFile(file, 'utf8').catch(() => undefined) : undefined;
  if (text !== undefined) return findPassword(text, entry);
  warnOnce(file, problem ?? 'cannot be read');
  return undefined;
}

function describeProblem(stats: Stats): string | undefined {
  if (!stats.isFile()) return 'is not a regular file';
  const isOpen = process.platform !== 'win32' && (stats.mode & 0o077) !== 0;
  return isOpen ? 'can be read by other users; run chmod 600' : undefined;
}

function findPassword(text: string, { host, port, database, user }: PasswordEntry): string | undefined {
  const hosts = DEFAULT_SOCKETS.includes(host) ? [host, 'localhost'] : [host];
  const lines = text.split(/\r?\n/).filter((line) => !line.startsWith('#'));
  for (const line of lines) {
    for (const name of hosts) {
      const rest = [name, String(port), database, user].reduce<string | undefined>(skipField, line);
      // A backslash escapes the next character; text after a further colon is ignored.
      if (rest !== undefined) return /^(?:[^:\\]|\\.|\\$)*/.exec(rest)?.[0].replace(/\\(.)/g, '$1');
    }
  }
  return undefined;
}

/** The rest of the line after a matching field. As in libpq, an unescaped colon matches, as in an IPv6 address. */
function skipField(line: string | undefined, wanted: string): string | undefined {
  if (line?.startsWith('*:')) return line.slice(2);
  let at = 0;
  for (let i = 0; i < wanted.length; i++, at++) {
    if (line?.charAt(at) === '\\') at++;
    if (line?.charAt(at) !== wanted.charAt(i)) return undefined;
  }
  return line?.charAt(at) === ':' ? line.slice(at + 1) : undefined;
}

function warnOnce(file: string, problem: string): void {
  if (known.has(file)) return;
  known.add(file);
  const code = 'RXPG_PASSWORD_FILE';
  process.emitWarning(`The password file ${file} is ignored: it ${problem}.`, { type: 'ReplicationWarning', code });
}
