import { ReplicationError } from '../../common/errors';
import type { PreflightFinding } from '../../common/findings';
import { binaryText } from '../../pgoutput/binary/binary-text';
import type { TypeShape } from '../../pgoutput/types/type-shapes';
import { runQuery, type ProtocolRoutine } from '../protocol-routine';
import { buildSentColumnCondition, buildNamesCondition, buildPublishedTablesQuery } from '../published-tables';
import { fetchDistinctOids } from '../oid-lists';
import { lookUpPublishedTypes, MOST_TYPES } from '../type-lookup';
import { findingOf } from './finding';
import { columnName, named, namesQuery } from './scene';

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
): ProtocolRoutine<readonly PreflightFinding[]> {
  const columns = sentColumns(publications, version);
  const types = yield* fetchDistinctOids(`SELECT atttypid FROM ${columns}`, MOST_TYPES);
  const shapes = lookUpTypes ? yield* lookUpPublishedTypes(publications, version) : new Map<number, TypeShape>();
  const unknown = types.filter((type) => binaryText(type, (part) => shapes.get(part)) === undefined);
  if (unknown.length === 0) return [];
  const name = columnName('schemaname', 'tablename', 'attname');
  const sql = `SELECT DISTINCT ${name} AS name FROM ${columns} WHERE atttypid IN (${unknown.join(', ')})`;
  const what = `Binary values cannot be read of ${named(yield* runQuery(namesQuery(sql)))}`;
  const remedy = `Ask for the stream without binary, ${lookUpTypes ? '' : 'or with lookUpTypes, '}or keep those columns out of the publication.`;
  return [findingOf(new ReplicationError('VALUE_DECODE_FAILED', what, { remedy }))];
}

/** The columns of published tables that are sent in binary. */
function sentColumns(publications: readonly string[], version: number): string {
  return `(${buildPublishedTablesQuery(buildNamesCondition(publications), version)}) AS published
    JOIN pg_catalog.pg_attribute ON ${buildSentColumnCondition(version)}
    JOIN pg_catalog.pg_type AS t ON t.oid = atttypid AND typsend <> 0`;
}
