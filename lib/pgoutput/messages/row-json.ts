import { toJsonNumber, toJsonValue } from '../../common/json';
import { BUILT_IN_DEFINITIONS } from '../types/built-in-types';
import { isBuiltIn } from '../values/shaped-values';
import type { Relation, Row } from './table';
import type { TypeDefinition, TypeDefinitions } from '../types/type-definitions';

/** The type definitions of each table. Relation messages do not hold them, because the server does not send them. */
const DEFINITIONS = new WeakMap<Relation, TypeDefinitions>();
/** The types of the columns of each table, filled on first use. */
const COLUMN_TYPES = new WeakMap<Relation, ReadonlyMap<string, number>>();

/** `date`, `timestamp`, `timestamptz`. */
const DATES: readonly number[] = [1082, 1114, 1184];
/** `json`, `jsonb`. */
const DOCUMENTS: readonly number[] = [114, 3802];

/** @param definitions the definitions of types that are not built in */
export function describeForJson(relation: Relation, definitions: TypeDefinitions): void {
  DEFINITIONS.set(relation, definitions);
}

/**
 * Converts a row for `JSON.stringify`. Numbers that JSON cannot represent become text, as in PostgreSQL's `to_json`: `NaN`,
 * `Infinity`, `-0`; and `infinity` for dates and timestamps. This includes values in arrays, composites and domains.
 */
export function toRowJson(relation: Relation, row: Row): Row {
  const definitions = DEFINITIONS.get(relation);
  const columnTypes = getColumnTypes(relation);
  const entries = Object.entries(row).map(([name, value]) => {
    const typeOid = columnTypes.get(name);
    return [name, typeOid === undefined ? toJsonValue(value) : toTypedJson(value, typeOid, definitions)] as const;
  });
  return Object.fromEntries(entries);
}

function getColumnTypes(relation: Relation): ReadonlyMap<string, number> {
  const known = COLUMN_TYPES.get(relation);
  if (known) return known;
  const types = new Map(relation.columns.map(({ name, typeOid }) => [name, typeOid]));
  COLUMN_TYPES.set(relation, types);
  return types;
}

function toTypedJson(value: unknown, typeOid: number, definitions: TypeDefinitions | undefined): unknown {
  // Most values do not need their type. And a definition must not be looked up before a value of the type was read.
  if (value === null || (typeof value !== 'object' && (typeof value !== 'number' || toJsonNumber(value) === value))) {
    return toJsonValue(value);
  }
  const base = resolveDomain(typeOid, definitions);
  const numberForm = DOCUMENTS.includes(base) ? toDocumentNumber : DATES.includes(base) ? toDateNumber : toJsonNumber;
  const definition = getTypeDefinition(base, definitions);
  if (definition?.kind === 'array' && Array.isArray(value)) {
    return value.map((each: unknown) =>
      toTypedJson(each, Array.isArray(each) ? base : definition.element, definitions),
    );
  }
  if (definition?.kind === 'composite' && Object.getPrototypeOf(value) === Object.prototype) {
    const attributes = new Map(definition.attributes.map((attribute) => [attribute.name, attribute.typeOid]));
    const members = Object.entries(value).map(([name, member]: [string, unknown]) => {
      const attribute = attributes.get(name);
      return [
        name,
        attribute === undefined ? toJsonValue(member) : toTypedJson(member, attribute, definitions),
      ] as const;
    });
    return Object.fromEntries(members);
  }
  return toJsonValue(value, numberForm);
}

/** In a JSON document, −0 is an ordinary number, which `JSON.stringify` writes as 0. */
function toDocumentNumber(value: number): unknown {
  return Number.isFinite(value) ? value : toJsonNumber(value);
}

/** pg's parsers return ±Infinity for infinite dates. */
function toDateNumber(value: number): unknown {
  return Math.abs(value) === Infinity ? String(value).toLowerCase() : toJsonNumber(value);
}

function resolveDomain(typeOid: number, definitions: TypeDefinitions | undefined): number {
  const seen = new Set<number>();
  for (let oid = typeOid; ;) {
    const definition = getTypeDefinition(oid, definitions);
    if (definition?.kind !== 'domain' || seen.has(oid)) return oid;
    seen.add(oid);
    oid = definition.base;
  }
}

function getTypeDefinition(typeOid: number, definitions: TypeDefinitions | undefined): TypeDefinition | undefined {
  return BUILT_IN_DEFINITIONS.get(typeOid) ?? (isBuiltIn(typeOid) ? undefined : definitions?.(typeOid));
}
