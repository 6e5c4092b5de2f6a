import { createBinaryReader, type BinaryReader } from '../../../../lib/pgoutput/binary/binary-text';
import { BUILT_IN_TYPES } from '../../../../lib/pgoutput/types/built-in-types';
import type { TypeDefinition, TypeDefinitions } from '../../../../lib/pgoutput/types/type-definitions';

export const noShapes: TypeDefinitions = () => undefined;

export function shapesOf(definitions: Readonly<Record<number, TypeDefinition>>): TypeDefinitions {
  return (oid) => definitions[oid];
}

export function getOid(type: string): number {
  const oid = BUILT_IN_TYPES.get(type);
  if (oid === undefined) throw new Error(`There is no built-in type ${type}`);
  return oid;
}

/** @param type a built-in type's name, or an OID */
export function createWriter(type: string | number, definitions = noShapes): BinaryReader {
  const write = createBinaryReader(typeof type === 'string' ? getOid(type) : type, definitions);
  if (write === undefined) throw new Error(`The binary form of ${type} is not known`);
  return write;
}

/** The text of a value within other bytes, as in a message. */
export function decodeToText(type: string | number, value: Buffer, definitions = noShapes): string {
  const bytes = Buffer.concat([Buffer.from('"{\u0001'), value, Buffer.from('\u0000\u0001}"')]);
  return createWriter(type, definitions)(bytes, 3, 3 + value.length);
}
