import { ReplicationError } from '../errors';
import type { Finding } from '../findings';
import { query, type Conversation } from '../session/conversation';
import { checkPublications as checkExistence } from '../session/open-stream';
import { isSent, ofNames, publishedTables } from '../session/published-tables';
import { failure, finding, findingOf } from './finding';
import { named, namesQuery, tableName } from './scene';

/** Whether the publications are there, and send what one would think. */
export function* checkPublications(publications: readonly string[], version: number): Conversation<readonly Finding[]> {
  return [
    ...(yield* checkMissing(publications)),
    ...(yield* checkEmpty(publications, version)),
    ...(yield* checkUnlogged(publications, version)),
    ...(version >= 150_000 ? yield* checkColumnLists(publications, version) : []),
  ];
}

function* checkMissing(publications: readonly string[]): Conversation<readonly Finding[]> {
  try {
    yield* checkExistence(publications);
    return [];
  } catch (error) {
    if (error instanceof ReplicationError && error.code === 'PUBLICATION_MISSING') return [findingOf(error)];
    throw error;
  }
}

function* checkEmpty(publications: readonly string[], version: number): Conversation<readonly Finding[]> {
  const wanted = ofNames(publications);
  const rows = yield* query(
    namesQuery(
      `SELECT pubname AS name FROM pg_catalog.pg_publication WHERE ${wanted}
        EXCEPT SELECT pubname FROM (${publishedTables(wanted, version)}) AS t`,
    ),
  );
  return rows.length === 0 ? [] : [finding('PUBLICATION_EMPTY', `Publication ${named(rows)} has no tables`)];
}

/** A publication of all tables, or of schemas, passes over unlogged ones in silence; one of tables refuses them. */
function* checkUnlogged(publications: readonly string[], version: number): Conversation<readonly Finding[]> {
  const published = ofNames(publications);
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
  const rows = yield* query(
    namesQuery(
      `SELECT ${tableName('n.nspname', 'c.relname')} AS name
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relpersistence = 'u' AND c.relkind IN ('r', 'p') AND n.nspname <> 'information_schema'
          AND (EXISTS (SELECT FROM pg_catalog.pg_publication p WHERE p.puballtables AND ${published} ${excepted})
            ${ofSchema})`,
    ),
  );
  return rows.length === 0 ? [] : [finding('TABLE_UNLOGGED', `Unlogged tables are not replicated: ${named(rows)}`)];
}

/**
 * Two publications that send different columns of a table end the stream at that table's first change. For 15, a generated
 * column that is not sent makes a difference, too.
 */
function* checkColumnLists(publications: readonly string[], version: number): Conversation<readonly Finding[]> {
  const condition =
    version < 160_000
      ? 'attrelid = relid AND attnum > 0 AND NOT attisdropped AND (list IS NULL OR attnum = ANY (list))'
      : isSent(version);
  const rows = yield* query(
    namesQuery(
      `SELECT ${tableName('schemaname', 'tablename')} AS name
        FROM (${publishedTables(ofNames(publications), version)}) AS t,
          LATERAL (SELECT ARRAY(SELECT attnum FROM pg_catalog.pg_attribute WHERE ${condition} ORDER BY attnum) AS columns) AS c
        GROUP BY schemaname, tablename HAVING count(DISTINCT columns) > 1`,
    ),
  );
  if (rows.length === 0) return [];
  return [failure('COLUMN_LISTS_DIFFER', `The publications send different columns of ${named(rows)}`)];
}
