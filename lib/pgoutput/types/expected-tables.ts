import { ConfigError, ReplicationError } from '../../common/errors';
import { isRecord, findNearest, formatValue } from '../../common/option-reader';
import {
  type Column,
  parseName,
  parseTableName,
  formatQualifiedName,
  type QualifiedName,
  type Relation,
  TABLE_NAME_EXPECTED,
  formatTableName,
} from '../messages/table';
import { TYPE_NAMES, findTypeName, findTypeOid } from './type-names';

/**
 * The expected columns and their types, by table: `users` in schema public, `billing.invoices` in others, as in
 * {@link Relation.table}.
 *
 * Name a type as in `pg_type` or SQL, without length or precision, which are not compared: `int8` or `bigint`, `timestamptz` or
 * `timestamp with time zone`, `text[]`. Qualify a type that is not built in, exactly as in `pg_type`: `public.mood`; quote names
 * that contain a dot or a quotation mark. Or give the OID of the type. A domain matches its base type, as which its values are
 * read.
 *
 * Columns that are not named can be added and dropped. Tables that are not named are not checked, and a named table that does
 * not occur in the stream is not an error.
 *
 * @example
 * const expectTables: ExpectedTables = {
 *   users: { id: 'bigint', email: 'text', tags: 'text[]' },
 *   'billing.invoices': { total: 'numeric', state: 'public.invoice_state' },
 * };
 */
export type ExpectedTables = Readonly<Record<string, Readonly<Record<string, string | number>>>>;

/**
 * Checks the current definition of a table.
 *
 * @param baseOf returns the built-in base type of a domain; for other types, the same OID
 * @param nameOf returns the name of a type from the last Type message, qualified: `public.mood`; for a domain, that of its base
 * @throws {ReplicationError} `SCHEMA_DRIFT` with all differences
 */
export type TableCheck = (
  relation: Relation,
  baseOf: (oid: number) => number,
  nameOf: (oid: number) => string | undefined,
) => void;

/** An expected type, and the check for it. */
interface ExpectedType {
  readonly shown: string;
  readonly fits: (found: FoundType) => boolean;
}

interface FoundType {
  readonly oid: number;
  readonly base: number;
  readonly name: string | undefined;
}

/** @throws {ConfigError} `CONFIG_INVALID`, with the first invalid table or column */
export function readExpectedTables(option: unknown): TableCheck {
  const tables = new Map<string, ReadonlyMap<string, ExpectedType>>();
  for (const [table, columns] of Object.entries(readRecord('expectTables', option))) {
    const path = `expectTables.${table}`;
    const types = Object.entries(readRecord(path, columns)).map(
      ([column, type]) => [column, readExpectedType(`${path}.${column}`, type)] as const,
    );
    const parsed = parseTableName(table);
    if (!parsed) throw new ConfigError(path, TABLE_NAME_EXPECTED);
    // The user can qualify tables of schema public, and quote names unnecessarily.
    const canonical = formatTableName(parsed.schema, parsed.name);
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
    if (!Number.isInteger(type) || type < 1 || type > 0xffff_ffff) throw new ConfigError(path, `${type} is not an OID`);
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
  throw new ConfigError(path, createTypeError(type));
}

/**
 * Parses a qualified type name. Names in pg_catalog are excluded, because the server sends no Type message for built-in types.
 */
function readNamedType(type: string): QualifiedName | undefined {
  const element = type.replace(/(?: ?\[\d*\])+$/, '');
  const { schema, name } = parseName(element) ?? {};
  if (schema === undefined || name === undefined || /^pg_catalog$/i.test(schema)) return undefined;
  return { schema, name: element === type ? name : formatArrayName(name) };
}

/** Returns the default name of an array type in `pg_type`. Source: `makeArrayTypeName`. */
function formatArrayName(name: string): string {
  let array = `_${name}`;
  while (Buffer.byteLength(array) > MAX_NAME_BYTES) array = array.slice(0, -1);
  return array;
}

/** The maximum length of a name, in bytes (`NAMEDATALEN` - 1). */
const MAX_NAME_BYTES = 63;

function createTypeError(type: string): string {
  const meant = findNearest(type, TYPE_NAMES);
  return `unknown built-in type ${JSON.stringify(type)}${meant === undefined ? '.' : `; did you mean ${meant}?`} Name others with their schema, as in 'public.mood', or give the type's OID`;
}

function describe({ oid, base, name }: FoundType): string {
  const known = findTypeName(base) ?? name ?? `of the type with OID ${oid}`;
  return base === oid ? known : `a domain over ${known}`;
}
