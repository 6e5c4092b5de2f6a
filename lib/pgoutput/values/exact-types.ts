import { parseArray } from './array-text';
import { BUILT_IN_DEFINITIONS, BUILT_IN_TYPES } from '../types/built-in-types';
import { parseExactJson } from './exact-json';
import { AS_TEXT, type TextParser, type TypeParsers } from './values';

/** The parsers by name in `pg_type`. Values of other types stay text. */
const PARSERS: ReadonlyMap<string, TextParser> = new Map<string, TextParser>([
  ['bool', parseBoolean],
  ['bytea', parseBytea],
  ['int2', parseInteger],
  ['int4', parseInteger],
  ['oid', parseInteger],
  ['xid', parseInteger],
  ['cid', parseInteger],
  ['int8', parseBigInteger],
  ['xid8', parseBigInteger],
  ['float4', parseFloatingPoint],
  ['float8', parseFloatingPoint],
  ['json', parseExactJson],
  ['jsonb', parseExactJson],
]);

/** By OID. */
const BY_OID = new Map([...PARSERS].map(([name, parse]) => [BUILT_IN_TYPES.get(name), parse]));
for (const [oid, definition] of BUILT_IN_DEFINITIONS) {
  if (definition.kind !== 'array') continue;
  const parseElement = BY_OID.get(definition.element) ?? AS_TEXT;
  BY_OID.set(oid, (text) => parseArray(text, definition.delimiter, parseElement));
}

/**
 * Parsers that do not round values and do not assume a time zone:
 *
 * - int8 and xid8 are bigints; int2, int4, oid, xid, cid, float4 and float8 are numbers; bool is boolean; bytea is a Buffer;
 * - json and jsonb are parsed, with integers beyond `Number.MAX_SAFE_INTEGER` as bigints and numbers that a double cannot
 *   hold as {@link JsonNumber};
 * - an array of a built-in type is an Array of such values, nested for several dimensions;
 * - all other types are text as PostgreSQL prints it: numeric, money, ranges, and dates, times and intervals.
 *
 * Dates and times stay text, because no JavaScript type represents µs, `infinity`, BC and 24:00:00. The text, with `+00` for
 * types with a time zone, is valid input for PostgreSQL. `Temporal.Instant.from`, `PlainDateTime.from`, `PlainDate.from` and
 * `PlainTime.from` accept it for the years 1 to 9999 and times before 24:00. JSON values do not round-trip: `JSON.stringify`
 * throws for a bigint, and writes a {@link JsonNumber} as a string.
 *
 * @example
 * // JSON documents as text, other types exact.
 * const types: TypeParsers = {
 *   getTypeParser: (oid, format) => (oid === 114 || oid === 3802 ? String : exactTypes.getTypeParser(oid, format)),
 * };
 */
export const exactTypes: TypeParsers = {
  getTypeParser: (oid) => BY_OID.get(oid) ?? AS_TEXT,
};

function parseBoolean(text: string): boolean {
  if (text !== 't' && text !== 'f') throw new SyntaxError("Expected 't' or 'f'");
  return text === 't';
}

function parseBytea(text: string): Buffer {
  const value = Buffer.from(text.slice(2), 'hex');
  // Node stops at the first invalid pair of digits.
  if (!text.startsWith('\\x') || value.length * 2 !== text.length - 2) {
    throw new SyntaxError("Expected '\\x' and pairs of hexadecimal digits");
  }
  return value;
}

function parseInteger(text: string): number {
  if (!/^-?\d{1,10}$/.test(text)) throw new SyntaxError('Expected an integer of 32 bits');
  return Number(text);
}

function parseBigInteger(text: string): bigint {
  if (!/^-?\d{1,20}$/.test(text)) throw new SyntaxError('Expected an integer of 64 bits');
  return BigInt(text);
}

function parseFloatingPoint(text: string): number {
  if (!/^(?:NaN|-?Infinity|-?\d{1,20}(?:\.\d{1,24})?(?:e[-+]\d{1,3})?)$/.test(text)) {
    throw new SyntaxError('Expected a floating-point number');
  }
  return Number(text);
}
