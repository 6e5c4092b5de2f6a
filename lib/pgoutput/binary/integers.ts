import { createFixedSizeWriter, type TextWriter } from './value-text';

const HIGH = 2 ** 32;

export const writeInt2: TextWriter = createFixedSizeWriter(2, (bytes, at) => String(bytes.readInt16BE(at)));
export const writeInt4: TextWriter = createFixedSizeWriter(4, (bytes, at) => String(bytes.readInt32BE(at)));
export const writeInt8: TextWriter = createFixedSizeWriter(8, formatInt8);

/** oid, xid and cid: unsigned. */
export const writeUint4: TextWriter = createFixedSizeWriter(4, (bytes, at) => String(bytes.readUInt32BE(at)));
/** xid8: unsigned. */
export const writeUint8: TextWriter = createFixedSizeWriter(8, formatUint8);

function formatInt8(bytes: Buffer, at: number): string {
  const value = bytes.readInt32BE(at) * HIGH + bytes.readUInt32BE(at + 4);
  return Number.isSafeInteger(value) ? String(value) : String(bytes.readBigInt64BE(at));
}

export function formatUint8(bytes: Buffer, at: number): string {
  const value = bytes.readUInt32BE(at) * HIGH + bytes.readUInt32BE(at + 4);
  return Number.isSafeInteger(value) ? String(value) : String(bytes.readBigUInt64BE(at));
}

/** money: a number of cents. With lc_monetary = C, cash_out prints a dollar sign and two fraction digits. */
export const writeMoney: TextWriter = createFixedSizeWriter(8, (bytes, at) => {
  const value = formatInt8(bytes, at);
  const isNegative = value.startsWith('-');
  const digits = (isNegative ? value.slice(1) : value).padStart(3, '0');
  const whole = digits.slice(0, -2).replace(/\B(?=(?:\d{3})+$)/g, ',');
  return `${isNegative ? '-' : ''}$${whole}.${digits.slice(-2)}`;
});
