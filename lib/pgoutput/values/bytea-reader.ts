import type { ReaderFactory, ValueReader } from './value-reader';

const BACKSLASH = 0x5c;
const X = 0x78;

/** The number of digits decoded at a time. A string of all digits would be twice as long as the value. */
const PIECE = 2 ** 16;

/** The size in bytes up to which a loop is faster than the calls of Buffer's decoder: hashes of up to 256 bits. */
const SHORT_BYTES = 32;

/** The values of the hexadecimal digits by character code; -1 for other bytes. */
const DIGITS = new Int8Array(256).map((_, code) => '0123456789abcdef'.indexOf(String.fromCharCode(code).toLowerCase()));

/** Reads a bytea in hex format (`\x…`), which the session sets. Besides the Buffer, it needs memory for one piece only. */
export const createByteaReader: ReaderFactory = (readOther) => (bytes, start, end) => {
  const digits = end - start - 2;
  if (digits < 0 || digits % 2 !== 0 || bytes[start] !== BACKSLASH || bytes[start + 1] !== X) {
    return readOther(bytes, start, end);
  }
  const value = Buffer.allocUnsafe(digits / 2);
  const isHex =
    value.length <= SHORT_BYTES ? decodeShort(bytes, start + 2, value) : decode(bytes, start + 2, end, value);
  return isHex ? value : readOther(bytes, start, end);
};

/** Reads the element of an array, in which the backslash of the hex format is escaped. */
export function createEscapedByteaReader(readOther: ValueReader): ValueReader {
  const readBytea = createByteaReader(readOther);
  return (bytes, start, end) =>
    bytes[start] === BACKSLASH ? readBytea(bytes, start + 1, end) : readOther(bytes, start, end);
}

/** @returns whether all bytes are digits */
function decodeShort(bytes: Buffer, start: number, value: Buffer): boolean {
  let signs = 0;
  for (let i = 0, at = start; i < value.length; i++, at += 2) {
    const byte = ((DIGITS[bytes[at] ?? 0] ?? -1) << 4) | (DIGITS[bytes[at + 1] ?? 0] ?? -1);
    value[i] = byte;
    signs |= byte;
  }
  return signs >= 0;
}

/** @returns whether all bytes are digits */
function decode(bytes: Buffer, start: number, end: number, value: Buffer): boolean {
  for (let from = start; from < end; from += PIECE) {
    const text = bytes.toString('latin1', from, Math.min(from + PIECE, end));
    // `write` stops at the first invalid pair of digits.
    if (value.write(text, (from - start) / 2, 'hex') * 2 !== text.length) return false;
  }
  return true;
}
