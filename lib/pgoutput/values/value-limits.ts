/**
 * A value exceeds a limit of this library or of JavaScript, although it can be valid in PostgreSQL. The message does not contain
 * the value.
 */
export class LimitError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'LimitError';
  }
}

/**
 * The maximum number of array elements. V8 aborts the process, without an exception, when an array grows beyond 112,813,858
 * elements: its next capacity exceeds FixedArray::kMaxLength. PostgreSQL allows 134,217,727 elements (MaxArraySize in array.h).
 */
const MAX_ELEMENTS = 112_000_000;

/**
 * Asserts that the array in the text does not have too many elements. Separators in strings count too: to exclude them would
 * take as long as parsing the text.
 *
 * @param separator the character between two elements
 * @throws {LimitError}
 */
export function checkElements(text: string, separator = ',', most = MAX_ELEMENTS): void {
  // An element and its separator have at least two characters.
  if (text.length < 2 * most) return;
  let count = 1;
  for (let at = text.indexOf(separator); at >= 0 && count <= most; at = text.indexOf(separator, at + 1)) count++;
  if (count > most) throw new LimitError(`it has more than ${most} elements, the maximum of an array`);
}
