import { decodeUtf8 } from '../../wire/text';
import { createArrayReader, createJsonArrayReader, createNoReader, createTextArrayReader } from './array-readers';
import { createByteaReader, createEscapedByteaReader } from './bytea-reader';
import { createDateReader, createTimestampReader, createTimestamptzReader } from './date-readers';
import type { Column } from '../messages/table';
import { exactTypes } from './exact-types';
import { BUILT_IN_PARSERS, guardParser } from './guarded-parser';
import { createBooleanReader, createDecimalReader, createDigitsReader, createIntegerReader } from './number-readers';
import type { ReaderFactory, ValueReader } from './value-reader';
import { AS_TEXT, findParser, type TextParser, type TypeParsers } from './values';

const BYTEA = 17;
/** The arrays that have text as elements in pg, such as text[], varchar[], uuid[], inet[] and time[]. */
const TEXT_ARRAYS = [651, 791, 1008, 1009, 1014, 1015, 1040, 1041, 1183, 1270, 2951, 3907];

const createIntegerArrayReader = createArrayReader(createIntegerReader);
const createDecimalArrayReader = createArrayReader(createDecimalReader);

/** Readers of the usual text forms of a type. They replace pg's parser only. */
const READERS: ReadonlyMap<number, ReaderFactory> = new Map<number, ReaderFactory>([
  [16, createBooleanReader],
  [BYTEA, createByteaReader],
  [20, () => decodeUtf8], // int8 is text in pg
  [21, createIntegerReader],
  [23, createIntegerReader],
  [26, createIntegerReader],
  [700, createDecimalReader],
  [701, createDecimalReader],
  [1082, createDateReader],
  [1114, createTimestampReader],
  [1184, createTimestamptzReader],
  [199, createJsonArrayReader],
  [3807, createJsonArrayReader], // jsonb[]
  [1000, createArrayReader(createBooleanReader)],
  [1001, createArrayReader(createNoReader, createEscapedByteaReader)],
  [1005, createIntegerArrayReader],
  [1007, createIntegerArrayReader],
  [1028, createIntegerArrayReader],
  [1016, createArrayReader(createDigitsReader)], // int8[]
  [1021, createDecimalArrayReader],
  [1022, createDecimalArrayReader],
  [1231, createDecimalArrayReader], // numeric[], doubles in pg
  [1115, createArrayReader(createTimestampReader)],
  [1182, createArrayReader(createDateReader)],
  [1185, createArrayReader(createTimestamptzReader)],
  ...TEXT_ARRAYS.map((oid) => [oid, createTextArrayReader] as const),
]);

/** Types for which pg's values and those of `exactTypes` are equal. */
const EXACT = new Set([16, 17, 21, 23, 26, 700, 701, 1000, 1001, 1005, 1007, 1021, 1022, 1028, ...TEXT_ARRAYS]);

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
  const readOther: ValueReader = (bytes, start, end) => parse(decodeUtf8(bytes, start, end));
  const createReader = hasReader(parser, column.typeOid) ? READERS.get(column.typeOid) : undefined;
  return createReader?.(readOther) ?? readOther;
}
