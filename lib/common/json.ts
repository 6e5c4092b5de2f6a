import { formatLsn } from './lsn';

type Members = Record<string, unknown>;

/**
 * The members of an object for `JSON.stringify`, which knows no bigint: LSNs become `X/Y`, all others decimal text. Deeper
 * down, as in rows, a bigint is the user's own and no LSN.
 *
 * @param decimal names of members that are bigint and no LSN
 * @param formOf makes the JSON form of a member that is no LSN
 */
export function toJsonMembers(
  value: object,
  decimal: readonly string[] = [],
  formOf: (member: unknown, name: string) => unknown = (member) => toJsonValue(member),
): Members {
  return Object.fromEntries(
    Object.entries(value).map(([name, member]: [string, unknown]) => [
      name,
      typeof member === 'bigint' && !decimal.includes(name) ? formatLsn(member) : formOf(member, name),
    ]),
  );
}

/** Gives a plain object a JSON form, as {@link toJsonMembers} makes it, which no comparison and no copy sees. */
export function addToJson<T extends object>(value: T, ...decimal: (keyof T & string)[]): T {
  const toJSON = (): Members => toJsonMembers(value, decimal);
  return Object.defineProperty(value, 'toJSON', { value: toJSON, configurable: true, writable: true });
}

/** A number that JSON does not have is text, as PostgreSQL writes it: `NaN`, `Infinity`, `-Infinity`; and so is −0, as `-0`. */
export function toJsonNumber(value: number): number | string {
  if (Object.is(value, -0)) return '-0';
  return Number.isFinite(value) ? value : String(value);
}

/**
 * A value for `JSON.stringify`, which would make null of some numbers, nothing of a Map, and throw at a bigint.
 *
 * @param numberForm makes the JSON form of a number
 */
export function toJsonValue(value: unknown, numberForm: (value: number) => unknown = toJsonNumber): unknown {
  const formOf = (part: unknown): unknown => toJsonValue(part, numberForm);
  if (typeof value === 'number') return numberForm(value);
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return value.map(formOf);
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof Date && Number.isNaN(value.getTime())) return String(value);
  // Dates and Buffers have a form of their own; a column may be called toJSON, too, but holds no function.
  if ('toJSON' in value && typeof value.toJSON === 'function') return value;
  if (value instanceof Error) return toErrorMembers(value);
  if (value instanceof Set || isTypedArray(value)) return Array.from<unknown, unknown>(value, formOf);
  const members: Iterable<readonly [unknown, unknown]> = value instanceof Map ? value : Object.entries(value);
  // Own members only, one called `__proto__` included.
  return Object.fromEntries(Array.from(members, ([name, member]) => [String(name), formOf(member)]));
}

function isTypedArray(value: object): value is Iterable<unknown> & object {
  return ArrayBuffer.isView(value) && Symbol.iterator in value;
}

/** An error's text is not among the members that JSON shows; what else it holds may not be for logs. */
function toErrorMembers(error: Error): Members {
  const { name, message } = error;
  return { name, message, ...('code' in error && { code: toJsonValue(error.code) }) };
}
