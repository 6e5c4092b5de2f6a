const BACKSLASH = 0x5c;
const X = 0x78;

/** `\x` and pairs of hexadecimal digits, the form that the session pins. */
export function readBytea(bytes: Buffer, start: number, end: number): Buffer | undefined {
  if (bytes[start] !== BACKSLASH || bytes[start + 1] !== X) return undefined;
  const value = Buffer.from(bytes.toString('latin1', start + 2, end), 'hex');
  // Node stops at the first pair that is none.
  return value.length * 2 === end - start - 2 ? value : undefined;
}
