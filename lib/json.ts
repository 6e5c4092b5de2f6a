import { formatLsn } from './lsn';

type Members = Record<string, unknown>;

/**
 * The members of an object for `JSON.stringify`, which knows no bigint: LSNs become `X/Y`, all others decimal text. Deeper
 * down, as in rows, a bigint is the user's own and no LSN.
 *
 * @param decimal names of members that are bigint and no LSN
 */
export function jsonMembers(value: object, decimal: readonly string[] = []): Members {
  return Object.fromEntries(
    Object.entries(value).map(([name, member]: [string, unknown]) => [
      name,
      typeof member === 'bigint' && !decimal.includes(name) ? formatLsn(member) : jsonValue(member),
    ]),
  );
}

/** Gives a plain object a JSON form, as {@link jsonMembers} makes it, which no comparison and no copy sees. */
export function withJson<T extends object>(value: T, ...decimal: (keyof T & string)[]): T {
  const toJSON = (): Members => jsonMembers(value, decimal);
  return Object.defineProperty(value, 'toJSON', { value: toJSON, configurable: true, writable: true });
}

function jsonValue(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return value.map(jsonValue);
  if (value === null || typeof value !== 'object') return value;
  // Dates and Buffers have a form of their own; a column may be called toJSON, too, but holds no function.
  if ('toJSON' in value && typeof value.toJSON === 'function') return value;
  if (value instanceof Error) return errorMembers(value);
  // Own members only, one called `__proto__` included.
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, jsonValue(member)]));
}

/** An error's text is not among the members that JSON shows; what else it holds may not be for logs. */
function errorMembers(error: Error): Members {
  const { name, message } = error;
  return { name, message, ...('code' in error && { code: jsonValue(error.code) }) };
}
