import { getTypeParser } from 'pg-types';
import type { Column } from '../messages/table';
import { ValueFault } from './value-fault';

/** Converts the text of a value, as PostgreSQL prints it, to the JavaScript value in the row. */
export type TextParser = (value: string) => unknown;

/**
 * Chooses the parser of each type. It is compatible with the `types` option of `new pg.Client(…)`. Parsers always receive text,
 * also with `binary: true`.
 *
 * If `getTypeParser` or a parser throws, the stream fails with a {@link ValueError} (code `VALUE_DECODE_FAILED`) whose `cause`
 * is the thrown error; with `onDecodeError: 'deliver'` the row holds an {@link UndecodedValue} instead.
 *
 * @example
 * // numeric as a Decimal, other types as pg parses them:
 * const types: TypeParsers = {
 *   getTypeParser: (oid, format) => (oid === 1700 ? (text) => new Decimal(text) : pg.types.getTypeParser(oid, format)),
 * };
 */
export interface TypeParsers {
  /** @param oid the type's OID in `pg_type` */
  getTypeParser(oid: number, format: 'text'): TextParser;
}

/** The parsers of `pg`, including those set by `pg.types.setTypeParser`. */
export const defaultTypes: TypeParsers = { getTypeParser };

/** The parser that `pg` returns for a type without a parser: it returns the text unchanged. */
export const AS_TEXT: TextParser = defaultTypes.getTypeParser(-1, 'text');

/** @throws {ValueFault} when `types` throws */
export function findParser(types: TypeParsers, table: string, column: Column): TextParser {
  try {
    return types.getTypeParser(column.typeOid, 'text');
  } catch (cause) {
    throw createValueFault(table, column, cause);
  }
}

const FAULTY_PARSER =
  "See the cause, and correct the parser that types.getTypeParser returns for this type; or subscribe with onDecodeError: 'deliver', which delivers the value's bytes and goes on.";

/** Creates the fault for an error of the user's parser. */
export function createValueFault(table: string, column: Column, cause: unknown): ValueFault {
  return new ValueFault(`${formatColumn(table, column)} has a value that cannot be read`, {
    cause,
    remedy: FAULTY_PARSER,
  });
}

/** Formats a column for error messages. */
export function formatColumn(table: string, { name, typeOid }: Column): string {
  return `Column ${name} of ${table} (type OID ${typeOid})`;
}
