import { quoteLiteral } from './sql';

/*
 * Queries for published tables, over plain catalogs. From PostgreSQL 16 on, the view pg_publication_tables opens each table, as
 * pg_partition_tree and casts to regclass do on all versions: they wait for locks on the tables, and put their present
 * definitions into the caches of the walsender.
 */

/** Builds a condition for rows of pg_publication. */
export function buildNamesCondition(publications: readonly string[]): string {
  return publications.length === 0 ? 'false' : `pubname IN (${publications.map(quoteLiteral).join(', ')})`;
}

/**
 * Builds a query for all tables of publications, with their partitions on all levels. Its columns are `publication` and
 * `relation` (OIDs), and `is_part`, which is true for a table that is published through its partitioned table.
 *
 * @param wanted a condition for rows of pg_publication
 * @param version the server's version, as in server_version_num
 */
export function buildPublishedRelationsQuery(wanted: string, version: number): string {
  // The condition of is_publishable_class; 16384 is FirstNormalObjectId.
  const publishable = `c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND c.oid >= 16384`;
  // Publications of schemas exist from PostgreSQL 15 on.
  const ofSchemas =
    version < 150_000
      ? ''
      : `UNION SELECT named.oid, c.oid, false FROM named
          JOIN pg_catalog.pg_publication_namespace n ON n.pnpubid = named.oid
          JOIN pg_catalog.pg_class c ON c.relnamespace = n.pnnspid AND ${publishable}`;
  const { excepted, isListed, isPublished } = version < 190_000 ? NO_EXCEPTIONS : EXCEPTIONS;
  return `WITH RECURSIVE named AS (
      SELECT oid, puballtables FROM pg_catalog.pg_publication WHERE ${wanted}
    ), ${excepted}published (publication, relation, is_part) AS (
      (SELECT named.oid, c.oid, false FROM named JOIN pg_catalog.pg_class c ON ${publishable} WHERE puballtables
      UNION SELECT named.oid, r.prrelid, false FROM named
        JOIN pg_catalog.pg_publication_rel r ON r.prpubid = named.oid${isListed}
      ${ofSchemas})
      UNION SELECT published.publication, i.inhrelid, true FROM published
        JOIN pg_catalog.pg_inherits i ON i.inhparent = published.relation
        JOIN pg_catalog.pg_class parent ON parent.oid = i.inhparent AND parent.relkind = 'p'
    )
    SELECT publication, relation, is_part FROM published${isPublished}`;
}

const NO_EXCEPTIONS = { excepted: '', isListed: '', isPublished: '' };

/**
 * From PostgreSQL 19 on, rows of pg_publication_rel with `prexcept` are the tables that FOR ALL TABLES EXCEPT excludes. If a
 * partitioned table is excluded, so are all its partitions, regardless of publish_via_partition_root. Source: manual, CREATE
 * PUBLICATION.
 */
const EXCEPTIONS = {
  excepted: `excepted (publication, relation) AS (
      SELECT named.oid, r.prrelid FROM named
        JOIN pg_catalog.pg_publication_rel r ON r.prpubid = named.oid AND r.prexcept
      UNION SELECT excepted.publication, i.inhrelid FROM excepted
        JOIN pg_catalog.pg_inherits i ON i.inhparent = excepted.relation
        JOIN pg_catalog.pg_class parent ON parent.oid = i.inhparent AND parent.relkind = 'p'
    ), `,
  isListed: ' AND NOT r.prexcept',
  isPublished: ' WHERE (publication, relation) NOT IN (SELECT publication, relation FROM excepted)',
};

/**
 * Builds a query with the rows of pg_publication_tables: one for each publication and each table under whose name changes are
 * sent. Its columns are those of pg_publication, `schemaname`, `tablename`, `relid`, `relkind`, `relnatts`, and the column list
 * and the row filter that apply, as `list` and `filter`.
 */
export function buildPublishedTablesQuery(wanted: string, version: number): string {
  return buildTableDescriptions(
    `SELECT publication, relation, bool_or(is_part) AS is_part
      FROM (${buildPublishedRelationsQuery(wanted, version)}) AS relations GROUP BY publication, relation`,
    version,
  );
}

/** Builds the query of {@link buildPublishedTablesQuery} for known tables of one publication. */
export function buildKnownTablesQuery(publication: number, relations: readonly number[], version: number): string {
  return buildTableDescriptions(
    `SELECT '${publication}'::oid AS publication, unnest('{${relations.join(',')}}'::oid[]) AS relation, false AS is_part`,
    version,
  );
}

/** @param found a query for `publication`, `relation` and `is_part` */
function buildTableDescriptions(found: string, version: number): string {
  const parts =
    version < 150_000
      ? 'NULL::int2[] AS list, NULL::pg_node_tree AS filter'
      : 'r.prattrs::int2[] AS list, r.prqual AS filter';
  // If the schema is published as well, the column list and row filter of the table do not apply.
  const ofTable =
    version < 150_000
      ? ''
      : `LEFT JOIN pg_catalog.pg_publication_rel r ON r.prpubid = p.oid AND r.prrelid = c.oid
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_publication_namespace
            WHERE pnpubid = p.oid AND pnnspid = c.relnamespace)`;
  return `SELECT p.*, n.nspname AS schemaname, c.relname AS tablename, c.oid AS relid, c.relkind, c.relnatts, ${parts}
    FROM (${found}) AS found
    JOIN pg_catalog.pg_publication p ON p.oid = found.publication
    JOIN pg_catalog.pg_class c ON c.oid = found.relation
      AND CASE WHEN p.pubviaroot THEN NOT found.is_part ELSE c.relkind <> 'p' END
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    ${ofTable}`;
}

/**
 * Builds a condition for rows of pg_attribute joined to {@link buildPublishedTablesQuery}: whether the column is sent. Before
 * PostgreSQL 18, generated columns are not.
 */
export function buildSentColumnCondition(version: number): string {
  const generated =
    version < 180_000
      ? `attgenerated = ''`
      : `CASE attgenerated WHEN '' THEN true WHEN 's' THEN list IS NOT NULL OR pubgencols = 's' ELSE false END`;
  return `attrelid = relid AND attnum > 0 AND NOT attisdropped AND (list IS NULL OR attnum = ANY (list)) AND ${generated}`;
}
