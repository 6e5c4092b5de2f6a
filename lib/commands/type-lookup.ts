import { ProtocolError } from '../common/errors';
import { isBuiltIn } from '../pgoutput/values/shaped-values';
import type { Attribute, TypeDefinition } from '../pgoutput/types/type-definitions';
import { getCount, runQuery, getText, type ProtocolRoutine, type ResultRow } from './protocol-routine';
import { fetchDistinctOids, getList, getOids } from './oid-lists';
import { buildNamesCondition, buildPublishedRelationsQuery } from './published-tables';

/**
 * So many types are asked for at a time: one query for all would hold more rows than a result may have, and a connection's
 * time-out would have to be longer the more types there are.
 */
const PORTION = 5_000;
/** A portion ends early with so many attributes of composite types, whose names would make a result too long. */
const MAX_ATTRIBUTES = 20_000;
/** What is beyond that is not looked up in advance, but when a table that has it is described in the stream. */
export const MAX_TYPES = 200_000;

/**
 * Asks what types are made of, down to the built-in ones.
 *
 * @param typeOids built-in types among them are left out
 * @returns the types themselves and all that they are made of; those that do not exist are missing
 */
export function* lookUpTypes(typeOids: readonly number[]): ProtocolRoutine<Map<number, TypeDefinition>> {
  const found = new Map<number, TypeDefinition>();
  const seen = new Set<number>();
  for (let level = takeUnseen(typeOids, seen); level.length > 0;) {
    const parts: number[] = [];
    for (let left = level; left.length > 0;) {
      const portion = yield* lookUpPortion(left.slice(0, PORTION));
      for (const [typeOid, definition] of portion.found) {
        found.set(typeOid, definition);
        parts.push(...takeUnseen(getComponents(definition), seen));
      }
      left = left.slice(portion.done);
    }
    level = parts.sort(compareNumbers);
  }
  return found;
}

/**
 * Asks the same for the columns of all tables that are published now.
 *
 * It reads the catalog as plain tables: what takes a table by its OID leaves it in the server process's caches as it is now,
 * and rows of before ALTER TABLE would then be decoded as if they had been written after it (logical decoding starts with
 * whatever is in its process's caches).
 *
 * @param publications their names; one that does not exist counts as empty
 * @param version the server's, as in server_version_num
 */
export function* lookUpPublishedTypes(
  publications: readonly string[],
  version: number,
): ProtocolRoutine<Map<number, TypeDefinition>> {
  if (publications.length === 0) return new Map();
  const columns = `(${buildPublishedRelationsQuery(buildNamesCondition(publications), version)}) AS published
    JOIN pg_catalog.pg_attribute a ON a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid >= 10000`;
  return yield* lookUpTypes(yield* fetchDistinctOids(`SELECT a.atttypid FROM ${columns}`, MAX_TYPES));
}

/** Those that are not built in and were not asked for yet, in ascending order; from now on they were. */
function takeUnseen(typeOids: readonly number[], seen: Set<number>): number[] {
  const added = typeOids.filter((typeOid) => {
    if (isBuiltIn(typeOid) || seen.has(typeOid) || seen.size >= MAX_TYPES) return false;
    seen.add(typeOid);
    return true;
  });
  return added.sort(compareNumbers);
}

function compareNumbers(a: number, b: number): number {
  return a - b;
}

/** What a value of the type is made of. */
function getComponents(definition: TypeDefinition): readonly number[] {
  switch (definition.kind) {
    case 'domain':
      return [definition.base];
    case 'array':
      return [definition.element];
    case 'range':
      return [definition.subtype];
    case 'multirange':
      return [definition.range];
    case 'composite':
      return definition.attributes.map(({ typeOid }) => typeOid);
    default:
      return [];
  }
}

interface Portion {
  readonly found: ReadonlyMap<number, TypeDefinition>;
  /** How many of the types that were asked for the answer covers. */
  readonly done: number;
}

/** @param typeOids in ascending order */
function* lookUpPortion(typeOids: readonly number[]): ProtocolRoutine<Portion> {
  // A full portion has the whole connect time-out for itself.
  const rows = yield* runQuery(buildTypesQuery(typeOids), { restartTimeout: typeOids.length === PORTION });
  const found = new Map<number, TypeDefinition>();
  let done = 0;
  for (const row of rows) {
    const typeOid = getCount(row, 'oid');
    const place = typeOids.indexOf(typeOid, done);
    if (place < 0) throw new ProtocolError(`The server sent type ${typeOid}, which was not asked for`);
    done = place + 1;
    found.set(typeOid, toDefinition(row));
  }
  const [first] = rows;
  const isCut = first !== undefined && getCount(first, 'total') > rows.length;
  return { found, done: isCut ? done : typeOids.length };
}

/** What prints a type tells an array from a type of one's own that only has elements. */
const IS_ARRAY = "t.typtype = 'b' AND t.typoutput = 'pg_catalog.array_out'::regproc";

/** The query for these types: for the first ones in ascending order, as long as they have not too many attributes. */
function buildTypesQuery(typeOids: readonly number[]): string {
  return `SELECT t.oid, t.total,
      CASE t.typtype WHEN 'c' THEN 'composite' WHEN 'd' THEN 'domain' WHEN 'e' THEN 'enum' WHEN 'm' THEN 'multirange'
        WHEN 'r' THEN 'range' ELSE CASE WHEN ${IS_ARRAY} THEN 'array' ELSE 'base' END END AS kind,
      t.typbasetype AS base, t.typelem AS element,
      (SELECT element.typdelim FROM pg_catalog.pg_type element WHERE element.oid = t.typelem) AS delimiter,
      (SELECT rngsubtype FROM pg_catalog.pg_range WHERE rngtypid = t.oid) AS subtype,
      (SELECT rngtypid FROM pg_catalog.pg_range WHERE rngmultitypid = t.oid) AS range,
      ARRAY(SELECT attname::text FROM pg_catalog.pg_attribute
        WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped ORDER BY attnum) AS names,
      ARRAY(SELECT atttypid FROM pg_catalog.pg_attribute
        WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped ORDER BY attnum) AS types
    FROM (
      SELECT t.*, count(*) OVER () AS total, row_number() OVER (ORDER BY t.oid) AS place,
        sum(coalesce(c.relnatts, 0)) OVER (ORDER BY t.oid) AS attributes
        FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
        WHERE t.oid = ANY ('{${typeOids.join(',')}}'::oid[])
    ) AS t
    WHERE t.place = 1 OR t.attributes <= ${MAX_ATTRIBUTES} ORDER BY t.oid`;
}

function toDefinition(row: ResultRow): TypeDefinition {
  const kind = getText(row, 'kind');
  switch (kind) {
    case 'base':
    case 'enum':
      return { kind };
    case 'domain':
      return { kind, base: getCount(row, 'base') };
    case 'array':
      return { kind, element: getCount(row, 'element'), delimiter: getText(row, 'delimiter') };
    case 'range':
      return { kind, subtype: getCount(row, 'subtype') };
    case 'multirange':
      return { kind, range: getCount(row, 'range') };
    case 'composite':
      return { kind, attributes: toAttributes(row) };
    default:
      throw new ProtocolError(`The server sent ${JSON.stringify(kind.slice(0, 40))} as the kind of a type`);
  }
}

function toAttributes(row: ResultRow): Attribute[] {
  const names = getList(row, 'names');
  const types = getOids(row, 'types');
  if (names.length !== types.length) {
    throw new ProtocolError(`The server sent ${names.length} names for ${types.length} attributes`);
  }
  return types.map((typeOid, i) => ({ name: names[i] ?? '', typeOid }));
}
