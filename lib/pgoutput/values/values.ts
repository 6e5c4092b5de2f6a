import { getTypeParser } from 'pg-types';
import type { Column } from '../messages/table';
import { ValueFault } from './value-fault';

/** Turns a value's text, as PostgreSQL prints it, into what the row holds. */
export type TextParser = (value: string) => unknown;

/** Chooses the parser of each type. Fits the `types` that one gives `new pg.Client(…)`; values come as text only. */
export interface TypeParsers {
  getTypeParser(oid: number, format: 'text'): TextParser;
}

/** The parsers that `pg` has, with whatever `pg.types.setTypeParser` has changed in them. */
export const defaultTypes: TypeParsers = { getTypeParser };

/** What `pg` reads a type with that it has no parser for: the text as it is. */
export const AS_TEXT: TextParser = defaultTypes.getTypeParser(-1, 'text');

/** @throws {ValueFault} when `types` itself fails */
export function findParser(types: TypeParsers, table: string, column: Column): TextParser {
  try {
    return types.getTypeParser(column.typeOid, 'text');
  } catch (cause) {
    throw createValueFault(table, column, cause);
  }
}

const FAULTY_PARSER =
  "See the cause, and correct the parser that types.getTypeParser gives for this type; or subscribe with onDecodeError: 'deliver', which delivers the value's bytes and goes on.";

/** A parser has thrown that the user has given. */
export function createValueFault(table: string, column: Column, cause: unknown): ValueFault {
  return new ValueFault(`${formatColumn(table, column)} has a value that cannot be read`, {
    cause,
    remedy: FAULTY_PARSER,
  });
}

/** A column, as errors name it. */
export function formatColumn(table: string, { name, typeOid }: Column): string {
  return `Column ${name} of ${table} (type OID ${typeOid})`;
}
