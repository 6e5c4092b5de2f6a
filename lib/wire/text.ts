/** What takes the codes of several characters at once, without a call out of JavaScript. */
const { fromCharCode: chars }: { fromCharCode(...codes: (number | undefined)[]): string } = String;

/** A call of Buffer's own decoder costs as much as some fifteen characters taken one by one. */
const SHORT = 16;

/** The UTF-8 text in [start, end). */
export function utf8(bytes: Buffer, start: number, end: number): string {
  return end - start <= SHORT && isAscii(bytes, start, end)
    ? shortAscii(bytes, start, end - start)
    : bytes.toString('utf8', start, end);
}

function isAscii(bytes: Buffer, start: number, end: number): boolean {
  let bits = 0;
  for (let i = start; i < end; i++) bits |= bytes[i] ?? 0;
  return bits < 0x80;
}

// All at once: a string that is put together piece by piece would have to be flattened by whoever uses it.
function shortAscii(b: Buffer, i: number, length: number): string {
  switch (length) {
    case 0:
      return '';
    case 1:
      return chars(b[i]);
    case 2:
      return chars(b[i], b[i + 1]);
    case 3:
      return chars(b[i], b[i + 1], b[i + 2]);
    case 4:
      return chars(b[i], b[i + 1], b[i + 2], b[i + 3]);
    case 5:
      return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4]);
    case 6:
      return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5]);
    case 7:
      return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6]);
    case 8:
      return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7]);
    case 9:
      return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7], b[i + 8]);
    case 10:
      return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7], b[i + 8], b[i + 9]);
    // prettier-ignore
    case 11:
      return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7], b[i + 8], b[i + 9],
        b[i + 10]);
    // prettier-ignore
    case 12:
      return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7], b[i + 8], b[i + 9],
        b[i + 10], b[i + 11]);
    // prettier-ignore
    case 13:
      return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7], b[i + 8], b[i + 9],
        b[i + 10], b[i + 11], b[i + 12]);
    // prettier-ignore
    case 14:
      return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7], b[i + 8], b[i + 9],
        b[i + 10], b[i + 11], b[i + 12], b[i + 13]);
    // prettier-ignore
    case 15:
      return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7], b[i + 8], b[i + 9],
        b[i + 10], b[i + 11], b[i + 12], b[i + 13], b[i + 14]);
    // prettier-ignore
    default:
      return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7], b[i + 8], b[i + 9],
        b[i + 10], b[i + 11], b[i + 12], b[i + 13], b[i + 14], b[i + 15]);
  }
}
