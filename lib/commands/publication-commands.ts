import type { ErrorCode } from '../common/error-codes';
import { type ReplicationError, ServerError } from '../common/errors';
import {
  buildAlterPublication,
  buildCreatePublication,
  buildDropPublication,
  type PublicationParameters,
  type PublicationScope,
  type TableClause,
} from './publication-sql';
import { runQuery, type ProtocolRoutine } from './protocol-routine';
import { requireVersion } from './server-version';

/** @param serverVersion as in server_version_num */
export function* executeCreatePublication(
  name: string,
  scope: PublicationScope,
  parameters: PublicationParameters,
  serverVersion: number,
): ProtocolRoutine<void> {
  if (scope.schemas.length > 0) requireVersion(serverVersion, 150000, 'A publication of schemas');
  if (scope.exceptTables && scope.exceptTables.length > 0) {
    requireVersion(serverVersion, 190000, 'A publication of all tables except some');
  }
  requireClauses(scope.tables, serverVersion);
  const { generatedColumns } = parameters;
  const stored = generatedColumns === 'stored';
  if (stored) requireVersion(serverVersion, 180000, 'A publication of generated columns');
  // Older servers do not have the option, and never send generated columns.
  const supported = serverVersion >= 180000 ? parameters : { ...parameters, generatedColumns: undefined };
  yield* runPublicationCommand(buildCreatePublication(name, scope, supported));
}

export function* executeAlterPublication(
  name: string,
  action: 'ADD' | 'DROP' | 'SET',
  tables: readonly TableClause[],
  serverVersion: number,
): ProtocolRoutine<void> {
  requireClauses(tables, serverVersion);
  yield* runPublicationCommand(buildAlterPublication(name, action, tables));
}

export function executeDropPublication(name: string): ProtocolRoutine<void> {
  return runPublicationCommand(buildDropPublication(name));
}

function requireClauses(tables: readonly TableClause[], serverVersion: number): void {
  if (tables.some(({ columns }) => columns)) requireVersion(serverVersion, 150000, 'A list of columns');
  if (tables.some(({ where }) => where !== undefined)) requireVersion(serverVersion, 150000, 'A row filter');
}

function* runPublicationCommand(sql: string): ProtocolRoutine<void> {
  try {
    yield* runQuery(sql);
  } catch (error) {
    throw error instanceof ServerError ? toPublicationError(error) : error;
  }
}

const NAME_REMEDY = 'Name schemas, tables and columns as in the catalog: names are case-sensitive.';
const FILTER_REMEDY =
  'Correct the row filter: it is an SQL condition on columns of its table; see CREATE PUBLICATION for what it can contain.';
const DUPLICATE_REMEDY = 'Name each table once, and each of its columns once.';
const KIND_REMEDY =
  'Name ordinary or partitioned tables: views, foreign, unlogged, temporary and system tables cannot be published.';
const PART_REMEDY =
  'Publish the whole table: a column list or row filter needs viaPartitionRoot: true if the table is partitioned, and a column list cannot be combined with schemas.';

const REMEDIES: ReadonlyMap<string, string> = new Map([
  ['0A000', FILTER_REMEDY],
  ['22023', KIND_REMEDY],
  ['22P02', FILTER_REMEDY],
  ['3F000', NAME_REMEDY],
  [
    '42501',
    'The role must own the tables, and needs CREATE on the database to create a publication (GRANT CREATE ON DATABASE …); for all tables, or those of a schema, it must be a superuser.',
  ],
  ['42601', FILTER_REMEDY],
  ['42703', NAME_REMEDY],
  // A type or a collation: only a filter can contain one.
  ['42704', FILTER_REMEDY],
  ['42710', DUPLICATE_REMEDY],
  ['42803', FILTER_REMEDY],
  ['42804', FILTER_REMEDY],
  ['42883', FILTER_REMEDY],
  ['42P01', NAME_REMEDY],
  ['42P10', 'Leave system columns out: they are never sent.'],
  ['55000', 'The publication contains all tables, so no table can be added or dropped.'],
]);

/** The remedies for SQLSTATEs with several causes, by the server's routine. */
const REMEDIES_BY_ROUTINE: ReadonlyMap<string, string> = new Map([
  ['CheckPubRelationColumnList 22023', PART_REMEDY],
  ['TransformPubWhereClauses 22023', PART_REMEDY],
  ['PublicationDropTables 42704', 'The publication does not contain that table.'],
  [
    'publication_add_relation 42710',
    'The publication already contains that table; setTables changes its columns and its row filter.',
  ],
  ['errorMissingRTE 42P01', FILTER_REMEDY],
]);

/**
 * The codes for errors about the publication itself, by routine and SQLSTATE. The server uses the same SQLSTATEs for types and
 * collations in a filter, and for duplicate names. Source: publicationcmds.c and get_publication_oid; the routines have the same
 * names in all versions from 14 to 18.
 */
const CODES: ReadonlyMap<string, ErrorCode> = new Map<string, ErrorCode>([
  ['CreatePublication 42710', 'PUBLICATION_EXISTS'],
  ['AlterPublication 42704', 'PUBLICATION_MISSING'],
  ['get_publication_oid 42704', 'PUBLICATION_MISSING'],
]);

/** Converts an error of a publication command. */
function toPublicationError(error: ServerError): ReplicationError {
  const { sqlState, server } = error;
  const routineAndState = `${server.routine ?? ''} ${sqlState}`;
  const code = CODES.get(routineAndState);
  if (code !== undefined) return error.withCode(code, {});
  const remedy = REMEDIES_BY_ROUTINE.get(routineAndState) ?? REMEDIES.get(sqlState);
  if (remedy === undefined) return error;
  return error.withCode(sqlState === '42501' ? 'PRIVILEGE_MISSING' : 'SERVER_ERROR', { remedy });
}
