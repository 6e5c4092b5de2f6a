import type { ValueFormat } from './value-error';

/** The maximum size of a value whose bytes the JSON form includes, at two characters per byte. */
const MAX_HEX_BYTES = 2 ** 28 - 16;

/**
 * A value that could not be decoded, as the server sent it. With `onDecodeError: 'deliver'` the row holds it instead of the
 * value. If a part of an array or composite cannot be decoded, it replaces the whole value.
 *
 * @example
 * const { body } = change.new;
 * // A database in SQL_ASCII, whose clients are known to have written Latin 1:
 * const text = body instanceof UndecodedValue ? new TextDecoder('windows-1252').decode(body.bytes) : body;
 */
export class UndecodedValue {
  constructor(
    /** A copy of the bytes of the value. */
    readonly bytes: Buffer,
    readonly format: ValueFormat,
    /** The OID of the column's type in `pg_type`. */
    readonly typeOid: number,
    /** The reason: the error of the type's parser, or an Error of the library. */
    readonly cause: unknown,
  ) {}

  /**
   * The bytes as a bytea in hex format (`\x…`), omitted if a string cannot hold them; `cause` as text.
   */
  toJSON(): Record<string, unknown> {
    const { bytes, format, typeOid, cause } = this;
    const shown = bytes.length <= MAX_HEX_BYTES ? { bytes: `\\x${bytes.toString('hex')}` } : {};
    return { undecoded: true, format, typeOid, length: bytes.length, ...shown, cause: String(cause) };
  }
}
