import { constants, isUtf8 } from 'node:buffer';

const { MAX_STRING_LENGTH } = constants;

/** Creates a string from several character codes, without a call out of JavaScript. */
const { fromCharCode: fromCodes }: { fromCharCode(...codes: (number | undefined)[]): string } = String;

/** A call of Buffer's decoder costs as much as decoding about fifteen characters one by one. */
const SHORT_BYTES = 16;

/** The character by which Buffer's decoder replaces bytes that are not UTF-8. */
const REPLACEMENT = '\ufffd';

/** The number of bytes that are decoded at once if the text could be too long for a string. */
const PIECE_BYTES = 2 ** 26;

/** Bytes cannot be decoded: they are not UTF-8, or the string would exceed the maximum length of JavaScript. */
export class TextError extends Error {
  constructor(
    readonly reason: 'encoding' | 'length',
    message: string,
  ) {
    super(message);
    this.name = 'TextError';
    // The stack is not needed, and thousands of these errors may be kept, one for each UndecodedValue.
    this.stack = `${this.name}: ${message}`;
  }
}

/**
 * Decodes the UTF-8 text in [start, end).
 *
 * @throws {TextError} if the bytes are not UTF-8, or the text is too long
 */
export function decodeUtf8(bytes: Buffer, start: number, end: number): string {
  if (end - start <= SHORT_BYTES && isAscii(bytes, start, end)) return decodeShortAscii(bytes, start, end - start);
  if (end - start > MAX_STRING_LENGTH) return decodeLongText(bytes, start, end);
  const text = bytes.toString('utf8', start, end);
  // includes() takes twice as long.
  const replaced = text.indexOf(REPLACEMENT);
  if (replaced >= 0 && !isUtf8(bytes.subarray(start, end))) throw createEncodingError();
  return text;
}

/**
 * Decodes names and other text that must stay distinct even if it is not UTF-8: an invalid byte becomes the lone surrogate
 * U+DC00 + byte, which no UTF-8 text contains. Python does the same (PEP 383, surrogateescape).
 */
export function decodeUtf8SurrogateEscape(bytes: Buffer, start: number, end: number): string {
  try {
    return decodeUtf8(bytes, start, end);
  } catch (error) {
    if (!(error instanceof TextError) || error.reason !== 'encoding') throw error;
    return escapeWithSurrogates(bytes, start, end);
  }
}

function createEncodingError(): TextError {
  return new TextError('encoding', 'The text is not valid UTF-8');
}

/** Decodes text that has more bytes than a string can have characters. With multi-byte characters it may still fit. */
function decodeLongText(bytes: Buffer, start: number, end: number): string {
  let text = '';
  for (let at = start; at < end;) {
    const to = findCharacterStart(bytes, at, Math.min(at + PIECE_BYTES, end), end);
    const piece = decodeUtf8(bytes, at, to);
    if (text.length + piece.length > MAX_STRING_LENGTH) {
      throw new TextError(
        'length',
        `The text of ${end - start} bytes exceeds ${MAX_STRING_LENGTH} characters, the maximum length of a JavaScript string`,
      );
    }
    text += piece;
    at = to;
  }
  return text;
}

/** @returns the start of the character at `at`; `at` itself for bytes that are not UTF-8 */
function findCharacterStart(bytes: Buffer, from: number, at: number, end: number): number {
  if (at === end) return end;
  let start = at;
  while (start > from + 1 && start > at - 3 && isContinuation(bytes[start])) start--;
  return isContinuation(bytes[start]) ? at : start;
}

function isContinuation(byte = 0): boolean {
  return (byte & 0xc0) === 0x80;
}

function escapeWithSurrogates(bytes: Buffer, start: number, end: number): string {
  let text = '';
  for (let at = start; at < end;) {
    const length = getCharacterLength(bytes, at, end);
    text += length === 0 ? fromCodes(0xdc00 + (bytes[at] ?? 0)) : bytes.toString('utf8', at, at + length);
    at += length || 1;
  }
  return text;
}

/** @returns the number of bytes of the character that starts here; 0 if there is none */
function getCharacterLength(bytes: Buffer, at: number, end: number): number {
  for (let length = 1; length <= 4 && at + length <= end; length++) {
    if (isUtf8(bytes.subarray(at, at + length))) return length;
  }
  return 0;
}

function isAscii(bytes: Buffer, start: number, end: number): boolean {
  let bits = 0;
  for (let i = start; i < end; i++) bits |= bytes[i] ?? 0;
  return bits < 0x80;
}

// One call for the whole text: V8 would flatten a concatenated string on first use.
function decodeShortAscii(b: Buffer, i: number, length: number): string {
  switch (length) {
    case 0:
      return '';
    case 1:
      return fromCodes(b[i]);
    case 2:
      return fromCodes(b[i], b[i + 1]);
    case 3:
      return fromCodes(b[i], b[i + 1], b[i + 2]);
    case 4:
      return fromCodes(b[i], b[i + 1], b[i + 2], b[i + 3]);
    case 5:
      return fromCodes(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4]);
    case 6:
      return fromCodes(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5]);
    case 7:
      return fromCodes(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6]);
    case 8:
      return fromCodes(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7]);
    case 9:
      return fromCodes(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7], b[i + 8]);
    case 10:
      return fromCodes(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7], b[i + 8], b[i + 9]);
    // prettier-ignore
    case 11:
      return fromCodes(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7], b[i + 8], b[i + 9],
        b[i + 10]);
    // prettier-ignore
    case 12:
      return fromCodes(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7], b[i + 8], b[i + 9],
        b[i + 10], b[i + 11]);
    // prettier-ignore
    case 13:
      return fromCodes(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7], b[i + 8], b[i + 9],
        b[i + 10], b[i + 11], b[i + 12]);
    // prettier-ignore
    case 14:
      return fromCodes(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7], b[i + 8], b[i + 9],
        b[i + 10], b[i + 11], b[i + 12], b[i + 13]);
    // prettier-ignore
    case 15:
      return fromCodes(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7], b[i + 8], b[i + 9],
        b[i + 10], b[i + 11], b[i + 12], b[i + 13], b[i + 14]);
    // prettier-ignore
    default:
      return fromCodes(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7], b[i + 8], b[i + 9],
        b[i + 10], b[i + 11], b[i + 12], b[i + 13], b[i + 14], b[i + 15]);
  }
}
