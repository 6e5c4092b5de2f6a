/** Encodes values in binary form. */
export function i16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

export function i32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

export function i64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}

/** A length and the bytes; null has the length -1. */
export function sized(value: Buffer | null): Buffer {
  return value === null ? i32(-1) : Buffer.concat([i32(value.length), value]);
}

/** @param dimensions their sizes and lower bounds */
export function arrayOf(
  elementOid: number,
  dimensions: readonly (readonly [size: number, lowerBound: number])[],
  elements: readonly (Buffer | null)[],
): Buffer {
  return Buffer.concat([
    ...[i32(dimensions.length), i32(0), i32(elementOid)],
    ...dimensions.flatMap(([size, lowerBound]) => [i32(size), i32(lowerBound)]),
    ...elements.map(sized),
  ]);
}

export function recordOf(columns: readonly (readonly [oid: number, value: Buffer | null])[]): Buffer {
  return Buffer.concat([i32(columns.length), ...columns.flatMap(([oid, value]) => [i32(oid), sized(value)])]);
}

/** @param digits of base 10000 */
export function numericOf(weight: number, sign: number, scale: number, digits: readonly number[]): Buffer {
  const bytes = Buffer.alloc(8 + 2 * digits.length);
  bytes.writeUInt16BE(digits.length, 0);
  bytes.writeInt16BE(weight, 2);
  bytes.writeUInt16BE(sign, 4);
  bytes.writeUInt16BE(scale, 6);
  digits.forEach((digit, i) => bytes.writeUInt16BE(digit, 8 + 2 * i));
  return bytes;
}
