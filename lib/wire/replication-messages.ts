import type { Lsn } from '../common/lsn';
import type { Reader } from './reader';

/** The type byte of XLogData, `w`. */
export const XLOG_DATA = 0x77;
/** The type byte of a primary keepalive message, `k`. */
export const KEEPALIVE = 0x6b;
/** The size in bytes of an XLogData header: `w`, two positions and a time. */
export const XLOG_DATA_HEADER_LENGTH = 25;

/** PostgreSQL's epoch, 2000-01-01T00:00:00Z, in ms since 1970. */
const PG_EPOCH = 946_684_800_000;
const PG_EPOCH_MICROS = 946_684_800_000_000n;

export interface XLogDataHeader {
  /** The start of the WAL record. It is 0 for some messages of pgoutput, so a stream cannot resume from it. */
  readonly dataStart: Lsn;
  readonly walEnd: Lsn;
  /** The server's clock. */
  readonly serverTime: Date;
}

export interface Keepalive {
  /** The position up to which the server has sent. It can decrease within a session. */
  readonly walEnd: Lsn;
  /** The server's clock. */
  readonly serverTime: Date;
  readonly replyRequested: boolean;
}

/** Reads the header of an XLogData, from after the `w` to the payload. */
export function readXLogDataHeader(reader: Reader): XLogDataHeader {
  return { dataStart: reader.u64(), walEnd: reader.u64(), serverTime: readPgTimestamp(reader) };
}

/** Reads a keepalive, from after the `k` to its end. */
export function readKeepalive(reader: Reader): Keepalive {
  const keepalive = {
    walEnd: reader.u64(),
    serverTime: readPgTimestamp(reader),
    replyRequested: reader.u8() !== 0,
  };
  reader.finish();
  return keepalive;
}

export interface StandbyStatus {
  /** The end of the received WAL. */
  readonly written: Lsn;
  /** The confirmed position. Only this one moves the slot. */
  readonly flushed: Lsn;
  readonly applied: Lsn;
  /** The client's time, in ms since 1970, with a fraction down to the µs. */
  readonly now: number;
  /** Requests an immediate keepalive. Never set in the reply to a keepalive. */
  readonly replyRequested: boolean;
}

/** Encodes a standby status update as a CopyData message. */
export function encodeStandbyStatusUpdate({ written, flushed, applied, now, replyRequested }: StandbyStatus): Buffer {
  const frame = Buffer.allocUnsafe(39);
  frame.write('d', 0, 'latin1');
  frame.writeInt32BE(38, 1);
  frame.write('r', 5, 'latin1');
  frame.writeBigUInt64BE(written, 6);
  frame.writeBigUInt64BE(flushed, 14);
  frame.writeBigUInt64BE(applied, 22);
  frame.writeBigInt64BE(toPgTimestamp(now), 30);
  frame.writeUInt8(replyRequested ? 1 : 0, 38);
  return frame;
}

/** Converts ms since 1970 to µs since 2000. Whole ms are converted as integers, so only the fraction is rounded. */
export function toPgTimestamp(ms: number): bigint {
  const whole = Math.floor(ms);
  return BigInt(whole - PG_EPOCH) * 1000n + BigInt(Math.round((ms - whole) * 1000));
}

/**
 * Converts µs since 2000 to a Date, rounded down to ms.
 *
 * Infinities and times beyond the range of Date become an invalid Date.
 */
export function fromPgTimestamp(micros: bigint): Date {
  const since1970 = micros + PG_EPOCH_MICROS;
  const ms = since1970 / 1000n;
  // The division truncates towards zero, but a Date must be rounded down.
  return new Date(Number(since1970 < ms * 1000n ? ms - 1n : ms));
}

/** Reads a time, µs since 2000, with doubles as long as they are exact: 2^53 µs are 285 years. */
export function readPgTimestamp(reader: Reader): Date {
  const high = reader.i32();
  const low = reader.u32();
  if (high >= -0x20_0000 && high < 0x20_0000) {
    return new Date(PG_EPOCH + Math.floor((high * 0x1_0000_0000 + low) / 1000));
  }
  return fromPgTimestamp((BigInt(high) << 32n) | BigInt(low));
}
