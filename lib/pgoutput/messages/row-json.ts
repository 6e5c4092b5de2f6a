import { toJsonNumber, toJsonValue } from '../../common/json';
import { BUILT_IN_DEFINITIONS } from '../types/built-in-types';
import { isBuiltIn } from '../values/shaped-values';
import type { Relation, Row } from './table';
import type { TypeDefinition, TypeDefinitions } from '../types/type-definitions';

/** By table: what its types are made of. Kept apart from the Relation messages, which hold what the server sent and no more. */
const DEFINITIONS = new WeakMap<Relation, TypeDefinitions>();
/** By table, once a row of it was asked for: the types of its columns. */
const COLUMN_TYPES = new WeakMap<Relation, ReadonlyMap<string, number>>();

/** `date`, `timestamp`, `timestamptz`. */
const DATES: readonly number[] = [1082, 1114, 1184];
/** `json`, `jsonb`. */
const DOCUMENTS: readonly number[] = [114, 3802];

/** @param definitions what the types are made of that are not built in */
export function describeForJson(relation: Relation, definitions: TypeDefinitions): void {
  DEFINITIONS.set(relation, definitions);
}

/**
 * A row for `JSON.stringify`. What JSON has no number for is text, as PostgreSQL's `to_json` writes it: `NaN`, `Infinity`, `-0`,
 * and `infinity` where it is that of a date or timestamp, also in arrays, composites and domains.
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
  // Most values need no look at their type; and a type must not be asked for of which no value was read.
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

/** In a document −0 is a number like others, which `JSON.stringify` writes as 0. */
function toDocumentNumber(value: number): unknown {
  return Number.isFinite(value) ? value : toJsonNumber(value);
}

/** pg's parsers make infinite numbers of infinite dates. */
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
