import { decodeUtf8 } from '../../wire/text';
import { createArrayReader, readTextArray } from './array-readers';
import { readBytea } from './bytea-reader';
import { readDate, readTimestamp, readTimestamptz } from './date-readers';
import type { Column } from '../messages/table';
import { exactTypes } from './exact-types';
import { BUILT_IN_PARSERS, guardParser } from './guarded-parser';
import { readBoolean, readDecimal, readDigits, readInteger } from './number-readers';
import { AS_TEXT, findParser, type TextParser, type TypeParsers } from './values';

/** Converts the bytes in [start, end) to a value. */
export type ValueReader = (bytes: Buffer, start: number, end: number) => unknown;

const BYTEA = 17;

const readIntegerArray = createArrayReader(readInteger);
const readDecimalArray = createArrayReader(readDecimal);

/**
 * Readers of the usual text forms of a type, directly from the bytes. They return undefined for other forms. They return the
 * same value as pg's parser, and replace only that parser.
 */
const READERS: ReadonlyMap<number, ValueReader> = new Map<number, ValueReader>([
  [16, readBoolean],
  [BYTEA, readBytea],
  [20, decodeUtf8], // int8 is text in pg
  [21, readInteger],
  [23, readInteger],
  [26, readInteger],
  [700, readDecimal],
  [701, readDecimal],
  [1082, readDate],
  [1114, readTimestamp],
  [1184, readTimestamptz],
  [1000, createArrayReader(readBoolean)],
  [1005, readIntegerArray],
  [1007, readIntegerArray],
  [1028, readIntegerArray],
  [1009, readTextArray],
  [1014, readTextArray],
  [1015, readTextArray],
  [1016, createArrayReader(readDigits)], // int8[]
  [1021, readDecimalArray],
  [1022, readDecimalArray],
  [1231, readDecimalArray], // numeric[], doubles in pg
  [2951, readTextArray], // uuid[]
]);

/** Types for which pg's values and those of `exactTypes` are equal. */
const EXACT = new Set([16, 17, 21, 23, 26, 700, 701, 1000, 1005, 1007, 1009, 1014, 1015, 1021, 1022, 1028, 2951]);

/** Whether the reader of a type returns the same values as the parser. */
function hasReader(parser: TextParser, oid: number): boolean {
  return parser === BUILT_IN_PARSERS.get(oid) || (EXACT.has(oid) && parser === exactTypes.getTypeParser(oid, 'text'));
}

/**
 * Whether the column is a bytea that is decoded to a Buffer.
 *
 * @throws {ValueFault} when `types` throws
 */
export function isReadAsBytea(types: TypeParsers, table: string, column: Column): boolean {
  return column.typeOid === BYTEA && hasReader(findParser(types, table, column), BYTEA);
}

/**
 * Creates the reader of a column of a built-in type. It throws the errors of {@link guardParser}.
 *
 * @throws {ValueFault} when `types` throws
 */
export function createValueReader(types: TypeParsers, table: string, column: Column): ValueReader {
  const parser = findParser(types, table, column);
  if (parser === AS_TEXT) return decodeUtf8;
  const parse = guardParser(parser, table, column);
  const read = hasReader(parser, column.typeOid) ? READERS.get(column.typeOid) : undefined;
  if (!read) return (bytes, start, end) => parse(decodeUtf8(bytes, start, end));
  return (bytes, start, end) => {
    const value = read(bytes, start, end);
    return value === undefined ? parse(decodeUtf8(bytes, start, end)) : value;
  };
}
