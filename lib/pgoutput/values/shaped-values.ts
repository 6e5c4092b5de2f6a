import { parseArray } from './array-text';
import { guardParser, misprinted } from './guarded-parser';
import type { Column } from '../messages/table';
import { parseRecord } from './record-text';
import type { Attribute, TypeDefinitions } from '../types/type-definitions';
import { ValueFault } from './value-fault';
import { checkElements } from './value-limits';
import { AS_TEXT, findParser, formatColumn, type TextParser, type TypeParsers } from './values';

/** Types from here on are not built in: their OIDs differ from server to server (FirstGenbkiObjectId in transam.h). */
const FIRST_OTHER_TYPE = 10_000;

/**
 * The attributes of a composite type's values that have so many fields; undefined when none are known. A type that is altered
 * has values of either kind for a while.
 */
export type CompositeLayouts = (typeOid: number, fields: number) => readonly Attribute[] | undefined;

/** All that decides how a value is read. */
export interface Reading {
  /** The parsers of built-in types, and of any other type that it has one for: those come first. */
  readonly types: TypeParsers;
  /** What the other types are made of. One without a definition stays text, and so do enums and ranges. */
  readonly definitions: TypeDefinitions;
  /** Given, a composite is an object by attribute name; otherwise it is text. */
  readonly layouts?: CompositeLayouts | undefined;
  /** Whether nobody can see yet what a type is made of, as its transaction is still open. */
  readonly isOpen?: ((typeOid: number) => boolean) | undefined;
  /** Whether the values are of a transaction that is still open. */
  readonly ofOpen?: boolean;
}

const NO_FORM = {
  remedy:
    "Subscribe without binary: values come as text then, also of the transaction that this one is in. Or subscribe with onDecodeError: 'deliver', which delivers the value's bytes and goes on.",
};
const STILL_OPEN = {
  retryable: true,
  remedy:
    "Its type was made in a transaction that was still open: subscribe again when that is committed, or without binary, or with onDecodeError: 'deliver', which delivers the value's bytes and goes on.",
};

/** A composite value has another number of fields than its type had when it was last looked up. */
export class UnknownLayoutError extends ValueFault {
  constructor(
    where: string,
    readonly typeOid: number,
    readonly fields: number,
  ) {
    super(`${where} has a value of ${fields} fields, which its type is not known to have had`, {
      remedy:
        "The type was altered. If that was after the value was written, read composites as text (composites: false) until the stream is past it, or subscribe with onDecodeError: 'deliver', which delivers the value's bytes; otherwise subscribe again.",
    });
  }
}

/** A value is in the binary form of a type of which nothing is known, or has another in it that is. */
export class UnknownTypeError extends ValueFault {
  /**
   * @param isOpen whether it may be known once its transaction is committed
   * @param typeOid the column's type
   * @param partOid that of a value in it that is unknown: of an attribute that was added meanwhile
   */
  constructor(
    where: string,
    isOpen: boolean,
    readonly typeOid: number,
    readonly partOid?: number,
  ) {
    const what = `${where} has a value in a binary form that is not known`;
    super(what, isOpen ? STILL_OPEN : NO_FORM);
  }
}

export function isBuiltIn(typeOid: number): boolean {
  return typeOid < FIRST_OTHER_TYPE;
}

/**
 * The column with the type that its values are printed and read as: of a domain, the type below it, however many domains
 * lie between. A domain that has a parser of its own stays.
 *
 * @throws {ValueFault} when `types` itself fails
 */
export function resolveDomain(reading: Reading, table: string, column: Column): Column {
  const seen = new Set<number>();
  let found = column;
  for (;;) {
    const { typeOid } = found;
    if (isBuiltIn(typeOid) || findParser(reading.types, table, found) !== AS_TEXT) return found;
    const definition = reading.definitions(typeOid);
    if (definition?.kind !== 'domain' || seen.has(typeOid)) return found;
    seen.add(typeOid);
    found = { ...found, typeOid: definition.base };
  }
}

/**
 * The parser of one column, whatever its type is made of; {@link AS_TEXT} where the text stays as it is. What it throws names
 * the column and the part of it, as in `c[].city`, and leaves out the value, which may be confidential.
 *
 * Parts are asked for when the first value is read, so that a type may be made of itself.
 *
 * @throws {ValueFault} when `types` itself fails
 */
export function createShapedParser(reading: Reading, table: string, column: Column): TextParser {
  const base = resolveDomain(reading, table, column);
  const parser = findParser(reading.types, table, base);
  if (parser !== AS_TEXT) return guardParser(parser, table, base);
  const definition = isBuiltIn(base.typeOid) ? undefined : reading.definitions(base.typeOid);
  if (definition?.kind === 'array')
    return createArrayParser(reading, table, base, definition.element, definition.delimiter);
  if (definition?.kind === 'composite' && reading.layouts)
    return createCompositeParser(reading, reading.layouts, table, base);
  return AS_TEXT;
}

function createArrayParser(
  reading: Reading,
  table: string,
  column: Column,
  typeOid: number,
  delimiter: string,
): TextParser {
  // CREATE TYPE takes any byte; what array_out prints with these can be read in more than one way.
  if (!/^[^{}"\\\0\u0080-\uffff]$/.test(delimiter)) return AS_TEXT;
  const element = { ...column, name: `${column.name}[]`, typeOid };
  let parseElement: TextParser | undefined;
  return addLocation(table, column, (text) => {
    checkElements(text, delimiter);
    parseElement ??= createShapedParser(reading, table, element);
    return parseArray(text, delimiter, parseElement);
  });
}

function createCompositeParser(reading: Reading, layouts: CompositeLayouts, table: string, column: Column): TextParser {
  const compiled = new Map<readonly Attribute[], readonly TextParser[]>();
  const compile = (layout: readonly Attribute[]): readonly TextParser[] => {
    const parsers = layout.map(({ name, typeOid }) =>
      createShapedParser(reading, table, { ...column, name: `${column.name}.${name}`, typeOid }),
    );
    compiled.set(layout, parsers);
    return parsers;
  };
  return addLocation(table, column, (text) => {
    const fields = parseRecord(text);
    const layout = layouts(column.typeOid, fields.length) ?? (text === '()' ? layouts(column.typeOid, 0) : undefined);
    if (!layout) throw new UnknownLayoutError(formatColumn(table, column), column.typeOid, fields.length);
    const parsers = compiled.get(layout) ?? compile(layout);
    const entries = layout.map(({ name }, i) => {
      const field = fields[i] ?? null;
      return [name, field === null ? null : parsers[i]?.(field)] as const;
    });
    // Unlike assignment it gives the object a property of its own, whatever the attribute is called.
    return Object.fromEntries(entries);
  });
}

/** An error of a part says already where it is. */
function addLocation(table: string, column: Column, parse: TextParser): TextParser {
  return (text) => {
    try {
      return parse(text);
    } catch (cause) {
      if (cause instanceof ValueFault) throw cause;
      throw misprinted(table, column, { cause });
    }
  };
}
