import { ProtocolError } from '../common/errors';
import { addToJson } from '../common/json';
import { formatTableName } from '../pgoutput/messages/table';
import { getCount, runQuery, getText, type ProtocolRoutine, type ResultRow } from './protocol-routine';
import { getList, getOids } from './oid-lists';
import {
  buildSentColumnCondition,
  buildKnownTablesQuery,
  buildNamesCondition,
  buildPublishedTablesQuery,
} from './published-tables';

/** What a publication can send. */
export type PublicationOperation = 'insert' | 'update' | 'delete' | 'truncate';

/** A table whose changes a publication sends. */
export interface PublishedTable {
  /** As in messages: `users` in schema public, `billing.invoices` elsewhere. */
  readonly table: string;
  readonly schema: string;
  readonly name: string;
  /** The columns that are sent. */
  readonly columns: readonly string[];
  /** The row filter, as the server writes it; undefined where all rows are sent. */
  readonly where: string | undefined;
}

/** A publication, as in the catalog. */
export interface PublicationStatus {
  readonly name: string;
  readonly owner: string;
  /** Whether it contains all tables of the database, including tables created later. */
  readonly allTables: boolean;
  /** The schemas whose tables it contains, including tables created later; from PostgreSQL 15 on. */
  readonly schemas: readonly string[];
  readonly operations: readonly PublicationOperation[];
  /** Whether changes of partitions are sent as changes of the partitioned table. */
  readonly viaPartitionRoot: boolean;
  /** Whether generated columns of tables without a column list are sent; `none` before PostgreSQL 18. */
  readonly generatedColumns: 'none' | 'stored';
  /** All tables whose changes it sends, whether listed themselves or through their schema, partitioned table or `allTables`; ordered by name. */
  readonly tables: readonly PublishedTable[];
}

/** The maximum number of columns per query, because the size of a result is limited. */
const MAX_COLUMNS_PER_QUERY = 20_000;
/** The fixed size of a table in a result, as a number of columns. */
const TABLE_COST_IN_COLUMNS = 4;

/**
 * @param names which publications to look up; all where it is undefined
 * @param serverVersion as in server_version_num
 */
export function* fetchPublications(
  names: readonly string[] | undefined,
  serverVersion: number,
): ProtocolRoutine<readonly PublicationStatus[]> {
  const wanted = names ? buildNamesCondition(names) : 'true';
  const rows = yield* runQuery(
    `SELECT pubname, pg_get_userbyid(pubowner) AS owner, puballtables, pubinsert, pubupdate, pubdelete, pubtruncate,
      pubviaroot, ${serverVersion >= 180000 ? 'pubgencols' : "'n' AS pubgencols"},
      ${serverVersion >= 150000 ? SCHEMAS : "'[]'"} AS schemas
      FROM pg_catalog.pg_publication p WHERE ${wanted} ORDER BY pubname`,
  );
  const tables = rows.length === 0 ? new Map<string, PublishedTable[]>() : yield* fetchTables(wanted, serverVersion);
  return rows.map((row) => toPublication(row, tables.get(getText(row, 'pubname')) ?? []));
}

const SCHEMAS = `(SELECT coalesce(json_agg(nspname ORDER BY nspname), '[]')
  FROM pg_catalog.pg_publication_namespace JOIN pg_catalog.pg_namespace n ON n.oid = pnnspid WHERE pnpubid = p.oid)`;

/** Tables of one publication that one query describes, ordered by name. */
interface Portion {
  readonly name: string;
  readonly publication: number;
  readonly relations: readonly number[];
}

/**
 * Finds the published tables with one query, whose duration grows with their number, and then describes them in portions, each
 * with a connect timeout of its own.
 *
 * Printing a row filter opens its table and waits for a lock on it; nothing else here waits for locks.
 */
function* fetchTables(wanted: string, serverVersion: number): ProtocolRoutine<Map<string, PublishedTable[]>> {
  const tables = new Map<string, PublishedTable[]>();
  for (const { name, publication, relations } of yield* fetchPortions(wanted, serverVersion)) {
    const rows = yield* runQuery(
      `SELECT schemaname, tablename,
        CASE WHEN filter IS NOT NULL THEN pg_get_expr(filter, relid) END AS rowfilter,
        ARRAY(SELECT attname FROM pg_catalog.pg_attribute WHERE ${buildSentColumnCondition(serverVersion)} ORDER BY attnum) AS columns
        FROM (${buildKnownTablesQuery(publication, relations, serverVersion)}) AS t ORDER BY schemaname, tablename`,
      { restartTimeout: true },
    );
    const known = tables.get(name);
    if (known) known.push(...rows.map(toTable));
    else tables.set(name, rows.map(toTable));
  }
  return tables;
}

function* fetchPortions(wanted: string, serverVersion: number): ProtocolRoutine<Portion[]> {
  const rows = yield* runQuery(
    `SELECT pubname, publication, array_agg(relid ORDER BY schemaname, tablename) AS relations
      FROM (
        SELECT pubname, oid AS publication, relid, schemaname, tablename,
          sum(relnatts + ${TABLE_COST_IN_COLUMNS}) OVER (PARTITION BY oid ORDER BY schemaname, tablename) / ${MAX_COLUMNS_PER_QUERY} AS portion
          FROM (${buildPublishedTablesQuery(wanted, serverVersion)}) AS t
      ) AS placed GROUP BY pubname, publication, portion ORDER BY pubname, portion`,
  );
  return rows.map((row) => ({
    name: getText(row, 'pubname'),
    publication: getCount(row, 'publication'),
    relations: getOids(row, 'relations'),
  }));
}

function toTable(row: ResultRow): PublishedTable {
  const schema = getText(row, 'schemaname');
  const name = getText(row, 'tablename');
  return {
    table: formatTableName(schema, name),
    schema,
    name,
    columns: getList(row, 'columns'),
    where: row['rowfilter'] ?? undefined,
  };
}

/** All operations, in the order in which a status lists them. */
export const PUBLICATION_OPERATIONS = [
  'insert',
  'update',
  'delete',
  'truncate',
] as const satisfies readonly PublicationOperation[];

function toPublication(row: ResultRow, tables: readonly PublishedTable[]): PublicationStatus {
  return addToJson({
    name: getText(row, 'pubname'),
    owner: getText(row, 'owner'),
    allTables: row['puballtables'] === 't',
    schemas: readNames(row, 'schemas'),
    operations: PUBLICATION_OPERATIONS.filter((operation) => row[`pub${operation}`] === 't'),
    viaPartitionRoot: row['pubviaroot'] === 't',
    generatedColumns: row['pubgencols'] === 's' ? 'stored' : 'none',
    tables,
  });
}

/** The names in a column that holds a JSON array of texts. */
function readNames(row: ResultRow, column: string): readonly string[] {
  let names: unknown;
  try {
    names = JSON.parse(getText(row, column));
  } catch {
    names = undefined;
  }
  if (Array.isArray(names) && names.every((name: unknown) => typeof name === 'string')) return names;
  throw new ProtocolError(`The server sent a value of ${column} that is not a list of names`);
}
