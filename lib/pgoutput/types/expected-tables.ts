import { ConfigError, ReplicationError } from '../../common/errors';
import { isRecord, findNearest, formatValue } from '../../common/options';
import {
  type Column,
  parseName,
  parseTableName,
  formatQualifiedName,
  type QualifiedName,
  type Relation,
  TABLE_NAME_EXPECTED,
  tableName,
} from '../messages/table';
import { TYPE_NAMES, findTypeName, findTypeOid } from './type-names';

/**
 * What columns some tables are expected to have: by table (`users` in schema public, `billing.invoices` elsewhere, as in
 * {@link Relation.table}) the columns that matter, each with its type.
 *
 * A type is named as pg_type or SQL has it: `int8` or `bigint`, `timestamptz` or `timestamp with time zone`, `text[]`; without a
 * length or precision, which is not compared. A type that is not built in is named with its schema, as in `public.mood`, letter
 * by letter as in pg_type, quoted where it has a dot or a quotation mark in it; or a type's OID is given. A domain counts as the type that it is a domain of: that is how its values
 * are read.
 *
 * Columns that are not named may come and go: whoever reads by name never misses them, and adding one is the migration that
 * should stop nobody. Tables that are not named are not looked at, and a table that never comes up is no error.
 *
 * @example
 * const expectTables: ExpectedTables = {
 *   users: { id: 'bigint', email: 'text', tags: 'text[]' },
 *   'billing.invoices': { total: 'numeric', state: 'public.invoice_state' },
 * };
 */
export type ExpectedTables = Readonly<Record<string, Readonly<Record<string, string | number>>>>;

/**
 * Looks at a table as it is now.
 *
 * @param baseOf the built-in type under a domain; every other type's own OID
 * @param nameOf what the last Type message called a type, as {@link formatQualifiedName} writes it: `public.mood`. Of a domain it has
 * the base's name
 * @throws {ReplicationError} `SCHEMA_DRIFT` with all differences
 */
export type TableCheck = (
  relation: Relation,
  baseOf: (oid: number) => number,
  nameOf: (oid: number) => string | undefined,
) => void;

/** One type, and how to tell it. */
interface ExpectedType {
  readonly shown: string;
  readonly fits: (found: FoundType) => boolean;
}

interface FoundType {
  readonly oid: number;
  readonly base: number;
  readonly name: string | undefined;
}

/** @throws {ConfigError} naming the first column whose type cannot be meant */
export function readExpectedTables(option: unknown): TableCheck {
  const tables = new Map<string, ReadonlyMap<string, ExpectedType>>();
  for (const [table, columns] of Object.entries(readRecord('expectTables', option))) {
    const path = `expectTables.${table}`;
    const types = Object.entries(readRecord(path, columns)).map(
      ([column, type]) => [column, readExpectedType(`${path}.${column}`, type)] as const,
    );
    const parsed = parseTableName(table);
    if (!parsed) throw new ConfigError(path, TABLE_NAME_EXPECTED);
    // Tables of schema public go by their bare name, and a name may be quoted without need.
    const canonical = tableName(parsed.schema, parsed.name);
    if (tables.has(canonical)) throw new ConfigError(path, `is ${canonical}, which is there already`);
    tables.set(canonical, new Map(types));
  }

  return (relation, baseOf, nameOf) => {
    const expected = tables.get(relation.table);
    if (!expected) return;
    const columns = new Map(relation.columns.map((column) => [column.name, column]));
    const foundOf = ({ typeOid }: Column): FoundType => ({
      oid: typeOid,
      base: baseOf(typeOid),
      name: nameOf(typeOid),
    });
    const differences = [...expected].flatMap(([name, type]) => {
      const column = columns.get(name);
      if (!column) return [`column ${name} is missing`];
      const found = foundOf(column);
      return type.fits(found) ? [] : [`column ${name} is ${describe(found)}, expected ${type.shown}`];
    });
    if (differences.length > 0) {
      throw new ReplicationError(
        'SCHEMA_DRIFT',
        `Table ${relation.table} is not as expectTables says: ${differences.join('; ')}`,
      );
    }
  };
}

function readRecord(path: string, value: unknown): Readonly<Record<string, unknown>> {
  if (isRecord(value)) return value;
  const example = path === 'expectTables' ? "{ users: { id: 'int8' } }" : "{ id: 'int8' }";
  throw new ConfigError(path, `expected an object, as in ${example}, got ${formatValue(value)}`);
}

function readExpectedType(path: string, type: unknown): ExpectedType {
  if (typeof type === 'number') {
    if (!Number.isInteger(type) || type < 1 || type > 0xffff_ffff)
      throw new ConfigError(path, `${type} is no type's OID`);
    return {
      shown: findTypeName(type) ?? `the type with OID ${type}`,
      fits: ({ oid, base }) => oid === type || base === type,
    };
  }
  if (typeof type !== 'string') {
    throw new ConfigError(path, `expected the name of a type, as in 'int8', or its OID, got ${formatValue(type)}`);
  }
  const oid = findTypeOid(type);
  if (oid !== undefined) return { shown: findTypeName(oid) ?? type, fits: ({ base }) => base === oid };
  const bare = type.replace(/("(?:[^"]|"")*")|\s*\([^()]*\)/g, '$1');
  if (bare !== type)
    throw new ConfigError(path, `lengths and precisions are not compared; write ${JSON.stringify(bare)}`);
  const named = readNamedType(type);
  if (named) {
    const expected = formatQualifiedName(named.schema, named.name);
    return { shown: type, fits: ({ name }) => name === expected };
  }
  throw new ConfigError(path, notAType(type));
}

/**
 * A type with its schema. Built-in types have no Type message, so that their names are not known beside those in the list.
 */
function readNamedType(type: string): QualifiedName | undefined {
  const element = type.replace(/(?: ?\[\d*\])+$/, '');
  const { schema, name } = parseName(element) ?? {};
  if (schema === undefined || name === undefined || /^pg_catalog$/i.test(schema)) return undefined;
  return { schema, name: element === type ? name : formatArrayName(name) };
}

/** What pg_type calls the array of a type, where no other type has that name already. Source: `makeArrayTypeName`. */
function formatArrayName(name: string): string {
  let array = `_${name}`;
  while (Buffer.byteLength(array) > LONGEST_NAME) array = array.slice(0, -1);
  return array;
}

/** In bytes. */
const LONGEST_NAME = 63;

function notAType(type: string): string {
  const meant = findNearest(type, TYPE_NAMES);
  return `${JSON.stringify(type)} is no built-in type${meant === undefined ? '.' : `; did you mean ${meant}?`} Name others with their schema, as in 'public.mood', or give the type's OID`;
}

function describe({ oid, base, name }: FoundType): string {
  const known = findTypeName(base) ?? name ?? `of the type with OID ${oid}`;
  return base === oid ? known : `a domain over ${known}`;
}
