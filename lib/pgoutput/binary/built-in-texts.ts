import { BUILT_IN_TYPES } from '../types/built-in-types';
import { createVectorWriter } from './arrays';
import { writeBits } from './bit-strings';
import { writeDate, writeTimestamp, writeTimestamptz } from './dates';
import { writeFloat4, writeFloat8 } from './floats';
import { writeBox, writeCircle, writeLine, writeLseg, writePath, writePoint, writePolygon } from './geometry';
import { writeInt2, writeInt4, writeInt8, writeMoney, writeUint4, writeUint8 } from './integers';
import { writeInterval } from './interval';
import { writeCidr, writeInet, writeMacaddr, writeMacaddr8 } from './network';
import { writeNumeric } from './numeric';
import {
  writeBool,
  writeBytea,
  writeChar,
  writeLsn,
  writeText,
  writeTid,
  writeUuid,
  writeVersionedText,
} from './plain-values';
import { writeSnapshot } from './snapshots';
import { writeTsvector } from './text-search';
import { writeTime, writeTimetz } from './times';
import { writeTsquery } from './tsquery';
import type { TextWriter } from './value-text';

const WRITERS: Readonly<Record<string, TextWriter>> = {
  bool: writeBool,
  bytea: writeBytea,
  char: writeChar,
  ...assignWriter(writeText, ['name', 'text', 'varchar', 'bpchar', 'json', 'refcursor']),
  // If the client encoding is UTF8, xml_send omits the encoding declaration, as xml_out does.
  xml: writeText,
  ...assignWriter(writeVersionedText, ['jsonb', 'jsonpath']),
  int2: writeInt2,
  int4: writeInt4,
  int8: writeInt8,
  ...assignWriter(writeUint4, ['oid', 'xid', 'cid']),
  xid8: writeUint8,
  tid: writeTid,
  pg_lsn: writeLsn,
  ...assignWriter(writeSnapshot, ['txid_snapshot', 'pg_snapshot']),
  money: writeMoney,
  float4: writeFloat4,
  float8: writeFloat8,
  numeric: writeNumeric,
  uuid: writeUuid,
  date: writeDate,
  time: writeTime,
  timetz: writeTimetz,
  timestamp: writeTimestamp,
  timestamptz: writeTimestamptz,
  interval: writeInterval,
  ...assignWriter(writeBits, ['bit', 'varbit']),
  inet: writeInet,
  cidr: writeCidr,
  macaddr: writeMacaddr,
  macaddr8: writeMacaddr8,
  point: writePoint,
  lseg: writeLseg,
  box: writeBox,
  path: writePath,
  polygon: writePolygon,
  line: writeLine,
  circle: writeCircle,
  tsvector: writeTsvector,
  tsquery: writeTsquery,
  int2vector: createVectorWriter(writeInt2),
  oidvector: createVectorWriter(writeUint4),
  // Their text format is a name, their binary format the OID. Only the server can look up the name.
  ...assignWriter(writeUint4, [
    'regproc',
    'regprocedure',
    'regoper',
    'regoperator',
    'regclass',
    'regtype',
    'regcollation',
  ]),
  ...assignWriter(writeUint4, ['regrole', 'regnamespace', 'regconfig', 'regdictionary']),
};

/** The writers of built-in types that contain no other types, by OID. */
export const BUILT_IN_WRITERS: ReadonlyMap<number, TextWriter> = new Map(
  Object.entries(WRITERS).flatMap(([name, write]): [number, TextWriter][] => {
    const oid = BUILT_IN_TYPES.get(name);
    return oid === undefined ? [] : [[oid, write]];
  }),
);

function assignWriter(write: TextWriter, names: readonly string[]): Record<string, TextWriter> {
  return Object.fromEntries(names.map((name) => [name, write]));
}
