import { ReplicationError } from '../../common/errors';
import type { PreflightFinding } from '../../common/preflight-findings';
import { runQuery, type ProtocolRoutine } from '../protocol-routine';
import { checkPublicationsExist } from '../open-stream';
import { buildSentColumnCondition, buildNamesCondition, buildPublishedTablesQuery } from '../published-tables';
import { createFailure, createFinding, toFinding } from './finding';
import { listNames, buildNamesQuery, buildTableName } from './preflight-context';

/** Checks whether the publications exist, contain tables and can be combined. */
export function* checkPublications(
  publications: readonly string[],
  version: number,
): ProtocolRoutine<readonly PreflightFinding[]> {
  return [
    ...(yield* checkMissingPublications(publications)),
    ...(yield* checkEmpty(publications, version)),
    ...(yield* checkUnlogged(publications, version)),
    ...(version >= 150_000 ? yield* checkColumnLists(publications, version) : []),
  ];
}

function* checkMissingPublications(publications: readonly string[]): ProtocolRoutine<readonly PreflightFinding[]> {
  try {
    yield* checkPublicationsExist(publications);
    return [];
  } catch (error) {
    if (error instanceof ReplicationError && error.code === 'PUBLICATION_MISSING') return [toFinding(error)];
    throw error;
  }
}

function* checkEmpty(publications: readonly string[], version: number): ProtocolRoutine<readonly PreflightFinding[]> {
  const wanted = buildNamesCondition(publications);
  const rows = yield* runQuery(
    buildNamesQuery(
      `SELECT pubname AS name FROM pg_catalog.pg_publication WHERE ${wanted}
        EXCEPT SELECT pubname FROM (${buildPublishedTablesQuery(wanted, version)}) AS t`,
    ),
  );
  return rows.length === 0 ? [] : [createFinding('PUBLICATION_EMPTY', `Publication ${listNames(rows)} has no tables`)];
}

/** A publication of all tables or of schemas silently skips unlogged tables; CREATE PUBLICATION … FOR TABLE rejects them. */
function* checkUnlogged(
  publications: readonly string[],
  version: number,
): ProtocolRoutine<readonly PreflightFinding[]> {
  const published = buildNamesCondition(publications);
  const ofSchema =
    version >= 150_000
      ? `OR EXISTS (SELECT FROM pg_catalog.pg_publication_namespace s JOIN pg_catalog.pg_publication p ON p.oid = s.pnpubid
          WHERE s.pnnspid = n.oid AND ${published})`
      : '';
  const excepted =
    version >= 190_000
      ? `AND NOT EXISTS (SELECT FROM pg_catalog.pg_publication_rel r
          WHERE r.prpubid = p.oid AND r.prrelid = c.oid AND r.prexcept)`
      : '';
  const rows = yield* runQuery(
    buildNamesQuery(
      `SELECT ${buildTableName('n.nspname', 'c.relname')} AS name
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relpersistence = 'u' AND c.relkind IN ('r', 'p') AND n.nspname <> 'information_schema'
          AND (EXISTS (SELECT FROM pg_catalog.pg_publication p WHERE p.puballtables AND ${published} ${excepted})
            ${ofSchema})`,
    ),
  );
  return rows.length === 0
    ? []
    : [createFinding('TABLE_UNLOGGED', `Unlogged tables are not replicated: ${listNames(rows)}`)];
}

/**
 * Two publications that send different columns of a table end the stream at that table's first change. For 15, a generated
 * column that is not sent makes a difference, too; from 18 on, different values of publish_generated_columns end the stream
 * also where the table's generated columns are virtual, which are never sent.
 *
 * Source: pgoutput_column_list_init and check_and_init_gencol in pgoutput.c.
 */
function* checkColumnLists(
  publications: readonly string[],
  version: number,
): ProtocolRoutine<readonly PreflightFinding[]> {
  const condition =
    version < 160_000
      ? 'attrelid = relid AND attnum > 0 AND NOT attisdropped AND (list IS NULL OR attnum = ANY (list))'
      : buildSentColumnCondition(version);
  const columns = `LATERAL (SELECT ARRAY(SELECT attnum FROM pg_catalog.pg_attribute WHERE ${condition} ORDER BY attnum) AS columns) AS c`;
  const differing = yield* runQuery(
    buildNamesQuery(
      `${buildSentTables(publications, version)} SELECT ${buildTableName('schemaname', 'tablename')} AS name FROM sent, ${columns}
        GROUP BY schemaname, tablename HAVING count(DISTINCT columns) > 1`,
    ),
  );
  const lists =
    differing.length === 0
      ? []
      : [createFailure('COLUMN_LISTS_DIFFER', `The publications send different columns of ${listNames(differing)}`)];
  if (version < 180_000) return lists;
  const generating = yield* runQuery(
    buildNamesQuery(
      `${buildSentTables(publications, version)} SELECT ${buildTableName('schemaname', 'tablename')} AS name FROM sent, ${columns}
        WHERE EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE attrelid = relid AND attgenerated <> '')
        GROUP BY schemaname, tablename
        HAVING count(DISTINCT columns) = 1 AND count(DISTINCT pubgencols) FILTER (WHERE list IS NULL) > 1`,
    ),
  );
  if (generating.length === 0) return lists;
  const what = `The publications differ in publish_generated_columns, though tables have generated columns: ${listNames(generating)}`;
  return [...lists, createFailure('COLUMN_LISTS_DIFFER', what)];
}

/**
 * A common table expression, `sent`: what {@link buildPublishedTablesQuery} has, without what another of the publications sends as a
 * table further up. Source: get_rel_sync_entry in pgoutput.c.
 */
function buildSentTables(publications: readonly string[], version: number): string {
  return `WITH RECURSIVE found AS (${buildPublishedTablesQuery(buildNamesCondition(publications), version)}),
    above (relid, ancestor) AS (
      SELECT i.inhrelid, i.inhparent FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhparent
        WHERE c.relkind = 'p' AND i.inhrelid IN (SELECT relid FROM found)
      UNION SELECT above.relid, i.inhparent FROM above
        JOIN pg_catalog.pg_inherits i ON i.inhrelid = above.ancestor
    ), sent AS (
      SELECT * FROM found WHERE relid NOT IN (SELECT relid FROM above WHERE ancestor IN (SELECT relid FROM found))
    )`;
}
