import { decodeUtf8 } from '../../wire/text';
import { checkTextLength, createFixedSizeWriter, type TextWriter } from './value-text';

/** Types whose binary form is their text: text, varchar, bpchar, name, json, xml, enums. */
export const writeText: TextWriter = decodeUtf8;

export const writeBool: TextWriter = createFixedSizeWriter(1, (bytes, at) => {
  const byte = bytes[at];
  if (byte !== 0 && byte !== 1) throw new Error('it is neither true nor false');
  return byte === 1 ? 't' : 'f';
});

export const writeBytea: TextWriter = (bytes, start, end) => {
  checkTextLength(2 + 2 * (end - start));
  return `\\x${bytes.toString('hex', start, end)}`;
};

/** "char": a byte, which is no character above 127 (charout, since PostgreSQL 15). */
export const writeChar: TextWriter = createFixedSizeWriter(1, (bytes, at) => {
  const byte = bytes.readUInt8(at);
  if (byte === 0) return '';
  return byte < 0x80 ? String.fromCharCode(byte) : `\\${byte.toString(8)}`;
});

/** jsonb and jsonpath: the version of the form, which is 1, and text. */
export const writeVersionedText: TextWriter = (bytes, start, end) => {
  if (start === end || bytes[start] !== 1) throw new Error('it is of a version that is not known');
  return decodeUtf8(bytes, start + 1, end);
};

export const writeUuid: TextWriter = createFixedSizeWriter(16, (bytes, at) => {
  const hex = bytes.toString('hex', at, at + 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
});

/** Block and offset. */
export const writeTid: TextWriter = createFixedSizeWriter(
  6,
  (bytes, at) => `(${bytes.readUInt32BE(at)},${bytes.readUInt16BE(at + 4)})`,
);

export const writeLsn: TextWriter = createFixedSizeWriter(
  8,
  (bytes, at) => `${formatHex(bytes, at)}/${formatHex(bytes, at + 4)}`,
);

function formatHex(bytes: Buffer, at: number): string {
  return bytes.readUInt32BE(at).toString(16).toUpperCase();
}
