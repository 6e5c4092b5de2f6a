import { BUILT_IN_TYPES } from '../types/built-in-types';
import { vector } from './arrays';
import { bits } from './bit-strings';
import { date, timestamp, timestamptz } from './dates';
import { float4, float8 } from './floats';
import { box, circle, line, lseg, path, point, polygon } from './geometry';
import { int2, int4, int8, money, uint4, uint8 } from './integers';
import { interval } from './interval';
import { cidr, inet, macaddr, macaddr8 } from './network';
import { numeric } from './numeric';
import { bool, bytea, char, lsn, text, tid, uuid, versionedText } from './plain-values';
import { snapshot } from './snapshots';
import { tsvector } from './text-search';
import { time, timetz } from './times';
import { tsquery } from './tsquery';
import type { ValueText } from './value-text';

const TEXTS: Readonly<Record<string, ValueText>> = {
  bool,
  bytea,
  char,
  ...all(text, ['name', 'text', 'varchar', 'bpchar', 'json', 'refcursor']),
  // XML loses its encoding declaration where the client's encoding is UTF8 (xml_send), as in its text.
  xml: text,
  ...all(versionedText, ['jsonb', 'jsonpath']),
  int2,
  int4,
  int8,
  ...all(uint4, ['oid', 'xid', 'cid']),
  xid8: uint8,
  tid,
  pg_lsn: lsn,
  ...all(snapshot, ['txid_snapshot', 'pg_snapshot']),
  money,
  float4,
  float8,
  numeric,
  uuid,
  date,
  time,
  timetz,
  timestamp,
  timestamptz,
  interval,
  ...all(bits, ['bit', 'varbit']),
  inet,
  cidr,
  macaddr,
  macaddr8,
  point,
  lseg,
  box,
  path,
  polygon,
  line,
  circle,
  tsvector,
  tsquery,
  int2vector: vector(int2),
  oidvector: vector(uint4),
  // Their text is a name, which only the server can look up; what it sends is the OID.
  ...all(uint4, ['regproc', 'regprocedure', 'regoper', 'regoperator', 'regclass', 'regtype', 'regcollation']),
  ...all(uint4, ['regrole', 'regnamespace', 'regconfig', 'regdictionary']),
};

/** The writers of built-in types that consist of no others, by OID. */
export const BUILT_IN_TEXTS: ReadonlyMap<number, ValueText> = new Map(
  Object.entries(TEXTS).flatMap(([name, write]): [number, ValueText][] => {
    const oid = BUILT_IN_TYPES.get(name);
    return oid === undefined ? [] : [[oid, write]];
  }),
);

function all(write: ValueText, names: readonly string[]): Record<string, ValueText> {
  return Object.fromEntries(names.map((name) => [name, write]));
}
