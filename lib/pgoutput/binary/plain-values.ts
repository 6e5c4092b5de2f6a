import { decodeUtf8 } from '../../wire/text';
import { checkTextLength, createFixedSizeWriter, type TextWriter } from './value-text';

/** Types whose binary format is their text: text, varchar, bpchar, name, json, xml and enums. */
export const writeText: TextWriter = decodeUtf8;

export const writeBool: TextWriter = createFixedSizeWriter(1, (bytes, at) => {
  const byte = bytes[at];
  if (byte !== 0 && byte !== 1) throw new Error('the boolean is neither 0 nor 1');
  return byte === 1 ? 't' : 'f';
});

export const writeBytea: TextWriter = (bytes, start, end) => {
  checkTextLength(2 + 2 * (end - start));
  return `\\x${bytes.toString('hex', start, end)}`;
};

/** "char": one byte. Since PostgreSQL 15, charout prints bytes above 127 in octal. */
export const writeChar: TextWriter = createFixedSizeWriter(1, (bytes, at) => {
  const byte = bytes.readUInt8(at);
  if (byte === 0) return '';
  return byte < 0x80 ? String.fromCharCode(byte) : `\\${byte.toString(8)}`;
});

/** jsonb and jsonpath: a format version, which is 1, and text. */
export const writeVersionedText: TextWriter = (bytes, start, end) => {
  if (start === end || bytes[start] !== 1) throw new Error('the format version is not 1');
  return decodeUtf8(bytes, start + 1, end);
};

export const writeUuid: TextWriter = createFixedSizeWriter(16, (bytes, at) => {
  const hex = bytes.toString('hex', at, at + 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
});

/** tid: block number and offset. */
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
