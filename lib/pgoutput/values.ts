import { getTypeParser } from 'pg-types';
import { ProtocolError } from '../errors';
import type { Column } from './messages';

/** Turns a value's text, as PostgreSQL prints it, into what the row holds. */
export type TextParser = (value: string) => unknown;

/** Chooses the parser of each type: the shape of the `types` that one gives `new pg.Client(…)`. */
export interface TypeParsers {
  getTypeParser(oid: number, format: 'text' | 'binary'): TextParser;
}

/** The parsers that `pg` has, with whatever `pg.types.setTypeParser` has changed in them. */
export const defaultTypes: TypeParsers = { getTypeParser };

/**
 * What the text of bytea and bytea[] looks like under bytea_output = hex, which the session pins.
 *
 * Nothing else may reach pg's parser: postgres-bytea 1.0 takes it for the escape form, and never returns from a lone
 * backslash.
 */
const FORMS: ReadonlyMap<number, (text: string) => boolean> = new Map([
  [17, (text) => text.startsWith('\\x')],
  [1001, (text) => !text.split(/[{,]"\\\\x/).some((part) => part.includes('\\'))],
]);

/**
 * The parser of one column. What it throws names the column and leaves out the value, which may be confidential.
 *
 * @throws {ProtocolError} when `types` itself fails; the parser that it returns throws one too.
 */
export function textParser(types: TypeParsers, table: string, column: Column): TextParser {
  const failure = (cause: unknown): ProtocolError =>
    new ProtocolError(
      `Column ${column.name} of ${table} (type OID ${column.typeOid}) has a value that cannot be read`,
      {
        cause,
        remedy: 'See the cause, and correct the parser that types.getTypeParser gives for this type.',
      },
    );

  let parse: TextParser;
  try {
    parse = types.getTypeParser(column.typeOid, 'text');
  } catch (cause) {
    throw failure(cause);
  }
  const hasForm = FORMS.get(column.typeOid);
  return (value) => {
    try {
      if (hasForm?.(value) === false) throw new Error('expected the hex form of bytea');
      return parse(value);
    } catch (cause) {
      throw failure(cause);
    }
  };
}
