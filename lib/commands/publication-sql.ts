import { requireNoNul } from '../wire/frontend';
import { quoteIdentifier } from './sql';

/** A table of a publication, as CREATE PUBLICATION takes it. */
export interface TableClause {
  readonly schema: string;
  readonly name: string;
  /** The columns to send; undefined for all. From 15 on. */
  readonly columns: readonly string[] | undefined;
  /** The row filter, which is SQL. From 15 on. */
  readonly where: string | undefined;
}

/** The tables that a publication contains. */
export interface PublicationScope {
  readonly allTables: boolean;
  /** The tables that `allTables` excludes. From 19 on. */
  readonly exceptTables?: readonly TableClause[];
  readonly tables: readonly TableClause[];
  /** From 15 on. */
  readonly schemas: readonly string[];
}

/** The parameters of a publication. For an undefined one the server's default applies. */
export interface PublicationParameters {
  readonly operations: readonly string[] | undefined;
  readonly viaPartitionRoot: boolean | undefined;
  /** From 18 on. */
  readonly generatedColumns: string | undefined;
}

export function buildCreatePublication(
  name: string,
  scope: PublicationScope,
  parameters: PublicationParameters,
): string {
  const { operations, viaPartitionRoot, generatedColumns } = parameters;
  const options = [
    ...(operations === undefined ? [] : [`publish = '${operations.join(', ')}'`]),
    ...(viaPartitionRoot === undefined ? [] : [`publish_via_partition_root = ${viaPartitionRoot}`]),
    ...(generatedColumns === undefined ? [] : [`publish_generated_columns = ${generatedColumns}`]),
  ];
  const how = options.length === 0 ? '' : ` WITH (${options.join(', ')})`;
  return `CREATE PUBLICATION ${quoteIdentifier(name)} FOR ${buildScope(scope)}${how}`;
}

export function buildAlterPublication(
  name: string,
  action: 'ADD' | 'DROP' | 'SET',
  tables: readonly TableClause[],
): string {
  return `ALTER PUBLICATION ${quoteIdentifier(name)} ${action} TABLE ${tables.map(buildTableClause).join(', ')}`;
}

export function buildDropPublication(name: string): string {
  return `DROP PUBLICATION ${quoteIdentifier(name)}`;
}

function buildScope({ allTables, exceptTables = [], tables, schemas }: PublicationScope): string {
  if (allTables) {
    const except = exceptTables.length === 0 ? '' : ` EXCEPT (TABLE ${exceptTables.map(buildTableClause).join(', ')})`;
    return `ALL TABLES${except}`;
  }
  return [
    ...(tables.length === 0 ? [] : [`TABLE ${tables.map(buildTableClause).join(', ')}`]),
    ...(schemas.length === 0 ? [] : [`TABLES IN SCHEMA ${schemas.map(quoteIdentifier).join(', ')}`]),
  ].join(', ');
}

function buildTableClause({ schema, name, columns, where }: TableClause): string {
  const list = columns ? ` (${columns.map(quoteIdentifier).join(', ')})` : '';
  // On a line of its own, so that a comment at the end of the filter does not swallow the parenthesis.
  const filter = where === undefined ? '' : ` WHERE (${requireNoNul(where, 'where')}\n)`;
  return `${quoteIdentifier(schema)}.${quoteIdentifier(name)}${list}${filter}`;
}
