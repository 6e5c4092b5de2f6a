import { decodeUtf8 } from '../../wire/text';

const OPEN = 0x7b; // {
const CLOSE = 0x7d; // }
const COMMA = 0x2c;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** The maximum size in bytes. Larger arrays go to pg's parser, which checks the number of elements. */
const MAX_BYTES = 2 ** 27;

/** Reads one element. Returns undefined if the element has another form. */
type ElementReader = (bytes: Buffer, start: number, end: number) => unknown;

/** Creates a reader of arrays of one dimension without escapes, such as `{1,2,3}`. Other arrays go to pg's parser. */
export function createArrayReader(readElement: ElementReader): ElementReader {
  return (bytes, start, end) => {
    const last = end - 1;
    if (end - start > MAX_BYTES || bytes[start] !== OPEN || bytes[last] !== CLOSE) return undefined;
    const elements: unknown[] = [];
    let from = start + 1;
    while (from < last) {
      const isQuoted = bytes[from] === QUOTE;
      const to = isQuoted ? findQuote(bytes, from + 1, last) : findComma(bytes, from, last);
      if (to < 0) return undefined;
      const element = isQuoted
        ? readElement(bytes, from + 1, to)
        : isNull(bytes, from, to)
          ? null
          : readElement(bytes, from, to);
      if (element === undefined) return undefined;
      elements.push(element);
      from = isQuoted ? to + 1 : to;
      if (from === last) return elements;
      if (bytes[from] !== COMMA) return undefined;
      from++;
    }
    return elements.length === 0 && from === last ? elements : undefined;
  };
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

export const readTextArray = createArrayReader(decodeUtf8);

/** @returns -1 if an escape precedes the quote, or there is no quote */
function findQuote(bytes: Buffer, from: number, end: number): number {
  for (let at = from; at < end; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) return at;
    if (byte === BACKSLASH) return -1;
  }
  return -1;
}

/** @returns -1 if the element before the comma is empty or contains array syntax */
function findComma(bytes: Buffer, from: number, end: number): number {
  let at = from;
  while (at < end && bytes[at] !== COMMA) {
    const byte = bytes[at];
    if (byte === OPEN || byte === CLOSE || byte === QUOTE || byte === BACKSLASH) return -1;
    at++;
  }
  return at === from ? -1 : at;
}
