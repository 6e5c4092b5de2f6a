/**
 * Builders of pgoutput's payloads, that is, the data of an XLogData, of all protocol versions.
 *
 * Most fields have a default. Nothing is checked, so a spec can build invalid payloads.
 */
import { cstring, i32, timestamp, u16, u32, u64, u8 } from './bytes';
import { COMMIT_TIME, TABLE } from './defaults';

/** In a tuple: an unchanged TOAST column of an update, or of an insert that a row filter made from an update. */
export const UNCHANGED = Symbol('unchanged');

/** A value in text or binary format, null, or {@link UNCHANGED}. */
export type TupleValue = string | Buffer | null | typeof UNCHANGED;

export type Tuple = readonly TupleValue[];

export interface TransactionFields {
  commitLsn?: bigint;
  /** The end of the commit record. Commit only. */
  endLsn?: bigint;
  commitTime?: Date;
  xid?: number;
  /** Commit only; always 0. */
  flags?: number;
}

export function buildBegin({
  commitLsn = 0x100n,
  commitTime = COMMIT_TIME,
  xid = 700,
}: TransactionFields = {}): Buffer {
  return buildPayload('B', u64(commitLsn), timestamp(commitTime), u32(xid));
}

export function buildCommit({
  commitLsn = 0x100n,
  endLsn = commitLsn + 0x30n,
  commitTime = COMMIT_TIME,
  flags = 0,
}: TransactionFields = {}): Buffer {
  return buildPayload('C', u8(flags), u64(commitLsn), u64(endLsn), timestamp(commitTime));
}

export function buildOrigin(name: string, originLsn = 0n): Buffer {
  return buildPayload('O', u64(originLsn), cstring(name));
}

export interface ColumnFields {
  name: string;
  key?: boolean;
  /** Default: text. */
  typeOid?: number;
  typeModifier?: number;
}

export interface RelationFields {
  oid?: number;
  /** The schema as sent: '' for pg_catalog. */
  schema?: string;
  name?: string;
  /** pg_class.relreplident */
  identity?: string;
  /** A name is short for a text column that is not in the key. */
  columns?: readonly (string | ColumnFields)[];
}

export function buildRelation({
  oid = TABLE,
  schema = 'public',
  name = 'users',
  identity = 'd',
  columns = [{ name: 'id', key: true, typeOid: 23 }, 'name'],
}: RelationFields = {}): Buffer {
  const descriptions = columns.map((column) => {
    const {
      name,
      key = false,
      typeOid = 25,
      typeModifier = -1,
    } = typeof column === 'string' ? { name: column } : column;
    return Buffer.concat([u8(key ? 1 : 0), cstring(name), u32(typeOid), i32(typeModifier)]);
  });
  const head = [u32(oid), cstring(schema), cstring(name), Buffer.from(identity, 'latin1')];
  return buildPayload('R', ...head, u16(columns.length), ...descriptions);
}

export function buildType(oid: number, name: string, schema = 'public'): Buffer {
  return buildPayload('Y', u32(oid), cstring(schema), cstring(name));
}

export function buildInsert(row: Tuple, oid = TABLE): Buffer {
  return buildPayload('I', u32(oid), buildTuple('N', row));
}

/** The old row of an Update or Delete: all columns with REPLICA IDENTITY FULL, otherwise the key. */
export type Before = { old: Tuple } | { key: Tuple };

export function buildUpdate(row: Tuple, before?: Before, oid = TABLE): Buffer {
  return buildPayload('U', u32(oid), ...(before === undefined ? [] : [encodeBefore(before)]), buildTuple('N', row));
}

export function buildDelete(before: Before, oid = TABLE): Buffer {
  return buildPayload('D', u32(oid), encodeBefore(before));
}

export interface TruncateFields {
  oids?: readonly number[];
  cascade?: boolean;
  restartIdentity?: boolean;
}

export function buildTruncate({
  oids = [TABLE],
  cascade = false,
  restartIdentity = false,
}: TruncateFields = {}): Buffer {
  return buildPayload('T', u32(oids.length), u8((cascade ? 1 : 0) | (restartIdentity ? 2 : 0)), ...oids.map(u32));
}

export interface LogicalMessageFields {
  transactional?: boolean;
  lsn?: bigint;
  prefix?: string;
  content?: Buffer | string;
}

export function buildLogicalMessage({
  transactional = true,
  lsn = 0x90n,
  prefix = 'spec',
  content = 'content',
}: LogicalMessageFields = {}): Buffer {
  const bytes = Buffer.from(content);
  return buildPayload('M', u8(transactional ? 1 : 0), u64(lsn), cstring(prefix), u32(bytes.length), bytes);
}

/** Converts a payload for a block, between Stream Start and Stream Stop, where R, Y, I, U, D, T and M have an xid. */
export function insertXid(xid: number, payload: Buffer): Buffer {
  return Buffer.concat([payload.subarray(0, 1), u32(xid), payload.subarray(1)]);
}

export interface StreamStartFields {
  xid?: number;
  first?: boolean;
}

export function buildStreamStart({ xid = 700, first = true }: StreamStartFields = {}): Buffer {
  return buildPayload('S', u32(xid), u8(first ? 1 : 0));
}

export function buildStreamStop(): Buffer {
  return buildPayload('E');
}

export function buildStreamCommit({
  commitLsn = 0x100n,
  endLsn = commitLsn + 0x30n,
  commitTime = COMMIT_TIME,
  xid = 700,
  flags = 0,
}: TransactionFields = {}): Buffer {
  return buildPayload('c', u32(xid), u8(flags), u64(commitLsn), u64(endLsn), timestamp(commitTime));
}

export interface StreamAbortFields {
  xid?: number;
  /** Default: the whole transaction. */
  subxid?: number;
  /** With the time, only for clients with `streaming 'parallel'`. */
  abortLsn?: bigint;
  abortTime?: Date;
}

export function buildStreamAbort({
  xid = 700,
  subxid = xid,
  abortLsn,
  abortTime = COMMIT_TIME,
}: StreamAbortFields = {}): Buffer {
  return buildPayload(
    'A',
    u32(xid),
    u32(subxid),
    ...(abortLsn === undefined ? [] : [u64(abortLsn), timestamp(abortTime)]),
  );
}

export interface PrepareFields {
  gid?: string;
  xid?: number;
  prepareLsn?: bigint;
  /** The end of the prepare record. */
  endLsn?: bigint;
  prepareTime?: Date;
  /** Not in Begin Prepare; always 0. */
  flags?: number;
}

export function buildBeginPrepare(fields: PrepareFields = {}): Buffer {
  return buildPayload('b', ...encodePrepareFields(fields));
}

export function buildPrepare(fields: PrepareFields = {}): Buffer {
  return buildPayload('P', u8(fields.flags ?? 0), ...encodePrepareFields(fields));
}

export function buildStreamPrepare(fields: PrepareFields = {}): Buffer {
  return buildPayload('p', u8(fields.flags ?? 0), ...encodePrepareFields(fields));
}

export function buildCommitPrepared({
  gid = 'gid',
  commitLsn = 0x200n,
  endLsn = commitLsn + 0x30n,
  commitTime = COMMIT_TIME,
  xid = 700,
  flags = 0,
}: TransactionFields & { gid?: string } = {}): Buffer {
  return buildPayload('K', u8(flags), u64(commitLsn), u64(endLsn), timestamp(commitTime), u32(xid), cstring(gid));
}

export interface RollbackPreparedFields {
  gid?: string;
  xid?: number;
  prepareEndLsn?: bigint;
  /** The end of the rollback's record. */
  endLsn?: bigint;
  prepareTime?: Date;
  rollbackTime?: Date;
  flags?: number;
}

export function buildRollbackPrepared({
  gid = 'gid',
  xid = 700,
  prepareEndLsn = 0x130n,
  endLsn = 0x230n,
  prepareTime = COMMIT_TIME,
  rollbackTime = COMMIT_TIME,
  flags = 0,
}: RollbackPreparedFields = {}): Buffer {
  const times = [timestamp(prepareTime), timestamp(rollbackTime)];
  return buildPayload('r', u8(flags), u64(prepareEndLsn), u64(endLsn), ...times, u32(xid), cstring(gid));
}

function encodePrepareFields({
  gid = 'gid',
  xid = 700,
  prepareLsn = 0x100n,
  endLsn = prepareLsn + 0x30n,
  prepareTime = COMMIT_TIME,
}: PrepareFields): Buffer[] {
  return [u64(prepareLsn), u64(endLsn), timestamp(prepareTime), u32(xid), cstring(gid)];
}

/** Builds a payload of any tag and fields. */
export function buildPayload(tag: string, ...fields: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from(tag, 'latin1'), ...fields]);
}

/** Builds a tuple: a tag, the number of columns, and the columns. */
export function buildTuple(tag: string, values: Tuple): Buffer {
  return buildPayload(tag, u16(values.length), ...values.map(encodeValue));
}

function encodeBefore(before: Before): Buffer {
  return 'old' in before ? buildTuple('O', before.old) : buildTuple('K', before.key);
}

function encodeValue(value: TupleValue): Buffer {
  if (value === null) return buildPayload('n');
  if (value === UNCHANGED) return buildPayload('u');
  const bytes = Buffer.from(value);
  return buildPayload(typeof value === 'string' ? 't' : 'b', i32(bytes.length), bytes);
}
