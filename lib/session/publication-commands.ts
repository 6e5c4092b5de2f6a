import { type ReplicationError, ServerError, type ErrorCode } from '../errors';
import {
  alterPublication as alter,
  createPublication as create,
  dropPublication as drop,
  type PublicationParameters,
  type PublicationScope,
  type TableClause,
} from '../wire/publication-sql';
import { query, type Conversation } from './conversation';
import { requireVersion } from './server-version';

/** @param serverVersion as in server_version_num */
export function* createPublication(
  name: string,
  scope: PublicationScope,
  parameters: PublicationParameters,
  serverVersion: number,
): Conversation<void> {
  if (scope.schemas.length > 0) requireVersion(serverVersion, 150000, 'A publication of schemas');
  requireClauses(scope.tables, serverVersion);
  const { generatedColumns } = parameters;
  const stored = generatedColumns === 'stored';
  if (stored) requireVersion(serverVersion, 180000, 'A publication of generated columns');
  // Older servers send none, and know no word for it.
  const known = serverVersion >= 180000 ? parameters : { ...parameters, generatedColumns: undefined };
  yield* change(create(name, scope, known), 'PUBLICATION_EXISTS');
}

export function* alterPublication(
  name: string,
  action: 'ADD' | 'DROP' | 'SET',
  tables: readonly TableClause[],
  serverVersion: number,
): Conversation<void> {
  requireClauses(tables, serverVersion);
  yield* change(alter(name, action, tables), 'SERVER_ERROR');
}

export function dropPublication(name: string): Conversation<void> {
  return change(drop(name), 'SERVER_ERROR');
}

function requireClauses(tables: readonly TableClause[], serverVersion: number): void {
  if (tables.some(({ columns }) => columns)) requireVersion(serverVersion, 150000, 'A list of columns');
  if (tables.some(({ where }) => where !== undefined)) requireVersion(serverVersion, 150000, 'A row filter');
}

/** @param exists what it means when the server says that something exists already */
function* change(sql: string, exists: ErrorCode): Conversation<void> {
  try {
    yield* query(sql);
  } catch (error) {
    throw error instanceof ServerError ? inTermsOfPublications(error, exists) : error;
  }
}

const MISSPELT = 'Name schemas, tables and columns as the catalog has them: capitals count.';
const FILTER = 'A row filter is a condition in SQL over the columns of its table; the manual says what it may hold.';
const REMEDIES: Readonly<Record<string, string>> = {
  '42P01': MISSPELT,
  '42703': MISSPELT,
  '3F000': MISSPELT,
  '42601': FILTER,
  '42804': FILTER,
  '0A000': FILTER,
  '42501': 'The role has to own the tables; for all tables, or those of a schema, it has to be a superuser.',
};

/** What SQLSTATEs mean where no slot is spoken of. */
function inTermsOfPublications(error: ServerError, exists: ErrorCode): ReplicationError {
  const { sqlState, server } = error;
  if (sqlState === '42710') return error.recast(exists, {});
  // The routine tells a missing publication from a table that is none of its.
  if (sqlState === '42704' && server.routine !== 'PublicationDropTables')
    return error.recast('PUBLICATION_MISSING', {});
  if (sqlState === '42704')
    return error.recast('SERVER_ERROR', { remedy: 'The publication does not hold that table.' });
  const remedy = REMEDIES[sqlState];
  if (remedy === undefined) return error;
  return error.recast(sqlState === '42501' ? 'PRIVILEGE_MISSING' : 'SERVER_ERROR', { remedy });
}
