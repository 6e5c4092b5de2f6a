import { isRecord, Options, formatValue } from '../../common/options';
import { parseTableName, TABLE_NAME_EXPECTED } from '../../pgoutput/messages/table';
import type { TableClause } from '../../commands/publication-sql';

/**
 * The name of a table. Text is as `table` in messages: `users` is in schema public, and what stands before the dot names
 * another schema, as in `billing.invoices`. A schema or name with a dot or a quotation mark in it is quoted, as in
 * `billing."a.b"`; in an object nothing is. Names are as in the catalog: capitals count.
 */
export type TableName = string | { readonly schema?: string | undefined; readonly name: string };

/** A table of a publication, or a part of it. */
export interface PublicationTable {
  readonly table: TableName;
  /** The columns to send, among them those of the replica identity if updates or deletes are sent. Needs PostgreSQL 15. */
  readonly columns?: readonly string[] | undefined;
  /**
   * The rows to send, as a condition in SQL: `total > 100`. It becomes part of a command as it is: never make it of what a
   * user has typed. If updates or deletes are sent, it may name columns of the replica identity only. Needs PostgreSQL 15.
   */
  readonly where?: string | undefined;
}

/** A name as the catalog has it. The server would cut a longer one off. */
function checkIdentifier(options: Options, option: string, name: string | undefined): string {
  if (!name) throw options.error(option, 'missing; give the name as the catalog has it');
  if (Buffer.byteLength(name) > 63) throw options.error(option, 'a name has at most 63 bytes');
  return name;
}

/** The option `name`, which is a publication's. */
export function readPublicationName(options: Options): string {
  return checkIdentifier(options, 'name', options.text('name'));
}

/** A list of names, each as the catalog has it. */
export function readIdentifiers(options: Options, option: string): readonly string[] | undefined {
  return options.names(option)?.map((name) => checkIdentifier(options, option, name));
}

/** A list of tables, or of parts of them. */
export function readTableClauses(options: Options, option: string): readonly TableClause[] | undefined {
  const value = options.get(option);
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || value.length === 0) {
    throw options.error(option, `expected a list with at least one table, got ${formatValue(value)}`);
  }
  return value.map((item: unknown, index) => readTableClause(options, `${option}[${index}]`, item));
}

function readTableClause(options: Options, option: string, value: unknown): TableClause {
  if (!isRecord(value) || !('table' in value)) {
    return { ...readTableName(options, option, value), columns: undefined, where: undefined };
  }
  const part = new Options(option, value, ['table', 'columns', 'where']);
  const where = part.text('where');
  if (where?.trim() === '') throw part.error('where', 'expected a condition in SQL, got empty text');
  return {
    ...readTableName(options, `${option}.table`, part.get('table')),
    columns: readIdentifiers(part, 'columns'),
    where,
  };
}

function readTableName(
  options: Options,
  option: string,
  value: unknown,
): { readonly schema: string; readonly name: string } {
  if (typeof value === 'string') {
    if (value === '') throw options.error(option, 'missing; give the name as the catalog has it');
    const parsed = parseTableName(value);
    if (!parsed) throw options.error(option, `${TABLE_NAME_EXPECTED}, or in { schema, name }`);
    return {
      schema: checkIdentifier(options, option, parsed.schema),
      name: checkIdentifier(options, option, parsed.name),
    };
  }
  if (!isRecord(value)) {
    throw options.error(option, `expected 'table', 'schema.table' or { schema, name }, got ${formatValue(value)}`);
  }
  const parts = new Options(option, value, ['schema', 'name']);
  return {
    schema: checkIdentifier(parts, 'schema', parts.text('schema') ?? 'public'),
    name: checkIdentifier(parts, 'name', parts.text('name')),
  };
}

/** @throws {ConfigError} where columns or rows are chosen of a table that counts as a whole */
export function requireWholeTables(options: Options, option: string, tables: readonly TableClause[]): void {
  if (tables.some(({ columns, where }) => columns ?? where)) {
    throw options.error(option, 'takes tables as a whole; leave columns and where out');
  }
}
