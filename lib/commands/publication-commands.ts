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
  // Older servers send none, and know no word for it.
  const known = serverVersion >= 180000 ? parameters : { ...parameters, generatedColumns: undefined };
  yield* change(buildCreatePublication(name, scope, known));
}

export function* executeAlterPublication(
  name: string,
  action: 'ADD' | 'DROP' | 'SET',
  tables: readonly TableClause[],
  serverVersion: number,
): ProtocolRoutine<void> {
  requireClauses(tables, serverVersion);
  yield* change(buildAlterPublication(name, action, tables));
}

export function executeDropPublication(name: string): ProtocolRoutine<void> {
  return change(buildDropPublication(name));
}

function requireClauses(tables: readonly TableClause[], serverVersion: number): void {
  if (tables.some(({ columns }) => columns)) requireVersion(serverVersion, 150000, 'A list of columns');
  if (tables.some(({ where }) => where !== undefined)) requireVersion(serverVersion, 150000, 'A row filter');
}

function* change(sql: string): ProtocolRoutine<void> {
  try {
    yield* runQuery(sql);
  } catch (error) {
    throw error instanceof ServerError ? toPublicationError(error) : error;
  }
}

const MISSPELT = 'Name schemas, tables and columns as the catalog has them: capitals count.';
const FILTER =
  'Correct the row filter: a condition in SQL over the columns of its table; the manual says what it may hold.';
const ONCE = 'Name each table once, and each of its columns once.';
const KIND =
  'Name ordinary or partitioned tables: views, foreign, unlogged, temporary and system tables cannot be published.';
const PART =
  'Publish the table as a whole: parts need viaPartitionRoot: true where it is partitioned, and columns cannot be chosen beside schemas.';

const REMEDIES: ReadonlyMap<string, string> = new Map([
  ['0A000', FILTER],
  ['22023', KIND],
  ['22P02', FILTER],
  ['3F000', MISSPELT],
  [
    '42501',
    'The role has to own the tables, and to make a publication it needs CREATE on the database (GRANT CREATE ON DATABASE …); for all tables, or those of a schema, it has to be a superuser.',
  ],
  ['42601', FILTER],
  ['42703', MISSPELT],
  // A type, a collation: no command names any outside a filter.
  ['42704', FILTER],
  ['42710', ONCE],
  ['42803', FILTER],
  ['42804', FILTER],
  ['42883', FILTER],
  ['42P01', MISSPELT],
  ['42P10', 'Leave system columns out: they are never sent.'],
  ['55000', 'It publishes all tables, and no table can be added or dropped.'],
]);

/** Where one SQLSTATE stands for several mistakes. */
const REMEDIES_BY_ROUTINE: ReadonlyMap<string, string> = new Map([
  ['CheckPubRelationColumnList 22023', PART],
  ['TransformPubWhereClauses 22023', PART],
  ['PublicationDropTables 42704', 'The publication does not hold that table.'],
  [
    'publication_add_relation 42710',
    'The publication holds that table already; setTables changes what it sends of it.',
  ],
  ['errorMissingRTE 42P01', FILTER],
]);

/**
 * What is said of the publication itself. The same SQLSTATEs come for types and collations that a filter names, and for
 * what is named twice. Source: publicationcmds.c and get_publication_oid, whose names are the same from 14 to 18.
 */
const CODES: ReadonlyMap<string, ErrorCode> = new Map<string, ErrorCode>([
  ['CreatePublication 42710', 'PUBLICATION_EXISTS'],
  ['AlterPublication 42704', 'PUBLICATION_MISSING'],
  ['get_publication_oid 42704', 'PUBLICATION_MISSING'],
]);

/** What the server objects to, where no slot is spoken of. */
function toPublicationError(error: ServerError): ReplicationError {
  const { sqlState, server } = error;
  const place = `${server.routine ?? ''} ${sqlState}`;
  const code = CODES.get(place);
  if (code !== undefined) return error.recast(code, {});
  const remedy = REMEDIES_BY_ROUTINE.get(place) ?? REMEDIES.get(sqlState);
  if (remedy === undefined) return error;
  return error.recast(sqlState === '42501' ? 'PRIVILEGE_MISSING' : 'SERVER_ERROR', { remedy });
}
