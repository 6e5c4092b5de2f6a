import { ProtocolError, ReplicationError } from '../errors';
import { parseArray } from '../pgoutput/array-text';
import { isBuiltIn } from '../pgoutput/shaped-values';
import type { Attribute, TypeShape } from '../pgoutput/type-shapes';
import { countOf, query, textOf, type Conversation, type ResultRow } from './conversation';
import { ofNames, publishedRelations } from './published-tables';

/**
 * Asks what types are made of, down to the built-in ones.
 *
 * @param typeOids built-in types among them are left out
 * @returns the types themselves and all that they are made of; those that do not exist are missing
 */
export function* lookUpTypes(typeOids: readonly number[]): Conversation<Map<number, TypeShape>> {
  const asked = typeOids.filter((typeOid) => !isBuiltIn(typeOid));
  return asked.length === 0 ? new Map() : yield* lookUp(`SELECT unnest('{${asked.join(',')}}'::oid[])`);
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
): Conversation<Map<number, TypeShape>> {
  if (publications.length === 0) return new Map();
  return yield* lookUp(
    `SELECT a.atttypid FROM (${publishedRelations(ofNames(publications), version)}) AS published
      JOIN pg_catalog.pg_attribute a ON a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
      WHERE a.atttypid >= 10000`,
  );
}

/** What prints a type tells an array from a type of one's own that only has elements. */
const IS_ARRAY = "t.typtype = 'b' AND t.typoutput = 'pg_catalog.array_out'::regproc";

/** A schema for each of many customers may bring more types than one result may have rows. */
const PAGE = 2_000;
const MOST_TYPES = 200_000;

/** @param typeOids a query for the types to begin with */
function* lookUp(typeOids: string): Conversation<Map<number, TypeShape>> {
  const found = new Map<number, TypeShape>();
  for (let last = 0; ;) {
    const rows = yield* query(page(typeOids, last));
    for (const row of rows) {
      const typeOid = countOf(row, 'oid');
      if (typeOid <= last) throw new ProtocolError(`The server sent type ${typeOid} after ${last}`);
      found.set(typeOid, toShape(row));
      last = typeOid;
    }
    if (rows.length < PAGE) return found;
    if (found.size > MOST_TYPES) {
      throw new ReplicationError('LIMIT_EXCEEDED', `The published columns have more than ${MOST_TYPES} types`, {
        remedy: 'Subscribe with lookUpTypes: false: values of types that are not built in stay text then.',
      });
    }
  }
}

/** The query for the types that come next by OID. */
function page(typeOids: string, last: number): string {
  return `WITH RECURSIVE part (oid) AS (
      ${typeOids}
      UNION
      SELECT next.oid FROM part
        JOIN pg_catalog.pg_type t ON t.oid = part.oid
        CROSS JOIN LATERAL (
          SELECT t.typbasetype WHERE t.typtype = 'd'
          UNION ALL SELECT t.typelem WHERE ${IS_ARRAY}
          UNION ALL SELECT rngsubtype FROM pg_catalog.pg_range WHERE rngtypid = t.oid
          UNION ALL SELECT rngtypid FROM pg_catalog.pg_range WHERE rngmultitypid = t.oid
          UNION ALL SELECT atttypid FROM pg_catalog.pg_attribute
            WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped
        ) AS next (oid)
        WHERE next.oid >= 10000
    )
    SELECT t.oid,
      CASE t.typtype WHEN 'c' THEN 'composite' WHEN 'd' THEN 'domain' WHEN 'e' THEN 'enum' WHEN 'm' THEN 'multirange'
        WHEN 'r' THEN 'range' ELSE CASE WHEN ${IS_ARRAY} THEN 'array' ELSE 'base' END END AS kind,
      t.typbasetype AS base, t.typelem AS element, element.typdelim AS delimiter,
      (SELECT rngsubtype FROM pg_catalog.pg_range WHERE rngtypid = t.oid) AS subtype,
      (SELECT rngtypid FROM pg_catalog.pg_range WHERE rngmultitypid = t.oid) AS range,
      ARRAY(SELECT attname::text FROM pg_catalog.pg_attribute
        WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped ORDER BY attnum) AS names,
      ARRAY(SELECT atttypid FROM pg_catalog.pg_attribute
        WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped ORDER BY attnum) AS types
      FROM part JOIN pg_catalog.pg_type t ON t.oid = part.oid
      LEFT JOIN pg_catalog.pg_type element ON element.oid = t.typelem
      WHERE t.oid > '${last}'::oid ORDER BY t.oid LIMIT ${PAGE}`;
}

function toShape(row: ResultRow): TypeShape {
  const kind = textOf(row, 'kind');
  switch (kind) {
    case 'base':
    case 'enum':
      return { kind };
    case 'domain':
      return { kind, base: countOf(row, 'base') };
    case 'array':
      return { kind, element: countOf(row, 'element'), delimiter: textOf(row, 'delimiter') };
    case 'range':
      return { kind, subtype: countOf(row, 'subtype') };
    case 'multirange':
      return { kind, range: countOf(row, 'range') };
    case 'composite':
      return { kind, attributes: toAttributes(row) };
    default:
      throw new ProtocolError(`The server sent ${JSON.stringify(kind.slice(0, 40))} as the kind of a type`);
  }
}

function toAttributes(row: ResultRow): Attribute[] {
  const names = listOf(row, 'names');
  const types = listOf(row, 'types');
  if (names.length !== types.length) {
    throw new ProtocolError(`The server sent ${names.length} names for ${types.length} attributes`);
  }
  return names.map((name, i) => ({ name, typeOid: countOf({ type: types[i] ?? null }, 'type') }));
}

/** The texts in an array of one dimension. */
function listOf(row: ResultRow, column: string): string[] {
  try {
    return parseArray(textOf(row, column), ',', String).map(String);
  } catch (cause) {
    throw new ProtocolError(`The server sent no list as ${column}`, { cause });
  }
}
