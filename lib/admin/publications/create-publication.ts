import { map, type Observable } from 'rxjs';
import { resolveConnection, type ServerConfig } from '../../config/connection';
import type { Options } from '../../common/options';
import { executeCreatePublication as create } from '../../commands/publication-commands';
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

/** Which publication to make, and on which server. One of `tables`, `schemas` and `allTables` has to be given. */
export interface CreatePublicationConfig extends ServerConfig {
  /** The publication's name, as `publications` of a stream takes it. */
  readonly name: string;
  /** The tables to publish: their names, or parts of them. */
  readonly tables?: readonly (TableName | PublicationTable)[] | undefined;
  /** Publishes all tables of these schemas, also those that are made later. Needs PostgreSQL 15 and a superuser. */
  readonly schemas?: readonly string[] | undefined;
  /** Publishes all tables of the database, also those that are made later. Needs a superuser. Default false. */
  readonly allTables?: boolean | undefined;
  /**
   * With `allTables`: the tables that are not published (`FOR ALL TABLES EXCEPT`). A table that others inherit from is left
   * out with those, and a partitioned table with all its partitions; a single partition cannot be named. Needs PostgreSQL
   * 19.
   */
  readonly exceptTables?: readonly TableName[] | undefined;
  /** What to send. Default: inserts, updates, deletes and truncates. */
  readonly operations?: readonly PublicationOperation[] | undefined;
  /** Whether changes of partitions are sent as changes of the partitioned table. Default false. */
  readonly viaPartitionRoot?: boolean | undefined;
  /** Whether stored generated columns are sent where no list of columns says so. Needs PostgreSQL 18. Default `none`. */
  readonly generatedColumns?: 'none' | 'stored' | undefined;
}

/**
 * Makes a publication in the connection's database. The role has to own the tables, and to have the right to create in
 * the database; like all roles that connect here, it needs the attribute REPLICATION.
 *
 * Make it before the slot: decoding looks at the catalog as it was at each change.
 *
 * @returns a cold observable that emits the publication's name and completes; errors `PUBLICATION_EXISTS`,
 * `PRIVILEGE_MISSING`, `UNSUPPORTED` where the server is too old for what is asked, `SERVER_ERROR` for what it objects to
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
    create(name, scope, parameters, server.version),
  ).pipe(map(() => name));
}

function readScope(options: Options): PublicationScope {
  const allTables = options.flag('allTables', false);
  const tables = readTableClauses(options, 'tables');
  const schemas = readIdentifiers(options, 'schemas');
  const exceptTables = readTableClauses(options, 'exceptTables');
  if (allTables && (tables || schemas)) {
    throw options.error('allTables', 'cannot stand beside tables or schemas: it has them all, whole');
  }
  if (!allTables && !tables && !schemas) {
    throw options.error('tables', 'missing; name tables or schemas, or say allTables: true');
  }
  if (exceptTables && !allTables) {
    throw options.error('exceptTables', 'is for a publication of all tables; add allTables: true, or leave it out');
  }
  if (exceptTables) requireWholeTables(options, 'exceptTables', exceptTables);
  return { allTables, exceptTables: exceptTables ?? [], tables: tables ?? [], schemas: schemas ?? [] };
}

function readOperations(options: Options): readonly string[] | undefined {
  const operations = options.names('operations');
  const unknown = operations?.find((one) => !PUBLICATION_OPERATIONS.some((operation) => operation === one));
  if (unknown === undefined) return operations;
  throw options.error(
    'operations',
    `${JSON.stringify(unknown)} is none; there are ${PUBLICATION_OPERATIONS.join(', ')}`,
  );
}
