import { BUILT_IN_TYPES } from '../pgoutput/types/built-in-types';

/** Returns the OID of a type. Types are named as in pg_type (`int4`, `text`, `timestamptz`), arrays with `[]`. */
export function getTypeOid(type: string | number): number {
  if (typeof type === 'number') return type;
  const oid = BUILT_IN_TYPES.get(type.endsWith('[]') ? `_${type.slice(0, -2)}` : type);
  if (oid !== undefined) return oid;
  throw new Error(
    `Unknown built-in type ${JSON.stringify(type)}; use the name in pg_type (int4, text), or the type's OID`,
  );
}

/**
 * Prints a value as a server does under the session settings of the library. Text is used unchanged, so values of types that
 * JavaScript does not have are given as the server prints them.
 */
export function printValue(value: unknown, type: string | number): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return value ? 't' : 'f';
  if (type === 'json' || type === 'jsonb') return JSON.stringify(value);
  if (typeof value === 'number') return printNumber(value, type);
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`;
  if (value instanceof Date) return printDate(value, type);
  if (Array.isArray(value) && typeof type === 'string') return printArray(value, type.replace(/\[\]$/, ''));
  throw new Error(
    `Cannot print a value of type ${typeof value} for a column of type ${type}; pass the text that the server sends`,
  );
}

/** Prints a number. `pg` represents infinite dates and timestamps as numbers. */
function printNumber(value: number, type: string | number): string {
  if (Object.is(value, -0)) return '-0';
  return type === 'date' || type === 'timestamp' || type === 'timestamptz'
    ? String(value).toLowerCase()
    : String(value);
}

/** Prints types without a time zone in the local time zone, because `pg` parses them in it. */
function printDate(value: Date, type: string | number): string {
  if (type !== 'date' && type !== 'timestamp') return `${value.toISOString().replace('T', ' ').replace('Z', '')}+00`;
  const local = new Date(value.getTime() - value.getTimezoneOffset() * 60_000).toISOString();
  return type === 'date' ? local.slice(0, 10) : local.replace('T', ' ').replace('Z', '');
}

function printArray(values: readonly unknown[], type: string): string {
  const items = values.map((item) => {
    if (item === null || item === undefined) return 'NULL';
    if (Array.isArray(item)) return printArray(item, type);
    return `"${printValue(item, type).replace(/["\\]/g, '\\$&')}"`;
  });
  return `{${items.join(',')}}`;
}
