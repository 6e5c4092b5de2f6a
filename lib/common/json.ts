import { formatLsn } from './lsn';

type Members = Record<string, unknown>;

/**
 * Converts the members of an object for `JSON.stringify`, which does not support bigint. A bigint member becomes an LSN as
 * `X/Y`; the members named in `decimal`, and bigints in nested values such as rows, become decimal text.
 *
 * @param decimal names of bigint members that are not LSNs
 * @param formOf converts a member that is not an LSN
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

/** Adds a `toJSON` method, see {@link toJsonMembers}. It is not enumerable, so comparisons and copies ignore it. */
export function addToJson<T extends object>(value: T, ...decimal: (keyof T & string)[]): T {
  const toJSON = (): Members => toJsonMembers(value, decimal);
  return Object.defineProperty(value, 'toJSON', { value: toJSON, configurable: true, writable: true });
}

/** Converts numbers that JSON cannot represent to PostgreSQL's text: `NaN`, `Infinity`, `-Infinity` and `-0`. */
export function toJsonNumber(value: number): number | string {
  if (Object.is(value, -0)) return '-0';
  return Number.isFinite(value) ? value : String(value);
}

/**
 * Converts a value for `JSON.stringify`, which turns some numbers into null, drops the entries of a Map and throws on a
 * bigint.
 *
 * @param numberForm converts a number
 */
export function toJsonValue(value: unknown, numberForm: (value: number) => unknown = toJsonNumber): unknown {
  const formOf = (part: unknown): unknown => toJsonValue(part, numberForm);
  if (typeof value === 'number') return numberForm(value);
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return value.map(formOf);
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof Date && Number.isNaN(value.getTime())) return String(value);
  // Dates and Buffers have toJSON(). A column may have that name, but its value is not a function.
  if ('toJSON' in value && typeof value.toJSON === 'function') return value;
  if (value instanceof Error) return toErrorMembers(value);
  if (value instanceof Set || isTypedArray(value)) return Array.from<unknown, unknown>(value, formOf);
  const members: Iterable<readonly [unknown, unknown]> = value instanceof Map ? value : Object.entries(value);
  // Object.fromEntries keeps a member named `__proto__` as an own property.
  return Object.fromEntries(Array.from(members, ([name, member]) => [String(name), formOf(member)]));
}

function isTypedArray(value: object): value is Iterable<unknown> & object {
  return ArrayBuffer.isView(value) && Symbol.iterator in value;
}

/** `JSON.stringify` omits an error's name and message. Other members may contain data, so logs must not show them. */
function toErrorMembers(error: Error): Members {
  const { name, message } = error;
  return { name, message, ...('code' in error && { code: toJsonValue(error.code) }) };
}
