import { getTypeParser } from 'pg-types';
import { ReplicationError } from '../errors';
import type { Column } from './table';

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

/** @throws {ReplicationError} `VALUE_UNREADABLE` when `types` itself fails */
export function parserOf(types: TypeParsers, table: string, column: Column): TextParser {
  try {
    return types.getTypeParser(column.typeOid, 'text');
  } catch (cause) {
    throw unreadable(table, column, cause);
  }
}

/** An error of whoever gave the parser. */
export function unreadable(table: string, column: Column, cause: unknown): ReplicationError {
  return new ReplicationError('VALUE_UNREADABLE', `${placeOf(table, column)} has a value that cannot be read`, {
    cause,
    remedy: 'See the cause, and correct the parser that types.getTypeParser gives for this type.',
  });
}

/** A column, as errors name it. */
export function placeOf(table: string, { name, typeOid }: Column): string {
  return `Column ${name} of ${table} (type OID ${typeOid})`;
}
