import { init as forEachBuiltIn } from 'pg-types/lib/textParsers';
import { exactTypes } from './exact-types';
import type { Column } from '../messages/table';
import { createLimitFault, DELIVER, ValueFault } from './value-fault';
import { checkElements, LimitError } from './value-limits';
import { formatColumn, createValueFault, type TextParser } from './values';

/** pg's own parsers, whatever has been set in their place. */
export const BUILT_IN_PARSERS: ReadonlyMap<number, TextParser> = getBuiltInParsers();

function getBuiltInParsers(): Map<number, TextParser> {
  const parsers = new Map<number, TextParser>();
  forEachBuiltIn((oid, parse) => parsers.set(oid, parse));
  return parsers;
}

/**
 * What text of some types has to look like before pg's parsers may see it.
 *
 * postgres-bytea 1.0 takes all but the hex form, which the session pins, for the escape form, and never returns from a
 * lone backslash; of bad hex it keeps what stands before. postgres-date's regular expression takes minutes for megabytes
 * of digits; no date that PostgreSQL prints is as long as 64 characters.
 */
const FORMS: ReadonlyMap<number, (text: string) => boolean> = new Map<number, (text: string) => boolean>([
  [17, (text) => /^\\x(?:[0-9a-fA-F]{2})*$/.test(text)],
  [1001, createArrayParser(/^\{*(?:"\\\\x(?:[0-9a-fA-F]{2})*"|[^"\\{}]*)\}*$/)],
  ...[1082, 1114, 1184].map((oid) => [oid, (text: string) => text.length <= 64] as const),
  ...[1182, 1115, 1185].map((oid) => [oid, createArrayParser(/^\{*(?:"[^"\\]{0,64}"|[^"\\{}]{0,64})\}*$/)] as const),
]);

/**
 * An array whose elements hold no comma. postgres-array joins what stands around quotes and closing braces to one element,
 * so everything between two commas has to be one, braces apart.
 */
function createArrayParser(element: RegExp): (text: string) => boolean {
  return (text) =>
    text
      .replace(/^\[[-\d:[\]]*=/, '')
      .split(',')
      .every((part) => element.test(part));
}

/**
 * The parser of one column.
 *
 * @param parse what `types` gave for the column's type
 * @throws {ValueFault} which tells a parser of the user's own from one that takes all that PostgreSQL prints
 */
export function guardParser(parse: TextParser, table: string, column: Column): TextParser {
  const { typeOid } = column;
  const hasForm = FORMS.get(typeOid);
  const takesAll = isParserOfPg(parse, typeOid) || parse === exactTypes.getTypeParser(typeOid, 'text');
  return (value) => {
    try {
      if (takesAll) checkElements(value);
      if (hasForm?.(value) !== false) return parse(value);
    } catch (cause) {
      throw takesAll ? misprinted(table, column, { cause }) : createValueFault(table, column, cause);
    }
    throw misprinted(table, column);
  };
}

/** pg-types binds JSON.parse anew each time that it lists its parsers. */
function isParserOfPg(parse: TextParser, typeOid: number): boolean {
  const own = BUILT_IN_PARSERS.get(typeOid);
  return parse === own || (own?.name === 'bound parse' && parse.name === own.name);
}

/** @param options with what has objected to the text */
export function misprinted(table: string, column: Column, options?: { readonly cause: unknown }): ValueFault {
  if (options?.cause instanceof LimitError) return createLimitFault(formatColumn(table, column), options.cause);
  const what = `${formatColumn(table, column)} has a value that is not as PostgreSQL prints it`;
  return new ValueFault(what, { ...options, remedy: DELIVER });
}
