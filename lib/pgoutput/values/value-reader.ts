/** Converts the bytes in [start, end) to a value. */
export type ValueReader = (bytes: Buffer, start: number, end: number) => unknown;

/**
 * Creates a reader of the usual text form of a type, directly from the bytes. It returns the same value as pg's parser.
 *
 * @param readOther reads all other forms
 */
export type ReaderFactory = (readOther: ValueReader) => ValueReader;
