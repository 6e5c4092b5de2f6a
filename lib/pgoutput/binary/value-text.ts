import { constants } from 'node:buffer';
import { TextError } from '../../wire/text';
import { LimitError } from '../values/value-limits';

const { MAX_STRING_LENGTH } = constants;

/**
 * Writes the text of a value in [start, end), as the server prints it under the settings that sessions pin.
 *
 * @param depth how many values this one stands in
 * @throws {LimitError} where the value is beyond what can be read
 * @throws {TextError} where its text would be longer than a string can be
 * @throws {Error} where the bytes are no such value; its message says nothing of what is in them
 */
export type TextWriter = (bytes: Buffer, start: number, end: number, depth: number) => string;

/** A value has another in it, of a type whose binary form is not known. */
export class UnknownFormError extends Error {
  constructor(readonly typeOid: number) {
    super(`the binary form of the type with OID ${typeOid} is not known`);
    this.name = 'UnknownFormError';
  }
}

/** Gives the writer of a type by its OID. @throws {UnknownFormError} where there is none */
export type GetTextWriter = (oid: number) => TextWriter;

/**
 * How deeply values may stand in each other. A level, unless it is a domain or a range in a multirange, doubles the quotes
 * of what is in it, so that PostgreSQL, with a limit of 1 GB, cannot print what goes deeper.
 */
const MAX_DEPTH = 64;

/** The depth of what stands in a value. */
export function incrementDepth(depth: number): number {
  if (depth >= MAX_DEPTH) throw new LimitError(`it has values within values, more than ${MAX_DEPTH} levels of them`);
  return depth + 1;
}

/** A value that always has so many bytes. */
export function createFixedSizeWriter(length: number, write: (bytes: Buffer, at: number) => string): TextWriter {
  return (bytes, start, end) => {
    if (end - start !== length) throw new Error(`it has ${end - start} bytes instead of ${length}`);
    return write(bytes, start);
  };
}

/** Asserts that V8 has strings as long. Binary values can be an eighth as long as their texts. */
export function checkTextLength(length: number): void {
  if (length > MAX_STRING_LENGTH) {
    throw new TextError(
      'length',
      `its text would have ${length} characters, and the longest that can be read has ${MAX_STRING_LENGTH}`,
    );
  }
}

/**
 * How long the text of a value may be that has others in it. Honest values are eight times as long as their bytes at most
 * (bits), or short (numerics, and rows in rows, whose quotes double with each level); without a limit some hundred bytes
 * could ask for gigabytes.
 */
export function getTextLimit(bytes: number): number {
  return Math.min(Math.max(MIN_LIMIT, bytes * 8), MAX_STRING_LENGTH);
}

const MIN_LIMIT = 2 ** 24;

/** Asserts that a text which consists of several values is not longer than its limit. */
export function checkLimit(length: number, limit: number): void {
  if (length > limit) throw createTooLongError(length);
}

/**
 * Asserts that a text which is to be quoted within another is not far too long for its bytes. It doubles with each level, so
 * that without a limit of its own, a row with a thousand such values could still ask for gigabytes, and for minutes.
 */
export function checkQuoted(text: string, bytes: number): void {
  if (text.length > Math.max(MIN_QUOTED_LIMIT, bytes * 64)) throw createTooLongError(text.length);
}

/** The longest honest text of few bytes: a range of two numerics of 131,072 digits before the point and 16,383 behind it. */
const MIN_QUOTED_LIMIT = 2 ** 19;

function createTooLongError(length: number): Error {
  return new LimitError(
    length > MAX_STRING_LENGTH
      ? `its text would have ${length} characters and more, and the longest that can be read has ${MAX_STRING_LENGTH}`
      : `its text would have ${length} characters and more, far too many for its bytes`,
  );
}
