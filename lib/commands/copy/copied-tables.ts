import { ReplicationError, ServerError } from '../../common/errors';
import type { TableDescription } from '../../pgoutput/decode/relation-encoding';
import { getList, getOids } from '../oid-lists';
import { getCount, getInteger, getText, runQuery, type ProtocolRoutine, type ResultRow } from '../protocol-routine';
import { buildNamesCondition, buildPublishedTablesQuery, buildSentColumnCondition } from '../published-tables';
import { quoteIdentifier, quoteLiteral } from '../sql';

/** A table whose rows are copied: a table, or a partition under its own name or that of its partitioned table. */
export interface SourceTable {
  readonly schema: string;
  readonly name: string;
  /** Under which name its changes are published. */
  readonly published: TableDescription;
  /** An expression for the rows that are published; undefined for all. */
  readonly filter: string | undefined;
  readonly estimatedRows: number | undefined;
  readonly estimatedBytes: number;
}

/**
 * Lists the tables and partitions of publications, as the snapshot of the present transaction shows them.
 *
 * A publication without a row filter publishes all rows of a table; the filters of others are combined with OR. If a partition
 * is published through several of its partitioned tables, the topmost counts, as in `get_rel_sync_entry` in pgoutput.c.
 */
export function* listSourceTables(
  publications: readonly string[],
  version: number,
): ProtocolRoutine<readonly SourceTable[]> {
  const shown = buildPublishedTablesQuery(buildNamesCondition(publications), version);
  const sent = buildSentColumnCondition(version);
  const key = `CASE c.relreplident WHEN 'f' THEN true WHEN 'n' THEN false ELSE EXISTS (
      SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND a.attnum = ANY (i.indkey)
        AND CASE c.relreplident WHEN 'd' THEN i.indisprimary ELSE i.indisreplident END) END`;
  const rows = yield* runQuery(
    `WITH RECURSIVE shown AS (${shown}),
      described AS (
        SELECT shown.*, c.relreplident AS identity,
          CASE WHEN filter IS NULL THEN NULL ELSE pg_catalog.pg_get_expr(filter, relid) END AS expression,
          ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a WHERE ${sent} ORDER BY a.attnum) AS names,
          ARRAY(SELECT a.atttypid FROM pg_catalog.pg_attribute a WHERE ${sent} ORDER BY a.attnum) AS types,
          ARRAY(SELECT a.atttypmod FROM pg_catalog.pg_attribute a WHERE ${sent} ORDER BY a.attnum) AS modifiers,
          ARRAY(SELECT (${key})::int FROM pg_catalog.pg_attribute a WHERE ${sent} ORDER BY a.attnum) AS keys
        FROM shown JOIN pg_catalog.pg_class c ON c.oid = relid
      ),
      below (root, relation, depth) AS (
        SELECT DISTINCT relid, relid, 0 FROM shown
        UNION SELECT below.root, i.inhrelid, depth + 1 FROM below
          JOIN pg_catalog.pg_class parent ON parent.oid = below.relation AND parent.relkind = 'p'
          JOIN pg_catalog.pg_inherits i ON i.inhparent = below.relation
      )
      SELECT leaf.oid AS leaf, n.nspname AS leaf_schema, leaf.relname AS leaf_name, leaf.reltuples::bigint AS estimated_rows,
        leaf.relpages::bigint * current_setting('block_size')::bigint AS estimated_bytes, below.depth, described.relid,
        described.schemaname, described.tablename, described.identity, described.expression, described.names,
        described.types, described.modifiers, described.keys
      FROM below JOIN described ON described.relid = below.root
      JOIN pg_catalog.pg_class leaf ON leaf.oid = below.relation AND leaf.relkind <> 'p'
      JOIN pg_catalog.pg_namespace n ON n.oid = leaf.relnamespace
      ORDER BY leaf.oid, depth DESC, described.oid`,
  );
  return groupByLeaf(rows).map(toSourceTable);
}

/** The rows of each leaf that describe the topmost table through which it is published. */
function groupByLeaf(rows: readonly ResultRow[]): ResultRow[][] {
  const leaves = new Map<string, ResultRow[]>();
  for (const row of rows) {
    const leaf = getText(row, 'leaf');
    const known = leaves.get(leaf);
    if (!known) leaves.set(leaf, [row]);
    else if (known[0]?.['relid'] === row['relid']) known.push(row);
  }
  return [...leaves.values()];
}

function toSourceTable(rows: readonly ResultRow[]): SourceTable {
  const [row = {}] = rows;
  const filters = rows.map(({ expression }) => expression ?? null);
  const estimate = Number(getInteger(row, 'estimated_rows'));
  return {
    schema: getText(row, 'leaf_schema'),
    name: getText(row, 'leaf_name'),
    published: toDescription(row),
    filter: filters.includes(null) ? undefined : filters.map((text) => `(${text ?? ''})`).join(' OR '),
    estimatedRows: estimate < 0 ? undefined : estimate,
    estimatedBytes: getCount(row, 'estimated_bytes'),
  };
}

function toDescription(row: ResultRow): TableDescription {
  const types = getOids(row, 'types');
  const keys = getList(row, 'keys');
  const modifiers = getList(row, 'modifiers');
  return {
    oid: getCount(row, 'relid'),
    schema: getText(row, 'schemaname'),
    name: getText(row, 'tablename'),
    replicaIdentity: getText(row, 'identity'),
    columns: getList(row, 'names').map((name, i) => ({
      name,
      key: keys[i] === '1',
      typeOid: types[i] ?? 0,
      typeModifier: Number(modifiers[i] ?? -1),
    })),
  };
}

/** Locks the table against changes of its definition until the transaction ends. */
export function* lockTable(table: SourceTable): ProtocolRoutine<void> {
  try {
    yield* runQuery(`LOCK TABLE ONLY ${quoteTable(table)} IN ACCESS SHARE MODE`, { noTimeout: true });
  } catch (cause) {
    throw toTableChanged(table, cause);
  }
}

/**
 * Fetches what must not change between the snapshot and the copy: an older snapshot shows no rows of a table that was rewritten
 * or truncated meanwhile, and other rows where tables or columns have exchanged their names. Compare the text of the session
 * that copies with that of a session that sees the present.
 */
export function* fetchFingerprint({ schema, name }: SourceTable): ProtocolRoutine<string> {
  const rows = yield* runQuery(
    `SELECT pg_catalog.concat_ws(' ', c.oid, c.relfilenode, c.relrowsecurity, (
        SELECT pg_catalog.string_agg(pg_catalog.concat_ws(' ', a.attnum, pg_catalog.quote_ident(a.attname), a.atttypid,
          a.attisdropped), ',' ORDER BY a.attnum)
        FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0)) AS fingerprint
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = ${quoteLiteral(schema)} AND c.relname = ${quoteLiteral(name)}`,
  );
  const [row] = rows;
  return row ? getText(row, 'fingerprint') : '';
}

/** The command that copies the rows, in the order of the published columns. */
export function buildCopy({ schema, name, published, filter }: SourceTable): string {
  const columns = published.columns.map((column) => quoteIdentifier(column.name)).join(', ');
  const where = filter === undefined ? '' : ` WHERE ${filter}`;
  return `COPY (SELECT ${columns} FROM ONLY ${quoteTable({ schema, name })}${where}) TO STDOUT`;
}

/** The SQLSTATEs of a table, column or schema that does not exist, or of a snapshot that is too old for the table. */
const CHANGED = new Set(['42P01', '42703', '3F000']);

export function toTableChanged(table: SourceTable, cause: unknown): unknown {
  return cause instanceof ServerError && CHANGED.has(cause.sqlState) ? createTableChangedError(table, cause) : cause;
}

export function createTableChangedError({ schema, name }: SourceTable, cause?: unknown): ReplicationError {
  const what = `Table ${quoteTable({ schema, name })} was altered, truncated or replaced after the snapshot of the copy was taken`;
  return new ReplicationError('TABLE_CHANGED', what, { cause });
}

function quoteTable({ schema, name }: Pick<SourceTable, 'schema' | 'name'>): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
}
