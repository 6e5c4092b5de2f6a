import { BUILT_IN_DEFINITIONS } from '../types/built-in-types';
import type { TypeDefinition, TypeDefinitions } from '../types/type-definitions';
import { createArrayWriter } from './arrays';
import { BUILT_IN_WRITERS } from './built-in-texts';
import { writeText } from './plain-values';
import { createMultirangeWriter, createRangeWriter } from './ranges';
import { createRecordWriter } from './records';
import { incrementDepth, UnknownFormError, type TextWriter } from './value-text';

/**
 * Returns the text of the value at [start, end).
 *
 * @throws {UnknownFormError} if a nested value has a type whose binary format is not known
 * @throws {Error} if the bytes are not a value of the type
 */
export type BinaryReader = (bytes: Buffer, start: number, end: number) => string;

/**
 * Creates a reader that converts binary values of a type into the text that the server prints under the session settings of
 * the library, so that both formats use the same parser. For regclass and similar types it returns the OID, where the
 * server prints a name.
 *
 * @param definitions returns the definition of a type that is not built in; called now, and when a value contains such a type
 * @returns undefined if the binary format of the type, or of a type that it contains, is not known
 */
export function createBinaryReader(oid: number, definitions: TypeDefinitions): BinaryReader | undefined {
  const getDefinition = (type: number): TypeDefinition | undefined =>
    BUILT_IN_DEFINITIONS.get(type) ?? definitions(type);
  if (!isDecodable(oid, getDefinition)) return undefined;
  const write = new TextWriters(getDefinition).of(oid);
  return (bytes, start, end) => write(bytes, start, end, 0);
}

/** Returns the OIDs of the types that a type contains. */
function getComponentTypes(definition: TypeDefinition): readonly number[] {
  switch (definition.kind) {
    case 'base':
    case 'enum':
      return [];
    case 'domain':
      return [definition.base];
    case 'array':
      return [definition.element];
    case 'range':
      return [definition.subtype];
    case 'multirange':
      return [definition.range];
    case 'composite':
      return definition.attributes.map(({ typeOid }) => typeOid);
  }
}

/** Whether the binary format is known of the type and of all types that it contains. */
function isDecodable(oid: number, getDefinition: TypeDefinitions): boolean {
  const seen = new Set([oid]);
  // The loop also visits types that are added during the iteration.
  for (const type of seen) {
    if (BUILT_IN_WRITERS.has(type)) continue;
    const definition = getDefinition(type);
    if (definition === undefined || definition.kind === 'base') return false;
    for (const part of getComponentTypes(definition)) seen.add(part);
  }
  return true;
}

/** The writers of types. Each is created on first use. */
class TextWriters {
  readonly #getDefinition: TypeDefinitions;
  readonly #texts = new Map<number, TextWriter>();

  constructor(getDefinition: TypeDefinitions) {
    this.#getDefinition = getDefinition;
  }

  /** @throws {UnknownFormError} */
  readonly of = (oid: number): TextWriter => {
    let write = BUILT_IN_WRITERS.get(oid) ?? this.#texts.get(oid);
    if (write === undefined) {
      write = this.#make(oid);
      this.#texts.set(oid, write);
    }
    return write;
  };

  #make(oid: number): TextWriter {
    const definition = this.#getDefinition(oid);
    switch (definition?.kind) {
      case 'enum':
        return writeText;
      case 'domain':
        // The depth limit ends a cycle of domains, which only an inconsistent catalog has.
        return this.#lazy(definition.base, incrementDepth);
      case 'array':
        return createArrayWriter(definition.delimiter, this.of);
      case 'range':
        return createRangeWriter(this.#lazy(definition.subtype));
      case 'multirange':
        return createMultirangeWriter(this.#lazy(definition.range));
      case 'composite':
        return createRecordWriter(this.of);
      case 'base':
      case undefined:
        throw new UnknownFormError(oid);
    }
  }

  #lazy(oid: number, depthOf = (depth: number): number => depth): TextWriter {
    return (bytes, start, end, depth) => this.of(oid)(bytes, start, end, depthOf(depth));
  }
}
