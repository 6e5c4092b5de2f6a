/** The fields that PostgreSQL's messages are made of. Source: PostgreSQL manual, "Message Data Types". */
import { toPgTimestamp } from '../wire/replication-messages';

export function cstring(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}

export function u8(value: number): Buffer {
  return Buffer.of(value);
}

export function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function i32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

export function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

export function i64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}

/** Microseconds since 2000. */
export function timestamp(date: Date): Buffer {
  return i64(toPgTimestamp(date.getTime()));
}
