import { inspect } from 'node:util';
import { ValueError } from '../../../lib/pgoutput/values/value-error';
import type { ValueReader } from '../../../lib/pgoutput/values/value-reader';
import { createValueReader } from '../../../lib/pgoutput/values/value-readers';
import { guardParser } from '../../../lib/pgoutput/values/guarded-parser';
import { defaultTypes } from '../../../lib/pgoutput/values/values';
import { guardedReaders } from './guarded-readers';
import { isSameValue } from './same-value';

/** The result of a text: a value, or an error. */
export type Reading = { readonly value: unknown } | { readonly error: unknown };

const NOTHING = Buffer.alloc(0);

/** The reader of a type, and pg's parser, with the texts that each may be given. */
export interface ReadType {
  readonly oid: number;
  readonly byReader: (bytes: Buffer, start?: number, end?: number) => Reading;
  readonly byParser: (text: string) => Reading;
}

export function readType(oid: number): ReadType {
  const column = { name: 'c', key: false, typeOid: oid, typeModifier: -1 };
  const withErrors = (reader: ValueReader) => guardedReaders(column, { text: reader, binary: reader }).text;
  const read = withErrors(createValueReader(defaultTypes, 'public.t', column));
  const parse = guardParser(defaultTypes.getTypeParser(oid, 'text'), 'public.t', column);
  return {
    oid,
    byReader: (bytes, start = 0, end = bytes.length) => getReading(() => read(bytes, start, end)),
    byParser: (text) => getReading(() => withErrors(() => parse(text))(NOTHING, 0, 0)),
  };
}

/**
 * Decodes a text within other bytes, as in a message, and overwrites the bytes before it compares the value, as the next
 * message would.
 *
 * @returns the reader's result if it differs from that of pg's parser
 */
export function findDifference(type: ReadType, text: Buffer, before: string, after: string): string | undefined {
  const bytes = Buffer.concat([Buffer.from(before), text, Buffer.from(after)]);
  const start = Buffer.byteLength(before);
  const reading = type.byReader(bytes, start, start + text.length);
  bytes.fill('1');
  const expected = type.byParser(text.toString());
  if (isSameReading(reading, expected)) return undefined;
  return `type ${type.oid} reads ${JSON.stringify(text.toString())} as ${inspect(reading)} instead of ${inspect(expected)}`;
}

export function isSameReading(a: Reading, b: Reading): boolean {
  if ('value' in a && 'value' in b) return isSameValue(a.value, b.value);
  if (!('error' in a && 'error' in b)) return false;
  return a.error instanceof ValueError && b.error instanceof ValueError && a.error.message === b.error.message;
}

function getReading(read: () => unknown): Reading {
  try {
    return { value: read() };
  } catch (error) {
    return { error };
  }
}
