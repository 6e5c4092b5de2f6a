import type { Lsn } from '../common/lsn';
import type { Reader } from './reader';

/** CopyData that carries WAL: `w`. */
export const XLOG_DATA = 0x77;
/** The primary's keepalive: `k`. */
export const KEEPALIVE = 0x6b;
/** Bytes of an XLogData before the output plugin's payload: `w`, two positions and a clock. */
export const XLOG_DATA_HEADER_LENGTH = 25;

/** 2000-01-01T00:00:00Z, where PostgreSQL's clock starts, in ms since 1970. */
const PG_EPOCH = 946_684_800_000;
const PG_EPOCH_MICROS = 946_684_800_000_000n;

export interface XLogDataHeader {
  /** Where the record starts; 0 for some of pgoutput's messages, so it is no offset to resume from. */
  readonly dataStart: Lsn;
  readonly walEnd: Lsn;
  /** The server's clock. */
  readonly serverTime: Date;
}

export interface Keepalive {
  /** How far the server has sent; it can go back within a session. */
  readonly walEnd: Lsn;
  /** The server's clock. */
  readonly serverTime: Date;
  readonly replyRequested: boolean;
}

/** Reads the header of an XLogData; the reader stands behind the `w`, and afterwards at the payload. */
export function readXLogDataHeader(reader: Reader): XLogDataHeader {
  return { dataStart: reader.u64(), walEnd: reader.u64(), serverTime: readPgTimestamp(reader) };
}

/** Reads a keepalive to its end; the reader stands behind the `k`. */
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
  /** Received up to here. */
  readonly written: Lsn;
  /** Done up to here: the only one that moves the slot. */
  readonly flushed: Lsn;
  readonly applied: Lsn;
  /** The client's clock, in ms since 1970; a fraction is kept to the µs. */
  readonly now: number;
  /** Asks for a keepalive at once. Never set it when answering one. */
  readonly replyRequested: boolean;
}

/** The standby status update as a whole frame, CopyData included. */
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

/** µs since 2000 from ms since 1970; whole ms are counted as integers, so that nothing is rounded but the fraction. */
export function toPgTimestamp(ms: number): bigint {
  const whole = Math.floor(ms);
  return BigInt(whole - PG_EPOCH) * 1000n + BigInt(Math.round((ms - whole) * 1000));
}

/**
 * A Date from µs since 2000, which loses the µs below a ms.
 *
 * The infinities and what lies beyond a Date's range give an invalid Date.
 */
export function fromPgTimestamp(micros: bigint): Date {
  const since1970 = micros + PG_EPOCH_MICROS;
  const ms = since1970 / 1000n;
  // Division goes towards zero; a Date counts whole ms that have passed.
  return new Date(Number(since1970 < ms * 1000n ? ms - 1n : ms));
}

/** Reads a clock, µs since 2000, by doubles while they are exact: 2^53 µs are 285 years. */
export function readPgTimestamp(reader: Reader): Date {
  const high = reader.i32();
  const low = reader.u32();
  if (high >= -0x20_0000 && high < 0x20_0000) {
    return new Date(PG_EPOCH + Math.floor((high * 0x1_0000_0000 + low) / 1000));
  }
  return fromPgTimestamp((BigInt(high) << 32n) | BigInt(low));
}
