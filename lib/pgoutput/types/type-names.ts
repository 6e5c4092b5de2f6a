import { BUILT_IN_TYPES } from './built-in-types';

/** The SQL names that differ from those in `pg_type`. Source: manual, "Data Types", and format_type. */
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

/** The names by OID. `"char"` is quoted, because `char` is another type in SQL. */
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
 * Returns the OID of a built-in type by its name in `pg_type` or SQL: `int8`, `bigint`, `timestamp with time zone`, `text[]`,
 * `_text`. Array dimensions are ignored. `char` is the SQL type, `"char"` the internal type of PostgreSQL.
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

/** Returns the short name of a built-in type, such as `int8`, or `int8[]` for an array. */
export function findTypeName(oid: number): string | undefined {
  return NAMES.get(oid);
}
