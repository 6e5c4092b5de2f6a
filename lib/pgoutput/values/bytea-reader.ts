const BACKSLASH = 0x5c;
const X = 0x78;

/** The number of digits decoded at a time. A string of all digits would be twice as long as the value. */
const PIECE = 2 ** 16;

/**
 * Reads a bytea in hex format (`\x…`), which the session sets. Besides the Buffer, it needs memory for one piece only.
 */
export function readBytea(bytes: Buffer, start: number, end: number): Buffer | undefined {
  const digits = end - start - 2;
  if (digits < 0 || digits % 2 !== 0 || bytes[start] !== BACKSLASH || bytes[start + 1] !== X) return undefined;
  const value = Buffer.allocUnsafe(digits / 2);
  for (let from = start + 2; from < end; from += PIECE) {
    const text = bytes.toString('latin1', from, Math.min(from + PIECE, end));
    // `write` stops at the first invalid pair of digits.
    if (value.write(text, (from - start - 2) / 2, 'hex') * 2 !== text.length) return undefined;
  }
  return value;
}
