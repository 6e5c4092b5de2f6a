/** Blocks of transactions that are still open. */
import { inBlock, streamStart, streamStop } from '../../../lib/testing/payloads';

/** A payload of the transaction itself, or of one of its subtransactions. */
export type Streamed = Buffer | readonly [subxid: number, payload: Buffer];

/** Messages that have no xid, in a block or elsewhere. */
const WITHOUT_XID = 'O';

/** The first block of a transaction, from Stream Start to Stream Stop. */
export function firstBlock(xid: number, ...payloads: readonly Streamed[]): Buffer[] {
  return [streamStart({ xid, first: true }), ...payloads.map((one) => streamed(xid, one)), streamStop()];
}

/** A later block of a transaction. */
export function block(xid: number, ...payloads: readonly Streamed[]): Buffer[] {
  return [streamStart({ xid, first: false }), ...payloads.map((one) => streamed(xid, one)), streamStop()];
}

function streamed(xid: number, one: Streamed): Buffer {
  if (!Buffer.isBuffer(one)) return inBlock(...one);
  return WITHOUT_XID.includes(one.toString('latin1', 0, 1)) ? one : inBlock(xid, one);
}
