import { quoteLiteral } from './sql';

/*
 * What is published, as SQL over plain catalogs. The view pg_publication_tables opens each table from PostgreSQL 16 on, as
 * pg_partition_tree and casts to regclass do everywhere: they wait for whoever has locked one, and leave it in the server
 * process's caches as it is now.
 */

/** A condition for a row of pg_publication. */
export function buildNamesCondition(publications: readonly string[]): string {
  return publications.length === 0 ? 'false' : `pubname IN (${publications.map(quoteLiteral).join(', ')})`;
}

/**
 * A query for all tables of publications, with their partitions on all levels: `publication` and `relation` (OIDs), and
 * `is_part` for what is published because a table above it is.
 *
 * @param wanted a condition for rows of pg_publication
 * @param version the server's, as in server_version_num
 */
export function buildPublishedRelationsQuery(wanted: string, version: number): string {
  // As is_publishable_class has it, from FirstNormalObjectId on.
  const publishable = `c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND c.oid >= 16384`;
  // Publications of whole schemas came with 15.
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
 * From 19 on, rows of pg_publication_rel with `prexcept` name what a publication of all tables leaves out: FOR ALL TABLES
 * EXCEPT. Of a partitioned table that is so named, all partitions are left out, too, whatever publish_via_partition_root
 * says. Source: manual, CREATE PUBLICATION.
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
 * A query for what pg_publication_tables has: a row for each publication and table as whose its changes are sent. Its columns
 * are those of pg_publication, `schemaname`, `tablename`, `relid`, `relkind`, `relnatts`, and, of the list of columns and the
 * row filter that count, `list` and `filter`.
 */
export function buildPublishedTablesQuery(wanted: string, version: number): string {
  return buildTableDescriptions(
    `SELECT publication, relation, bool_or(is_part) AS is_part
      FROM (${buildPublishedRelationsQuery(wanted, version)}) AS relations GROUP BY publication, relation`,
    version,
  );
}

/** The same for tables of one publication that are known already. */
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
  // Where the schema is published, too, its tables are sent whole.
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
 * A condition for a row of pg_attribute, beside one of {@link buildPublishedTablesQuery}: whether the column is sent. Before 18 no
 * generated one is.
 */
export function buildSentColumnCondition(version: number): string {
  const generated =
    version < 180_000
      ? `attgenerated = ''`
      : `CASE attgenerated WHEN '' THEN true WHEN 's' THEN list IS NOT NULL OR pubgencols = 's' ELSE false END`;
  return `attrelid = relid AND attnum > 0 AND NOT attisdropped AND (list IS NULL OR attnum = ANY (list)) AND ${generated}`;
}
