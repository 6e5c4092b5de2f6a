import { getTypeParser } from 'pg-types';
import { ProtocolError } from '../errors';
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

/**
 * What text of some types has to look like before pg's parsers may see it.
 *
 * postgres-bytea 1.0 takes all but the hex form, which the session pins, for the escape form, and never returns from a
 * lone backslash; of bad hex it keeps what stands before. postgres-date's regular expression takes minutes for megabytes
 * of digits; no date that PostgreSQL prints is as long as 64 characters.
 */
const FORMS: ReadonlyMap<number, (text: string) => boolean> = new Map<number, (text: string) => boolean>([
  [17, (text) => /^\\x(?:[0-9a-fA-F]{2})*$/.test(text)],
  [1001, arrayOf(/^\{*(?:"\\\\x(?:[0-9a-fA-F]{2})*"|[^"\\{}]*)\}*$/)],
  ...[1082, 1114, 1184].map((oid) => [oid, (text: string) => text.length <= 64] as const),
  ...[1182, 1115, 1185].map((oid) => [oid, arrayOf(/^\{*(?:"[^"\\]{0,64}"|[^"\\{}]{0,64})\}*$/)] as const),
]);

/**
 * An array whose elements hold no comma. postgres-array joins what stands around quotes and closing braces to one element,
 * so everything between two commas has to be one, braces apart.
 */
function arrayOf(element: RegExp): (text: string) => boolean {
  return (text) =>
    text
      .replace(/^\[[-\d:[\]]*=/, '')
      .split(',')
      .every((part) => element.test(part));
}

/**
 * The parser of one column. What it throws names the column and leaves out the value, which may be confidential.
 *
 * @param parse what `types` gave for the column's type
 */
export function guarded(parse: TextParser, table: string, column: Column): TextParser {
  const hasForm = FORMS.get(column.typeOid);
  return (value) => {
    try {
      if (hasForm?.(value) === false) throw new Error('this is not how PostgreSQL prints such a value');
      return parse(value);
    } catch (cause) {
      throw unreadable(table, column, cause);
    }
  };
}

/** @throws {ProtocolError} when `types` itself fails */
export function parserOf(types: TypeParsers, table: string, column: Column): TextParser {
  try {
    return types.getTypeParser(column.typeOid, 'text');
  } catch (cause) {
    throw unreadable(table, column, cause);
  }
}

function unreadable(table: string, column: Column, cause: unknown): ProtocolError {
  return new ProtocolError(
    `Column ${column.name} of ${table} (type OID ${column.typeOid}) has a value that cannot be read`,
    {
      cause,
      remedy: 'See the cause, and correct the parser that types.getTypeParser gives for this type.',
    },
  );
}
