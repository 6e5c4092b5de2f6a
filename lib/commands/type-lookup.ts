import { ProtocolError } from '../common/errors';
import { isBuiltIn } from '../pgoutput/values/shaped-values';
import type { Attribute, TypeDefinition } from '../pgoutput/types/type-definitions';
import { getCount, runQuery, getText, type ProtocolRoutine, type ResultRow } from './protocol-routine';
import { fetchDistinctOids, getList, getOids } from './oid-lists';
import { buildNamesCondition, buildPublishedRelationsQuery } from './published-tables';

/**
 * The maximum number of types per query: one query for all types could return too many rows, and the connect timeout would have
 * to grow with the number of types.
 */
const MAX_TYPES_PER_QUERY = 5_000;
/** The maximum number of attributes of composite types per query, because their names could make a result too long. */
const MAX_ATTRIBUTES_PER_QUERY = 20_000;
/** The maximum number of types to look up in advance. The others are looked up when the stream describes a table that has them. */
export const MAX_TYPES = 200_000;

/**
 * Looks up the definitions of types and of their components, down to the built-in types.
 *
 * @param typeOids built-in types are ignored
 * @returns the definitions of the types and their components, without types that do not exist
 */
export function* lookUpTypes(typeOids: readonly number[]): ProtocolRoutine<Map<number, TypeDefinition>> {
  const found = new Map<number, TypeDefinition>();
  const seen = new Set<number>();
  for (let level = takeUnseen(typeOids, seen); level.length > 0;) {
    const parts: number[] = [];
    for (let left = level; left.length > 0;) {
      const portion = yield* lookUpPortion(left.slice(0, MAX_TYPES_PER_QUERY));
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
 * Looks up the types of the columns of all tables that are published now.
 *
 * It queries only catalog tables: a function that takes the OID of a table adds the table's current definition to the caches of
 * the server process. Logical decoding starts with these caches, so it would decode rows written before an ALTER TABLE with the
 * definition after it.
 *
 * @param publications their names; a publication that does not exist counts as empty
 * @param version the server's version, as in server_version_num
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

/** Adds the types to `seen`, and returns those that are new and not built in, in ascending order. */
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

/** Returns the types of which a value of the type consists. */
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
  /** The number of requested types that the result covers. */
  readonly done: number;
}

/** @param typeOids in ascending order */
function* lookUpPortion(typeOids: readonly number[]): ProtocolRoutine<Portion> {
  // Each full portion restarts the connect timeout.
  const rows = yield* runQuery(buildTypesQuery(typeOids), { restartTimeout: typeOids.length === MAX_TYPES_PER_QUERY });
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

/** Distinguishes an array from a user-defined type with elements, by the type's output function. */
const IS_ARRAY = "t.typtype = 'b' AND t.typoutput = 'pg_catalog.array_out'::regproc";

/** Builds the query for these types, in ascending order up to the maximum number of attributes. */
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
    WHERE t.place = 1 OR t.attributes <= ${MAX_ATTRIBUTES_PER_QUERY} ORDER BY t.oid`;
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
