import { inspect } from 'node:util';
import { ValueError } from '../../../lib/pgoutput/values/value-error';
import type { ValueReader } from '../../../lib/pgoutput/values/value-reader';
import { createValueReader } from '../../../lib/pgoutput/values/value-readers';
import { guardParser } from '../../../lib/pgoutput/values/guarded-parser';
import { defaultTypes } from '../../../lib/pgoutput/values/values';
import { guardedReaders } from './guarded-readers';
import { sameValue } from './same-value';

/** What came of a text: a value, or an error. */
export type Reading = { readonly value: unknown } | { readonly error: unknown };

const NOTHING = Buffer.alloc(0);

/** A type's reader, and pg's own parser of it with all that it may be asked. */
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
    byReader: (bytes, start = 0, end = bytes.length) => readingOf(() => read(bytes, start, end)),
    byParser: (text) => readingOf(() => withErrors(() => parse(text))(NOTHING, 0, 0)),
  };
}

/**
 * Reads a text that stands between others, as it does in a message, and overwrites all of them before it looks at the
 * value, as the next message does.
 *
 * @returns what the reader made of it, where that is not what pg's parser makes of it
 */
export function differenceIn(type: ReadType, text: Buffer, before: string, after: string): string | undefined {
  const bytes = Buffer.concat([Buffer.from(before), text, Buffer.from(after)]);
  const start = Buffer.byteLength(before);
  const reading = type.byReader(bytes, start, start + text.length);
  bytes.fill('1');
  const expected = type.byParser(text.toString());
  if (sameReading(reading, expected)) return undefined;
  return `type ${type.oid} reads ${JSON.stringify(text.toString())} as ${inspect(reading)} instead of ${inspect(expected)}`;
}

export function sameReading(a: Reading, b: Reading): boolean {
  if ('value' in a && 'value' in b) return sameValue(a.value, b.value);
  if (!('error' in a && 'error' in b)) return false;
  return a.error instanceof ValueError && b.error instanceof ValueError && a.error.message === b.error.message;
}

function readingOf(read: () => unknown): Reading {
  try {
    return { value: read() };
  } catch (error) {
    return { error };
  }
}
