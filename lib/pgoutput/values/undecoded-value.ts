import type { ValueFormat } from './value-error';

/** The longest value whose bytes have a place in its JSON form, as two characters for each of them. */
const LARGEST_SHOWN = 2 ** 28 - 16;

/**
 * A value that could not be decoded, as the server sent it. With `onDecodeError: 'deliver'` it stands in the row in place of
 * the value; of an array or a composite with one part that cannot be decoded, in place of the whole.
 *
 * @example
 * const { body } = change.new;
 * // A database in SQL_ASCII, whose clients are known to have written Latin 1:
 * const text = body instanceof UndecodedValue ? new TextDecoder('windows-1252').decode(body.bytes) : body;
 */
export class UndecodedValue {
  constructor(
    /** The value's bytes, a copy. */
    readonly bytes: Buffer,
    readonly format: ValueFormat,
    /** The OID of the column's type in pg_type. */
    readonly typeOid: number,
    /** Why it could not be decoded: what the type's parser has thrown, or an Error that says it. */
    readonly cause: unknown,
  ) {}

  /**
   * The bytes as PostgreSQL prints a bytea, `\x` and hexadecimal digits; left out where they are more than a string can hold.
   * `cause` is the text of the cause.
   */
  toJSON(): Record<string, unknown> {
    const { bytes, format, typeOid, cause } = this;
    const shown = bytes.length <= LARGEST_SHOWN ? { bytes: `\\x${bytes.toString('hex')}` } : {};
    return { undecoded: true, format, typeOid, length: bytes.length, ...shown, cause: String(cause) };
  }
}
