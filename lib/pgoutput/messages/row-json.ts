import { jsonNumber, jsonValue } from '../../common/json';
import { BUILT_IN_SHAPES } from '../types/built-in-types';
import { isBuiltIn } from '../values/shaped-values';
import type { Relation, Row } from './table';
import type { TypeShape, TypeShapes } from '../types/type-shapes';

/** By table: what its types are made of. Kept apart from the Relation messages, which hold what the server sent and no more. */
const SHAPES = new WeakMap<Relation, TypeShapes>();
/** By table, once a row of it was asked for: the types of its columns. */
const COLUMN_TYPES = new WeakMap<Relation, ReadonlyMap<string, number>>();

/** `date`, `timestamp`, `timestamptz`. */
const DATES: readonly number[] = [1082, 1114, 1184];
/** `json`, `jsonb`. */
const DOCUMENTS: readonly number[] = [114, 3802];

/** @param shapes what the types are made of that are not built in */
export function describeForJson(relation: Relation, shapes: TypeShapes): void {
  SHAPES.set(relation, shapes);
}

/**
 * A row for `JSON.stringify`. What JSON has no number for is text, as PostgreSQL's `to_json` writes it: `NaN`, `Infinity`, `-0`,
 * and `infinity` where it is that of a date or timestamp, also in arrays, composites and domains.
 */
export function rowJson(relation: Relation, row: Row): Row {
  const shapes = SHAPES.get(relation);
  const columnTypes = columnTypesOf(relation);
  const entries = Object.entries(row).map(([name, value]) => {
    const typeOid = columnTypes.get(name);
    return [name, typeOid === undefined ? jsonValue(value) : typedJson(value, typeOid, shapes)] as const;
  });
  return Object.fromEntries(entries);
}

function columnTypesOf(relation: Relation): ReadonlyMap<string, number> {
  const known = COLUMN_TYPES.get(relation);
  if (known) return known;
  const types = new Map(relation.columns.map(({ name, typeOid }) => [name, typeOid]));
  COLUMN_TYPES.set(relation, types);
  return types;
}

function typedJson(value: unknown, typeOid: number, shapes: TypeShapes | undefined): unknown {
  // Most values need no look at their type; and a type must not be asked for of which no value was read.
  if (value === null || (typeof value !== 'object' && (typeof value !== 'number' || jsonNumber(value) === value))) {
    return jsonValue(value);
  }
  const base = withoutDomains(typeOid, shapes);
  const numberForm = DOCUMENTS.includes(base) ? documentNumber : DATES.includes(base) ? dateNumber : jsonNumber;
  const shape = shapeOf(base, shapes);
  if (shape?.kind === 'array' && Array.isArray(value)) {
    return value.map((each: unknown) => typedJson(each, Array.isArray(each) ? base : shape.element, shapes));
  }
  if (shape?.kind === 'composite' && Object.getPrototypeOf(value) === Object.prototype) {
    const attributes = new Map(shape.attributes.map((attribute) => [attribute.name, attribute.typeOid]));
    const members = Object.entries(value).map(([name, member]: [string, unknown]) => {
      const attribute = attributes.get(name);
      return [name, attribute === undefined ? jsonValue(member) : typedJson(member, attribute, shapes)] as const;
    });
    return Object.fromEntries(members);
  }
  return jsonValue(value, numberForm);
}

/** In a document −0 is a number like others, which `JSON.stringify` writes as 0. */
function documentNumber(value: number): unknown {
  return Number.isFinite(value) ? value : jsonNumber(value);
}

/** pg's parsers make infinite numbers of infinite dates. */
function dateNumber(value: number): unknown {
  return Math.abs(value) === Infinity ? String(value).toLowerCase() : jsonNumber(value);
}

function withoutDomains(typeOid: number, shapes: TypeShapes | undefined): number {
  const seen = new Set<number>();
  for (let oid = typeOid; ;) {
    const shape = shapeOf(oid, shapes);
    if (shape?.kind !== 'domain' || seen.has(oid)) return oid;
    seen.add(oid);
    oid = shape.base;
  }
}

function shapeOf(typeOid: number, shapes: TypeShapes | undefined): TypeShape | undefined {
  return BUILT_IN_SHAPES.get(typeOid) ?? (isBuiltIn(typeOid) ? undefined : shapes?.(typeOid));
}
