import { escapeQuotes } from './quoting';
import { constants } from 'node:buffer';
import { TextError } from '../../wire/text';
import { LimitError } from '../values/value-limits';

const { MAX_STRING_LENGTH } = constants;

/**
 * Returns the text of the value at [start, end), as the server prints it under the session settings of the library.
 *
 * @param depth the number of values that contain this one
 * @throws {LimitError} if the value exceeds a limit of the library
 * @throws {TextError} if the text would exceed the maximum string length of JavaScript
 * @throws {Error} if the bytes are not a value of the type; the message does not quote them
 */
export type TextWriter = (bytes: Buffer, start: number, end: number, depth: number) => string;

/** A value contains a value of a type whose binary format is not known. */
export class UnknownFormError extends Error {
  constructor(readonly typeOid: number) {
    super(`the binary format of the type with OID ${typeOid} is not known`);
    this.name = 'UnknownFormError';
  }
}

/** Returns the writer of a type by its OID. @throws {UnknownFormError} if there is none */
export type GetTextWriter = (oid: number) => TextWriter;

/**
 * The maximum nesting of values. Each level, except a domain or a range in a multirange, doubles the quotes in the text of
 * the nested value. So PostgreSQL cannot print deeper values within its limit of 1 GB.
 */
const MAX_DEPTH = 64;

/** Returns the depth of values nested in a value. @throws {LimitError} if it exceeds the maximum */
export function incrementDepth(depth: number): number {
  if (depth >= MAX_DEPTH) throw new LimitError(`values are nested more than ${MAX_DEPTH} levels deep`);
  return depth + 1;
}

/** Creates the writer of a type whose values all have the same length, in bytes. */
export function createFixedSizeWriter(length: number, write: (bytes: Buffer, at: number) => string): TextWriter {
  return (bytes, start, end) => {
    if (end - start !== length) throw new Error(`the value has ${end - start} bytes; expected ${length}`);
    return write(bytes, start);
  };
}

/** Asserts that a text does not exceed the maximum string length. Texts can be eight times as long as binary values. */
export function checkTextLength(length: number): void {
  if (length > MAX_STRING_LENGTH) {
    throw new TextError('length', `the text would have ${length} characters; the maximum is ${MAX_STRING_LENGTH}`);
  }
}

/**
 * Returns the maximum length of the text of a value that contains others. The text of a valid value has at most eight
 * characters for each byte (bit strings) or is short (numerics, and nested rows, whose quotes double with each level).
 * Without a limit, some hundred bytes from a hostile server could need gigabytes of memory.
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
 * Quotes the text of a value inside another value. Quotes in it become `escapedQuote`, and backslashes are doubled.
 *
 * Quoting can double the text at each level of nesting. Without a limit for what it adds, a row with a thousand such values
 * from a hostile server could need gigabytes of memory and minutes of CPU time.
 *
 * @param bytes how many bytes the value has
 * @throws {LimitError} where the text is too long for its bytes
 */
export function quoteText(text: string, escapedQuote: string, bytes: number): string {
  if (text.length > Math.max(MIN_QUOTED_LIMIT, bytes * 64)) throw createTooLongError(text.length);
  const escaped = escapeQuotes(text, '"', escapedQuote);
  if (escaped.length - text.length > Math.max(MIN_GROWTH_LIMIT, bytes * 64)) throw createTooLongError(escaped.length);
  return `"${escaped}"`;
}

/** The longest honest text of few bytes: a range of two numerics of 131,072 digits before the point and 16,383 behind it. */
const MIN_QUOTED_LIMIT = 2 ** 19;
/** The most characters that quoting adds to the text of few bytes. */
const MIN_GROWTH_LIMIT = 2 ** 15;

function createTooLongError(length: number): Error {
  return new LimitError(
    length > MAX_STRING_LENGTH
      ? `the text would have at least ${length} characters; the maximum is ${MAX_STRING_LENGTH}`
      : `the text would have at least ${length} characters, too many for the number of bytes`,
  );
}
