/** Blocks of transactions that are still open. */
import { insertXid, buildStreamStart, buildStreamStop } from '../../../lib/testing/payloads';

/** A payload of the transaction itself, or of one of its subtransactions. */
export type Streamed = Buffer | readonly [subxid: number, payload: Buffer];

/** Messages that have no xid, in a block or elsewhere. */
const WITHOUT_XID = 'O';

/** The first block of a transaction, from Stream Start to Stream Stop. */
export function firstBlock(xid: number, ...payloads: readonly Streamed[]): Buffer[] {
  return [buildStreamStart({ xid, first: true }), ...payloads.map((one) => streamed(xid, one)), buildStreamStop()];
}

/** A later block of a transaction. */
export function block(xid: number, ...payloads: readonly Streamed[]): Buffer[] {
  return [buildStreamStart({ xid, first: false }), ...payloads.map((one) => streamed(xid, one)), buildStreamStop()];
}

function streamed(xid: number, one: Streamed): Buffer {
  if (!Buffer.isBuffer(one)) return insertXid(...one);
  return WITHOUT_XID.includes(one.toString('latin1', 0, 1)) ? one : insertXid(xid, one);
}
