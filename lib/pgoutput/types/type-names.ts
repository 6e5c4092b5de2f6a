import { BUILT_IN_TYPES } from './built-in-types';

/** What SQL calls types that pg_type has another name for. Source: manual, "Data Types", and format_type. */
const SQL_NAMES: ReadonlyMap<string, string> = new Map([
  ['bigint', 'int8'],
  ['bit varying', 'varbit'],
  ['boolean', 'bool'],
  ['"char"', 'char'],
  ['char', 'bpchar'],
  ['character', 'bpchar'],
  ['character varying', 'varchar'],
  ['dec', 'numeric'],
  ['decimal', 'numeric'],
  ['double precision', 'float8'],
  ['float', 'float8'],
  ['int', 'int4'],
  ['integer', 'int4'],
  ['real', 'float4'],
  ['smallint', 'int2'],
  ['time with time zone', 'timetz'],
  ['time without time zone', 'time'],
  ['timestamp with time zone', 'timestamptz'],
  ['timestamp without time zone', 'timestamp'],
]);

/** Without its quotes `char` is another type in SQL. */
const NAMES: ReadonlyMap<number, string> = new Map(
  [...BUILT_IN_TYPES].map(([name, oid]) => {
    const element = name.replace(/^_/, '');
    const shown = element === 'char' ? '"char"' : element;
    return [oid, element === name ? shown : `${shown}[]`];
  }),
);

/** All names of built-in types, for suggestions. */
export const TYPE_NAMES: readonly string[] = [...NAMES.values(), ...SQL_NAMES.keys()];

/**
 * The OID of a built-in type, by the name that pg_type or SQL has for it: `int8`, `bigint`, `timestamp with time zone`,
 * `text[]`, `_text`. An array's dimensions are no part of its type. `char` is SQL's, and `"char"` PostgreSQL's own.
 */
export function findTypeOid(name: string): number | undefined {
  const given = name
    .trim()
    .toLowerCase()
    .replace(/\s+/g, ' ')
    .replace(/^pg_catalog\./, '');
  const element = given.replace(/(?: ?\[\d*\])+$/, '');
  const internal = SQL_NAMES.get(element) ?? element;
  return BUILT_IN_TYPES.get(element === given ? internal : `_${internal}`);
}

/** The short name of a built-in type, as in `int8`, with `[]` behind it for an array. */
export function findTypeName(oid: number): string | undefined {
  return NAMES.get(oid);
}
