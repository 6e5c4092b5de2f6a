/**
 * A value is beyond what this library, or JavaScript, can read. It may be just as PostgreSQL sends it. What the message says
 * leaves out the value.
 */
export class LimitError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'LimitError';
  }
}

/**
 * V8 ends the process, without an exception, where an array grows to 112,813,859 elements: the next size is beyond
 * FixedArray::kMaxLength. PostgreSQL has arrays of 134,217,727 elements (MaxArraySize in array.h).
 */
const MOST_ELEMENTS = 112_000_000;

/**
 * Asserts that no array that is made of the text has too many elements. Separators within strings count, too, as telling them
 * apart would take as long as reading the text.
 *
 * @param separator one character that stands between two elements
 * @throws {LimitError}
 */
export function checkElements(text: string, separator = ',', most = MOST_ELEMENTS): void {
  // An element and its separator have two characters at least.
  if (text.length < 2 * most) return;
  let count = 1;
  for (let at = text.indexOf(separator); at >= 0 && count <= most; at = text.indexOf(separator, at + 1)) count++;
  if (count > most) throw new LimitError(`it has more than ${most} elements, the most that an array of them may have`);
}
