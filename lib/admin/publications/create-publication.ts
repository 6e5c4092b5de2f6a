import { map, type Observable } from 'rxjs';
import { resolveConnection } from '../../config/resolve-connection';
import type { ServerConfig } from '../../config/connection-options';
import type { OptionReader } from '../../common/option-reader';
import { executeCreatePublication } from '../../commands/publication-commands';
import { PUBLICATION_OPERATIONS, type PublicationOperation } from '../../commands/publication-status';
import type { PublicationScope } from '../../commands/publication-sql';
import { runManagementCommand, readCommandOptions } from '../../connection/management-command';
import {
  readIdentifiers,
  readPublicationName,
  requireWholeTables,
  readTableClauses,
  type TableName,
  type PublicationTable,
} from './publication-options';

/** Options of {@link createPublication}. At least one of `tables`, `schemas` and `allTables` is required. */
export interface CreatePublicationConfig extends ServerConfig {
  /** The publication's name, case-sensitive, at most 63 bytes. */
  readonly name: string;
  /** The tables to publish: names, or tables with a column list or row filter. */
  readonly tables?: readonly (TableName | PublicationTable)[] | undefined;
  /** Publishes all present and future tables of these schemas. Needs PostgreSQL 15 and a superuser. */
  readonly schemas?: readonly string[] | undefined;
  /** Publishes all present and future tables of the database. Needs a superuser. Default false. */
  readonly allTables?: boolean | undefined;
  /**
   * With `allTables`: the tables to exclude (`FOR ALL TABLES EXCEPT`). Excluding a table also excludes the tables that inherit
   * from it, or its partitions; a single partition cannot be excluded. Needs PostgreSQL 19.
   */
  readonly exceptTables?: readonly TableName[] | undefined;
  /** The operations to publish. Default: insert, update, delete and truncate. */
  readonly operations?: readonly PublicationOperation[] | undefined;
  /** Whether changes of a partition are published as changes of the partitioned table. Default false. */
  readonly viaPartitionRoot?: boolean | undefined;
  /** Whether stored generated columns of tables without a column list are published. Needs PostgreSQL 18. Default `none`. */
  readonly generatedColumns?: 'none' | 'stored' | undefined;
}

/**
 * Creates a publication in the connection's database. The role must own the tables, have the privilege CREATE on the database,
 * and have the attribute REPLICATION.
 *
 * Create the publication before the slot: the server decodes each change with the catalog of that time.
 *
 * @returns a cold observable that emits the publication's name and completes; errors `PUBLICATION_EXISTS`,
 * `PRIVILEGE_MISSING`, `UNSUPPORTED` if the server is too old for an option, `SERVER_ERROR` if it rejects the command
 * @example
 * const tables = ['customers', { table: 'billing.invoices', columns: ['id', 'total'], where: 'total > 0' }];
 * await firstValueFrom(createPublication({ connection: process.env.DATABASE_URL, name: 'orders_pub', tables }));
 */
export function createPublication(config: CreatePublicationConfig): Observable<string> {
  const options = readCommandOptions(config, [
    'name',
    'tables',
    'schemas',
    'allTables',
    'exceptTables',
    'operations',
    'viaPartitionRoot',
    'generatedColumns',
  ]);
  const name = readPublicationName(options);
  const scope = readScope(options);
  const parameters = {
    operations: readOperations(options),
    viaPartitionRoot: options.optionalFlag('viaPartitionRoot'),
    generatedColumns: options.oneOf('generatedColumns', ['none', 'stored']),
  };
  return runManagementCommand(resolveConnection(options), (server) =>
    executeCreatePublication(name, scope, parameters, server.version),
  ).pipe(map(() => name));
}

function readScope(options: OptionReader): PublicationScope {
  const allTables = options.flag('allTables', false);
  const tables = readTableClauses(options, 'tables');
  const schemas = readIdentifiers(options, 'schemas');
  const exceptTables = readTableClauses(options, 'exceptTables');
  if (allTables && (tables || schemas)) {
    throw options.error('allTables', 'cannot be combined with tables or schemas, which it includes');
  }
  if (!allTables && !tables && !schemas) {
    throw options.error('tables', 'missing; set tables, schemas or allTables: true');
  }
  if (exceptTables && !allTables) {
    throw options.error('exceptTables', 'requires allTables: true');
  }
  if (exceptTables) requireWholeTables(options, 'exceptTables', exceptTables);
  return { allTables, exceptTables: exceptTables ?? [], tables: tables ?? [], schemas: schemas ?? [] };
}

function readOperations(options: OptionReader): readonly string[] | undefined {
  const operations = options.names('operations');
  const unknown = operations?.find((one) => !PUBLICATION_OPERATIONS.some((operation) => operation === one));
  if (unknown === undefined) return operations;
  throw options.error(
    'operations',
    `unknown operation ${JSON.stringify(unknown)}; use ${PUBLICATION_OPERATIONS.join(', ')}`,
  );
}
