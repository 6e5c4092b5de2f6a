import { init as forEachBuiltIn } from 'pg-types/lib/textParsers.js';
import { exactTypes } from './exact-types';
import type { Column } from '../messages/table';
import { createLimitFault, DELIVER, ValueFault } from './value-fault';
import { checkElements, LimitError } from './value-limits';
import { formatColumn, createValueFault, type TextParser } from './values';

/** pg's original parsers, before any `setTypeParser`. */
export const BUILT_IN_PARSERS: ReadonlyMap<number, TextParser> = getBuiltInParsers();

function getBuiltInParsers(): Map<number, TextParser> {
  const parsers = new Map<number, TextParser>();
  forEachBuiltIn((oid, parse) => parsers.set(oid, parse));
  return parsers;
}

/**
 * Checks of the text of some types, before pg's parsers read it.
 *
 * postgres-bytea 1.0 parses any text other than the hex format, which the session sets, as escape format, and loops forever at
 * a lone backslash; it truncates invalid hex. The regular expression of postgres-date takes minutes for megabytes of digits;
 * PostgreSQL prints dates of fewer than 64 characters.
 */
const FORMS: ReadonlyMap<number, (text: string) => boolean> = new Map<number, (text: string) => boolean>([
  [17, (text) => /^\\x(?:[0-9a-fA-F]{2})*$/.test(text)],
  [1001, createArrayCheck(/^\{*(?:"\\\\x(?:[0-9a-fA-F]{2})*"|[^"\\{}]*)\}*$/)],
  ...[1082, 1114, 1184].map((oid) => [oid, (text: string) => text.length <= 64] as const),
  ...[1182, 1115, 1185].map((oid) => [oid, createArrayCheck(/^\{*(?:"[^"\\]{0,64}"|[^"\\{}]{0,64})\}*$/)] as const),
]);

/**
 * Creates the check of an array whose elements contain no comma. postgres-array joins text around quotes and closing braces to
 * one element, so the text between two commas must be one element, besides braces.
 */
function createArrayCheck(element: RegExp): (text: string) => boolean {
  return (text) =>
    text
      .replace(/^\[[-\d:[\]]*=/, '')
      .split(',')
      .every((part) => element.test(part));
}

/**
 * Wraps the parser of a column.
 *
 * @param parse the parser of the column's type from `types`
 * @throws {ValueFault} when the parser throws; the text differs for the user's parsers and those of pg and this library
 */
export function guardParser(parse: TextParser, table: string, column: Column): TextParser {
  const { typeOid } = column;
  const hasForm = FORMS.get(typeOid);
  const acceptsAll = isParserOfPg(parse, typeOid) || parse === exactTypes.getTypeParser(typeOid, 'text');
  return (value) => {
    try {
      if (acceptsAll) checkElements(value);
      if (hasForm?.(value) !== false) return parse(value);
    } catch (cause) {
      throw acceptsAll ? createFormatFault(table, column, { cause }) : createValueFault(table, column, cause);
    }
    throw createFormatFault(table, column);
  };
}

/** Compares names too, because pg-types binds JSON.parse again each time that it lists its parsers. */
function isParserOfPg(parse: TextParser, typeOid: number): boolean {
  const own = BUILT_IN_PARSERS.get(typeOid);
  return parse === own || (own?.name === 'bound parse' && parse.name === own.name);
}

/** @param options with the error of the parser as cause */
export function createFormatFault(table: string, column: Column, options?: { readonly cause: unknown }): ValueFault {
  if (options?.cause instanceof LimitError) return createLimitFault(formatColumn(table, column), options.cause);
  const what = `${formatColumn(table, column)} has a value that PostgreSQL does not print`;
  return new ValueFault(what, { ...options, remedy: DELIVER });
}
