import { fixed, type ValueText } from './value-text';

const HIGH = 2 ** 32;

export const int2: ValueText = fixed(2, (bytes, at) => String(bytes.readInt16BE(at)));
export const int4: ValueText = fixed(4, (bytes, at) => String(bytes.readInt32BE(at)));
export const int8: ValueText = fixed(8, int8At);

/** oid, xid, cid: without a sign. */
export const uint4: ValueText = fixed(4, (bytes, at) => String(bytes.readUInt32BE(at)));
/** xid8. */
export const uint8: ValueText = fixed(8, uint8At);

function int8At(bytes: Buffer, at: number): string {
  const value = bytes.readInt32BE(at) * HIGH + bytes.readUInt32BE(at + 4);
  return Number.isSafeInteger(value) ? String(value) : String(bytes.readBigInt64BE(at));
}

export function uint8At(bytes: Buffer, at: number): string {
  const value = bytes.readUInt32BE(at) * HIGH + bytes.readUInt32BE(at + 4);
  return Number.isSafeInteger(value) ? String(value) : String(bytes.readBigUInt64BE(at));
}

/** Under lc_monetary C: two fraction digits and a dollar sign (cash_out). */
export const money: ValueText = fixed(8, (bytes, at) => {
  const value = int8At(bytes, at);
  const isNegative = value.startsWith('-');
  const digits = (isNegative ? value.slice(1) : value).padStart(3, '0');
  const whole = digits.slice(0, -2).replace(/\B(?=(?:\d{3})+$)/g, ',');
  return `${isNegative ? '-' : ''}$${whole}.${digits.slice(-2)}`;
});
