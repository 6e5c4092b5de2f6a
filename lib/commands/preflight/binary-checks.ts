import { ReplicationError } from '../../common/errors';
import type { PreflightFinding } from '../../common/preflight-findings';
import { createBinaryReader } from '../../pgoutput/binary/binary-text';
import type { TypeDefinition } from '../../pgoutput/types/type-definitions';
import { runQuery, type ProtocolRoutine } from '../protocol-routine';
import { buildSentColumnCondition, buildNamesCondition, buildPublishedTablesQuery } from '../published-tables';
import { fetchDistinctOids } from '../oid-lists';
import { lookUpPublishedTypes, MAX_TYPES } from '../type-lookup';
import { toFinding } from './finding';
import { buildColumnName, listNames, buildNamesQuery } from './preflight-context';

/**
 * Checks whether the library can decode the binary form of all published columns. The server sends a type without a binary
 * form as text, except inside an array, composite or range.
 *
 * @param lookUpTypes whether the stream looks up types that are not built in
 */
export function* checkBinary(
  publications: readonly string[],
  version: number,
  lookUpTypes: boolean,
): ProtocolRoutine<readonly PreflightFinding[]> {
  const columns = buildSentColumns(publications, version);
  const types = yield* fetchDistinctOids(`SELECT atttypid FROM ${columns}`, MAX_TYPES);
  const definitions = lookUpTypes
    ? yield* lookUpPublishedTypes(publications, version)
    : new Map<number, TypeDefinition>();
  const unknown = types.filter((type) => createBinaryReader(type, (part) => definitions.get(part)) === undefined);
  if (unknown.length === 0) return [];
  const name = buildColumnName('schemaname', 'tablename', 'attname');
  const sql = `SELECT DISTINCT ${name} AS name FROM ${columns} WHERE atttypid IN (${unknown.join(', ')})`;
  const what = `Binary values of ${listNames(yield* runQuery(buildNamesQuery(sql)))} cannot be read`;
  const remedy = `Set binary: false${lookUpTypes ? '' : ' or lookUpTypes: true'}, or exclude the columns from the publication.`;
  return [toFinding(new ReplicationError('VALUE_DECODE_FAILED', what, { remedy }))];
}

/** SQL for the published columns that the server sends in binary. */
function buildSentColumns(publications: readonly string[], version: number): string {
  return `(${buildPublishedTablesQuery(buildNamesCondition(publications), version)}) AS published
    JOIN pg_catalog.pg_attribute ON ${buildSentColumnCondition(version)}
    JOIN pg_catalog.pg_type AS t ON t.oid = atttypid AND typsend <> 0`;
}
