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

/** A publication as the catalog has it. */
export interface PublicationStatus {
  readonly name: string;
  readonly owner: string;
  /** Whether it holds all tables of the database, also those that are made later. */
  readonly allTables: boolean;
  /** The schemas whose tables it holds, also those that are made later; from PostgreSQL 15 on. */
  readonly schemas: readonly string[];
  readonly operations: readonly PublicationOperation[];
  /** Whether changes of partitions are sent as changes of the partitioned table. */
  readonly viaPartitionRoot: boolean;
  /** Whether generated columns are sent where no list of columns says so; `none` before PostgreSQL 18. */
  readonly generatedColumns: 'none' | 'stored';
  /** All tables whose changes it sends, whatever they are published by, in the order of their names. */
  readonly tables: readonly PublishedTable[];
}

/** So many columns come by one query: an answer has an end, and names of columns are long. */
const PORTION = 20_000;
/** A table counts as so many columns besides its own. */
const TABLE_SIZE = 4;

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

/** Tables of one publication that are described by one query, in the order of their names. */
interface Portion {
  readonly name: string;
  readonly publication: number;
  readonly relations: readonly number[];
}

/**
 * What is published is found out once, which takes the longer the more tables there are. They are then described in portions,
 * each with the whole connect time-out for itself.
 *
 * Printing a filter opens its table, and waits for whoever has locked that; nothing else does.
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
          sum(relnatts + ${TABLE_SIZE}) OVER (PARTITION BY oid ORDER BY schemaname, tablename) / ${PORTION} AS portion
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

/** All of them. */
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
  throw new ProtocolError(`The server sent something else than a list of names as ${column}`);
}
