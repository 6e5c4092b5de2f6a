import { isRecord, OptionReader, formatValue } from '../../common/option-reader';
import { parseTableName, TABLE_NAME_EXPECTED } from '../../pgoutput/messages/table';
import type { TableClause } from '../../commands/publication-sql';

/**
 * The name of a table. Text has the form of `table` in messages: `users` is in schema public, `billing.invoices` in schema
 * billing. Quote a part that contains a dot or a quotation mark, for example `billing."a.b"`; do not quote the parts of an
 * object. Names are case-sensitive, as in the catalog.
 */
export type TableName = string | { readonly schema?: string | undefined; readonly name: string };

/** A table of a publication, with a column list or a row filter. */
export interface PublicationTable {
  readonly table: TableName;
  /** The columns to publish. Include the replica identity if updates or deletes are published. Needs PostgreSQL 15. */
  readonly columns?: readonly string[] | undefined;
  /**
   * The row filter, a condition in SQL: `total > 100`. The library inserts it into the command unchanged: never build it from
   * untrusted input. If updates or deletes are published, use only columns of the replica identity. Needs PostgreSQL 15.
   */
  readonly where?: string | undefined;
}

/** Checks a name's length, because the server truncates longer names. */
function requireIdentifier(options: OptionReader, option: string, name: string | undefined): string {
  if (!name) throw options.error(option, 'missing; set the name as in the catalog');
  if (Buffer.byteLength(name) > 63) throw options.error(option, 'must have at most 63 bytes');
  return name;
}

/** Reads the option `name`, the name of a publication. */
export function readPublicationName(options: OptionReader): string {
  return requireIdentifier(options, 'name', options.text('name'));
}

/** Reads a list of names. */
export function readIdentifiers(options: OptionReader, option: string): readonly string[] | undefined {
  return options.names(option)?.map((name) => requireIdentifier(options, option, name));
}

/** Reads a list of tables. */
export function readTableClauses(options: OptionReader, option: string): readonly TableClause[] | undefined {
  const value = options.get(option);
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || value.length === 0) {
    throw options.error(option, `expected a list with at least one table, got ${formatValue(value)}`);
  }
  return value.map((item: unknown, index) => readTableClause(options, `${option}[${index}]`, item));
}

function readTableClause(options: OptionReader, option: string, value: unknown): TableClause {
  if (!isRecord(value) || !('table' in value)) {
    return { ...readTableName(options, option, value), columns: undefined, where: undefined };
  }
  const part = new OptionReader(option, value, ['table', 'columns', 'where']);
  const where = part.text('where');
  if (where?.trim() === '') throw part.error('where', 'expected a condition in SQL, got empty text');
  return {
    ...readTableName(options, `${option}.table`, part.get('table')),
    columns: readIdentifiers(part, 'columns'),
    where,
  };
}

function readTableName(
  options: OptionReader,
  option: string,
  value: unknown,
): { readonly schema: string; readonly name: string } {
  if (typeof value === 'string') {
    if (value === '') throw options.error(option, 'missing; set the name as in the catalog');
    const parsed = parseTableName(value);
    if (!parsed) throw options.error(option, `${TABLE_NAME_EXPECTED}, or in { schema, name }`);
    return {
      schema: requireIdentifier(options, option, parsed.schema),
      name: requireIdentifier(options, option, parsed.name),
    };
  }
  if (!isRecord(value)) {
    throw options.error(option, `expected 'table', 'schema.table' or { schema, name }, got ${formatValue(value)}`);
  }
  const parts = new OptionReader(option, value, ['schema', 'name']);
  return {
    schema: requireIdentifier(parts, 'schema', parts.text('schema') ?? 'public'),
    name: requireIdentifier(parts, 'name', parts.text('name')),
  };
}

/** @throws {ConfigError} if a table has a column list or a row filter */
export function requireWholeTables(options: OptionReader, option: string, tables: readonly TableClause[]): void {
  if (tables.some(({ columns, where }) => columns ?? where)) {
    throw options.error(option, 'must not contain columns or where; remove them');
  }
}
