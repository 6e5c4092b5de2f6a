import { BUILT_IN_DEFINITIONS } from '../types/built-in-types';
import type { TypeDefinition, TypeDefinitions } from '../types/type-definitions';
import { createArrayWriter } from './arrays';
import { BUILT_IN_WRITERS } from './built-in-texts';
import { writeText } from './plain-values';
import { createMultirangeWriter, createRangeWriter } from './ranges';
import { createRecordWriter } from './records';
import { incrementDepth, UnknownFormError, type TextWriter } from './value-text';

/**
 * Writes the text of the value in [start, end).
 *
 * @throws {UnknownFormError} where a value in it has a type that was not among the parts of this one
 * @throws {Error} where the bytes are no such value
 */
export type BinaryReader = (bytes: Buffer, start: number, end: number) => string;

/**
 * How to turn the binary form of a type's values into the text that the server prints for them under the settings that
 * sessions pin, so that both forms can go through the same parser. Of the types regclass and the like it is the OID, where
 * the server's text is a name.
 *
 * @param definitions asked for every type that is not built in, now or when a value has such a type in it
 * @returns undefined for a type whose binary form is not known, or that has such a type in it
 */
export function createBinaryReader(oid: number, definitions: TypeDefinitions): BinaryReader | undefined {
  const getDefinition = (type: number): TypeDefinition | undefined =>
    BUILT_IN_DEFINITIONS.get(type) ?? definitions(type);
  if (!isDecodable(oid, getDefinition)) return undefined;
  const write = new TextWriters(getDefinition).of(oid);
  return (bytes, start, end) => write(bytes, start, end, 0);
}

/** What a type is made of. */
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

/** Whether the type and all that it is made of have a form that is known. */
function isDecodable(oid: number, getDefinition: TypeDefinitions): boolean {
  const seen = new Set([oid]);
  // What is added meanwhile is visited as well.
  for (const type of seen) {
    if (BUILT_IN_WRITERS.has(type)) continue;
    const definition = getDefinition(type);
    if (definition === undefined || definition.kind === 'base') return false;
    for (const part of getComponentTypes(definition)) seen.add(part);
  }
  return true;
}

/** The writers of types, each made when it is first needed. */
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
        // A chain of them ends, unless the catalog was read wrong.
        return this.#later(definition.base, incrementDepth);
      case 'array':
        return createArrayWriter(definition.delimiter, this.of);
      case 'range':
        return createRangeWriter(this.#later(definition.subtype));
      case 'multirange':
        return createMultirangeWriter(this.#later(definition.range));
      case 'composite':
        return createRecordWriter(this.of);
      case 'base':
      case undefined:
        throw new UnknownFormError(oid);
    }
  }

  #later(oid: number, depthOf = (depth: number): number => depth): TextWriter {
    return (bytes, start, end, depth) => this.of(oid)(bytes, start, end, depthOf(depth));
  }
}
