import { ReplicationError } from '../../errors';
import { binaryText } from '../../pgoutput/binary/binary-text';
import type { TypeShape } from '../../pgoutput/type-shapes';
import { countOf, query, type Conversation } from '../../session/conversation';
import { lookUpPublishedTypes } from '../../session/type-lookup';
import { findingOf, type Finding } from './finding';
import { literals, named, namesQuery, tableName } from './scene';

/**
 * Whether the binary form of all published columns is known. What has none comes as text, but not as a part of something
 * else.
 *
 * @param lookUpTypes whether the stream would ask what types are made of
 */
export function* checkBinary(
  publications: readonly string[],
  version: number,
  lookUpTypes: boolean,
): Conversation<readonly Finding[]> {
  const columns = sentColumns(publications, version);
  const rows = yield* query(`SELECT DISTINCT atttypid AS type FROM ${columns}`);
  const shapes = lookUpTypes ? yield* lookUpPublishedTypes(publications, version) : new Map<number, TypeShape>();
  const types = rows.map((row) => countOf(row, 'type'));
  const unknown = types.filter((type) => binaryText(type, (part) => shapes.get(part)) === undefined);
  if (unknown.length === 0) return [];
  const name = `${tableName('schemaname', 'tablename')} || '.' || attname`;
  const sql = `SELECT DISTINCT ${name} AS name FROM ${columns} AND atttypid IN (${unknown.join(', ')})`;
  const what = `Binary values cannot be read of ${named(yield* query(namesQuery(sql)))}`;
  const remedy = `Ask for the stream without binary, ${lookUpTypes ? '' : 'or with lookUpTypes, '}or keep those columns out of the publication.`;
  return [findingOf(new ReplicationError('PROTOCOL_VIOLATION', what, { remedy }))];
}

/** The columns of published tables that are sent in binary. */
function sentColumns(publications: readonly string[], version: number): string {
  // Before 18 no generated column is sent.
  const listed = version >= 150_000 ? 'AND attname = ANY (attnames)' : '';
  const stored = version >= 180_000 ? '' : `AND attgenerated = ''`;
  return `pg_catalog.pg_publication_tables
    JOIN pg_catalog.pg_namespace AS n ON nspname = schemaname
    JOIN pg_catalog.pg_class AS c ON relnamespace = n.oid AND relname = tablename
    JOIN pg_catalog.pg_attribute ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped ${stored} ${listed}
    JOIN pg_catalog.pg_type AS t ON t.oid = atttypid AND typsend <> 0
    WHERE pubname IN (${literals(publications)})`;
}
