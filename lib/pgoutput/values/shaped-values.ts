import { parseArray } from './array-text';
import { guardParser, createFormatFault } from './guarded-parser';
import type { Column } from '../messages/table';
import { parseRecord } from './record-text';
import type { Attribute, TypeDefinitions } from '../types/type-definitions';
import { ValueFault } from './value-fault';
import { checkElements } from './value-limits';
import { AS_TEXT, findParser, formatColumn, type TextParser, type TypeParsers } from './values';

/** The first OID of types that are not built in; their OIDs differ between servers (`FirstGenbkiObjectId` in transam.h). */
const FIRST_NON_BUILT_IN_OID = 10_000;

/**
 * Returns the attributes of a composite type with this number of fields, or undefined if none are known. After ALTER TYPE,
 * values with the old and with the new attributes arrive for a while.
 */
export type CompositeLayouts = (typeOid: number, fields: number) => readonly Attribute[] | undefined;

/** Everything that determines how a value is read. */
export interface ReadingContext {
  /** The parsers of types. A parser for a type that is not built in takes precedence over its definition. */
  readonly types: TypeParsers;
  /** The definitions of types that are not built in. Types without one, enums and ranges stay text. */
  readonly definitions: TypeDefinitions;
  /** If given, a composite becomes an object by attribute name; otherwise it stays text. */
  readonly layouts?: CompositeLayouts | undefined;
  /** Whether the definition of a type is not visible yet, because the transaction that created it is in progress. */
  readonly isOpen?: ((typeOid: number) => boolean) | undefined;
  /** Whether the values are from a transaction in progress. */
  readonly ofOpen?: boolean;
}

const NO_FORM = {
  remedy:
    "Subscribe without binary: the server then sends text, also in the same transaction. Or subscribe with onDecodeError: 'deliver', which delivers the value's bytes and goes on.",
};
const STILL_OPEN = {
  retryable: true,
  remedy:
    "Its type was created in a transaction that was in progress: subscribe again after the commit, or without binary, or with onDecodeError: 'deliver', which delivers the value's bytes and goes on.",
};

/** A composite value whose number of fields differs from every known version of its type. */
export class UnknownLayoutError extends ValueFault {
  constructor(
    where: string,
    readonly typeOid: number,
    readonly fields: number,
  ) {
    super(`${where} has a value of ${fields} fields, which no known version of its type has`, {
      remedy:
        "The type was altered. If it was altered after the value was written, read composites as text (composites: false) until the stream has passed the value, or subscribe with onDecodeError: 'deliver', which delivers the value's bytes; otherwise subscribe again.",
    });
  }
}

/** A value in binary format whose type, or the type of a part, is unknown. */
export class UnknownTypeError extends ValueFault {
  /**
   * @param isOpen whether the type can be looked up after the transaction has committed
   * @param typeOid the type of the column
   * @param partOid the unknown type of a part, such as an attribute that was added later
   */
  constructor(
    where: string,
    isOpen: boolean,
    readonly typeOid: number,
    readonly partOid?: number,
  ) {
    const what = `${where} has a value in an unknown binary format`;
    super(what, isOpen ? STILL_OPEN : NO_FORM);
  }
}

export function isBuiltIn(typeOid: number): boolean {
  return typeOid < FIRST_NON_BUILT_IN_OID;
}

/**
 * Returns the column with the base type of its domain, or of nested domains. A domain with its own parser is not resolved.
 *
 * @throws {ValueFault} when `types` throws
 */
export function resolveDomain(reading: ReadingContext, table: string, column: Column): Column {
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
 * Creates the parser of a column of any type; {@link AS_TEXT} if the value stays text. Its errors name the column and the part,
 * such as `c[].city`, but not the value, which can be confidential.
 *
 * The parsers of parts are created when the first value is read, so that a type can contain itself.
 *
 * @throws {ValueFault} when `types` throws
 */
export function createShapedParser(reading: ReadingContext, table: string, column: Column): TextParser {
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
  reading: ReadingContext,
  table: string,
  column: Column,
  typeOid: number,
  delimiter: string,
): TextParser {
  // CREATE TYPE accepts any byte. With these delimiters, the output of array_out is ambiguous.
  if (!/^[^{}"\\\0\u0080-\uffff]$/.test(delimiter)) return AS_TEXT;
  const element = { ...column, name: `${column.name}[]`, typeOid };
  let parseElement: TextParser | undefined;
  return addLocation(table, column, (text) => {
    checkElements(text, delimiter);
    parseElement ??= createShapedParser(reading, table, element);
    return parseArray(text, delimiter, parseElement);
  });
}

function createCompositeParser(
  reading: ReadingContext,
  layouts: CompositeLayouts,
  table: string,
  column: Column,
): TextParser {
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
    // Unlike assignment, it sets an own property even for `__proto__`.
    return Object.fromEntries(entries);
  });
}

/** Adds the column to errors. A ValueFault of a part already has it. */
function addLocation(table: string, column: Column, parse: TextParser): TextParser {
  return (text) => {
    try {
      return parse(text);
    } catch (cause) {
      if (cause instanceof ValueFault) throw cause;
      throw createFormatFault(table, column, { cause });
    }
  };
}
