import { decodeUtf8 } from '../../wire/text';
import type { ReaderFactory, ValueReader } from './value-reader';

const OPEN = 0x7b; // {
const CLOSE = 0x7d; // }
const COMMA = 0x2c;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** The maximum size in bytes. Larger arrays go to pg's parser, which checks the number of elements. */
const MAX_BYTES = 2 ** 27;

/** Creates a reader of no form. */
export const createNoReader: ReaderFactory = (readOther) => readOther;

/** Reads an element of another form, so that pg's parser reads the whole array. */
const readNothing: ValueReader = () => undefined;

/**
 * Creates the factory for arrays of one dimension, such as `{1,2,3}`.
 *
 * @param createElement for an element
 * @param createEscaped for a quoted element with escapes
 */
export function createArrayReader(createElement: ReaderFactory, createEscaped = createNoReader): ReaderFactory {
  const readElement = createElement(readNothing);
  const readEscaped = createEscaped(readNothing);
  return (readOther) => (bytes, start, end) => {
    const last = end - 1;
    if (end - start > MAX_BYTES || bytes[start] !== OPEN || bytes[last] !== CLOSE) return readOther(bytes, start, end);
    const elements: unknown[] = [];
    let from = start + 1;
    while (from < last) {
      const isQuoted = bytes[from] === QUOTE;
      const found = isQuoted ? findQuote(bytes, from + 1, last) : findComma(bytes, from, last);
      if (found === 0) break;
      const to = Math.abs(found);
      let element: unknown;
      if (found < 0) element = readEscaped(bytes, from + 1, to);
      else if (isQuoted) element = readElement(bytes, from + 1, to);
      else element = isNull(bytes, from, to) ? null : readElement(bytes, from, to);
      if (element === undefined) break;
      elements.push(element);
      from = isQuoted ? to + 1 : to;
      if (from === last) return elements;
      if (bytes[from] !== COMMA) break;
      from++;
    }
    return start + 1 === last ? elements : readOther(bytes, start, end);
  };
}

export const createTextArrayReader = createArrayReader(() => decodeUtf8, createEscapedReader(String));

/** Reads each element with JSON.parse, as pg does. */
export const createJsonArrayReader = createArrayReader(
  () => (bytes, start, end) => parseJson(decodeUtf8(bytes, start, end)),
  createEscapedReader(parseJson),
);

/** @param parse parses the element without its escapes */
function createEscapedReader(parse: (text: string) => unknown): ReaderFactory {
  return (readOther) => (bytes, start, end) => {
    const unescaped = Buffer.allocUnsafe(end - start);
    let length = 0;
    for (let at = start; at < end; at++) {
      let byte = bytes[at] ?? 0;
      if (byte === BACKSLASH) {
        byte = bytes[++at] ?? 0;
        // The server escapes no other character.
        if (byte !== QUOTE && byte !== BACKSLASH) return readOther(bytes, start, end);
      }
      unescaped[length++] = byte;
    }
    return parse(decodeUtf8(unescaped, 0, length));
  };
}

/** @returns undefined if the text is not JSON */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Whether the element is an unquoted NULL. The text `NULL` is quoted. */
function isNull(bytes: Buffer, start: number, end: number): boolean {
  return (
    end - start === 4 &&
    bytes[start] === 0x4e &&
    bytes[start + 1] === 0x55 &&
    bytes[start + 2] === 0x4c &&
    bytes[start + 3] === 0x4c
  );
}

/** @returns the position of the quote, negated if an escape precedes it; 0 if there is no quote */
function findQuote(bytes: Buffer, from: number, end: number): number {
  let isEscaped = false;
  for (let at = from; at < end; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) return isEscaped ? -at : at;
    if (byte === BACKSLASH) {
      isEscaped = true;
      at++;
    }
  }
  return 0;
}

/** @returns the position of the comma or the end; 0 if the element before it is empty or contains array syntax */
function findComma(bytes: Buffer, from: number, end: number): number {
  let at = from;
  while (at < end && bytes[at] !== COMMA) {
    const byte = bytes[at];
    if (byte === OPEN || byte === CLOSE || byte === QUOTE || byte === BACKSLASH) return 0;
    at++;
  }
  return at === from ? 0 : at;
}
