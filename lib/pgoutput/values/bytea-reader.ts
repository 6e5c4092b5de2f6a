const BACKSLASH = 0x5c;
const X = 0x78;

/** Digits that are decoded at a time: all of a large value would make a string that is twice as long as the value. */
const PIECE = 2 ** 16;

/**
 * `\x` and pairs of hexadecimal digits, the form that the session sets. Besides the Buffer it takes memory for a piece only.
 */
export function readBytea(bytes: Buffer, start: number, end: number): Buffer | undefined {
  const digits = end - start - 2;
  if (digits < 0 || digits % 2 !== 0 || bytes[start] !== BACKSLASH || bytes[start + 1] !== X) return undefined;
  const value = Buffer.allocUnsafe(digits / 2);
  for (let from = start + 2; from < end; from += PIECE) {
    const text = bytes.toString('latin1', from, Math.min(from + PIECE, end));
    // It stops at the first pair that is none.
    if (value.write(text, (from - start - 2) / 2, 'hex') * 2 !== text.length) return undefined;
  }
  return value;
}
