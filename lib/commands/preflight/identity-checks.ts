import type { PreflightFinding, FINDINGS } from '../../common/preflight-findings';
import { runQuery, type ProtocolRoutine } from '../protocol-routine';
import { buildNamesCondition, buildPublishedTablesQuery } from '../published-tables';
import { createFinding } from './finding';
import { listNames, buildNamesQuery, buildTableName } from './preflight-context';

/**
 * Checks whether the server accepts UPDATE and DELETE on the published tables: it rejects them if the replica identity does not
 * identify the old row.
 */
export function* checkIdentities(
  publications: readonly string[],
  version: number,
): ProtocolRoutine<readonly PreflightFinding[]> {
  const written = buildWrittenTablesQuery(publications, version);
  const found: PreflightFinding[] = [];
  for (const { code, what, since, condition } of IDENTITY_CONDITIONS) {
    if (version < since) continue;
    const name = buildTableName('schema', 'table_name');
    const sql = `SELECT DISTINCT ${name} AS name FROM (${written}) AS w WHERE ${condition(version)}`;
    const rows = yield* runQuery(buildNamesQuery(sql));
    if (rows.length > 0) found.push(createFinding(code, `UPDATE and DELETE fail ${what}: ${listNames(rows)}`));
  }
  return found;
}

/**
 * SQL for the tables whose updates or deletes are published, once for each publication. A command writes to the leaves of a
 * partitioned table, so the replica identity is that of the leaf; column lists and row filters are those of the published
 * table, with the same column names. Source: RelationBuildPublicationDesc in relcache.c.
 */
export function buildWrittenTablesQuery(publications: readonly string[], version: number): string {
  const parts = version >= 150_000 ? 'r.prattrs, r.prqual::text AS filter' : 'NULL AS prattrs, NULL AS filter';
  return `SELECT c.oid AS leaf, n.nspname AS schema, c.relname AS table_name, published.relid AS root,
      c.reltoastrelid AS toast, published.pubupdate AS updates, published.filter IS NOT NULL AS filtered,
      c.relreplident AS identity, i.indexrelid AS index, i.indnkeyatts AS keys, i.indkey::int2[] AS indkey,
      ${version >= 180_000 ? "published.pubgencols = 's'" : 'false'} AS generated, ${parts}
    FROM (${buildPublishedTablesQuery(buildNamesCondition(publications), version)}) AS published
    CROSS JOIN LATERAL (
      WITH RECURSIVE parts (oid) AS (
        SELECT published.relid UNION ALL SELECT inhrelid FROM parts
          JOIN pg_catalog.pg_inherits ON inhparent = parts.oid WHERE published.relkind = 'p'
      ) SELECT oid FROM parts
    ) AS leaves
    JOIN pg_catalog.pg_class c ON c.oid = leaves.oid AND c.relkind = 'r'
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_publication_rel r ON r.prpubid = published.oid AND r.prrelid = published.relid
    LEFT JOIN pg_catalog.pg_index i ON i.indrelid = c.oid AND i.indisvalid AND i.indimmediate
      AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END
    WHERE published.pubupdate OR published.pubdelete`;
}

/** The names of the identity's columns. */
export const KEY_COLUMNS = `SELECT attname FROM unnest(indkey) WITH ORDINALITY AS k(attnum, place)
  JOIN pg_catalog.pg_attribute a ON a.attrelid = leaf AND a.attnum = k.attnum WHERE place <= keys`;

/** The names of the columns in a column list. */
export const LISTED_COLUMNS = `SELECT attname FROM pg_catalog.pg_attribute WHERE attrelid = root AND attnum = ANY (prattrs)`;

/** The names of the columns in a row filter. Only its expression tree separates them from those of the column list. */
export const FILTER_COLUMNS = `SELECT attname FROM regexp_matches(filter, ':varattno ([0-9]+)', 'g') AS m
  JOIN pg_catalog.pg_attribute ON attrelid = root AND attnum = m[1]::int`;

interface Condition {
  readonly code: keyof typeof FINDINGS;
  readonly what: string;
  /** The first server version with the condition. */
  readonly since: number;
  /** SQL over {@link buildWrittenTablesQuery}. */
  readonly condition: (version: number) => string;
}

const IDENTITY_CONDITIONS: readonly Condition[] = [
  {
    code: 'REPLICA_IDENTITY_MISSING',
    what: 'without a replica identity',
    since: 140_000,
    condition: () => `identity <> 'f' AND index IS NULL`,
  },
  {
    code: 'REPLICA_IDENTITY_NOT_PUBLISHED',
    what: 'if the published columns do not include the replica identity',
    since: 150_000,
    condition: (
      version,
    ) => `prattrs IS NOT NULL AND (identity = 'f' OR EXISTS (${KEY_COLUMNS} EXCEPT ${LISTED_COLUMNS}))
      ${version >= 180_000 ? `OR ${UNPUBLISHED_GENERATED}` : ''}`,
  },
  {
    code: 'ROW_FILTER_NOT_IN_REPLICA_IDENTITY',
    what: 'if the row filter uses columns outside the replica identity',
    since: 150_000,
    condition: () => `filter IS NOT NULL AND index IS NOT NULL AND EXISTS (${FILTER_COLUMNS} EXCEPT ${KEY_COLUMNS})`,
  },
];

/** From 18 on, without a column list: generated columns of the identity must be stored and published. */
const UNPUBLISHED_GENERATED = `prattrs IS NULL AND EXISTS (SELECT FROM pg_catalog.pg_attribute g WHERE g.attrelid = leaf
  AND CASE g.attgenerated WHEN 's' THEN NOT generated WHEN 'v' THEN true ELSE false END
  AND (identity = 'f' OR g.attname IN (${KEY_COLUMNS})))`;
