import type { PreflightFinding } from '../../common/preflight-findings';
import { runQuery, type ProtocolRoutine } from '../protocol-routine';
import { createFinding } from './finding';
import { FILTER_COLUMNS, KEY_COLUMNS, LISTED_COLUMNS, buildWrittenTablesQuery } from './identity-checks';
import { buildColumnName, listNames, buildNamesQuery } from './preflight-context';

/**
 * Checks whether a row filter can turn updates into inserts that lack columns. The server includes an unchanged TOASTed value in
 * such an insert only if it has the old value: of all columns with REPLICA IDENTITY FULL, otherwise of the key. Source: pgoutput.c,
 * `pgoutput_row_filter`.
 */
export function* checkRowFilters(
  publications: readonly string[],
  version: number,
): ProtocolRoutine<readonly PreflightFinding[]> {
  if (version < 150_000) return [];
  const rows = yield* runQuery(buildNamesQuery(buildOmittedColumnsQuery(publications, version)));
  if (rows.length === 0) return [];
  const what =
    'An UPDATE that moves a row into a row filter is sent as an INSERT, without values that are stored out of line';
  return [createFinding('ROW_FILTER_OMITS_TOAST', `${what} and that it does not change, of ${listNames(rows)}`)];
}

/** If one publication sends all updates of a table, the row filters of the others have no effect. */
function buildOmittedColumnsQuery(publications: readonly string[], version: number): string {
  const isSent =
    version < 180_000
      ? `attgenerated = ''`
      : `CASE attgenerated WHEN '' THEN true WHEN 's' THEN prattrs IS NOT NULL OR generated ELSE false END`;
  return `SELECT DISTINCT ${buildColumnName('schema', 'table_name', 'attname')} AS name
    FROM (
      SELECT *, bool_and(filtered) OVER (PARTITION BY leaf) AS always_filtered
        FROM (${buildWrittenTablesQuery(publications, version)}) AS w WHERE updates
    ) AS updated
    JOIN pg_catalog.pg_attribute ON attrelid = leaf AND attnum > 0 AND NOT attisdropped AND ${isSent}
      AND attlen = -1 AND attstorage <> 'p' AND NOT ${IS_SHORT}
    WHERE always_filtered AND toast <> 0 AND identity <> 'f' AND index IS NOT NULL
      AND EXISTS (${FILTER_COLUMNS}) AND NOT EXISTS (${FILTER_COLUMNS} EXCEPT ${KEY_COLUMNS})
      AND (prattrs IS NULL OR attname IN (${LISTED_COLUMNS})) AND attname NOT IN (${KEY_COLUMNS})`;
}

/**
 * Types of variable length whose values have at most 24 bytes, which are never stored out of line
 * (`toast_tuple_find_biggest_attribute`): `inet`, `cidr`, and `char`, `varchar` and `numeric` with so few characters or digits.
 */
const IS_SHORT = `CASE WHEN atttypid IN (650, 869) THEN true WHEN atttypid IN (1042, 1043) THEN atttypmod BETWEEN 4 AND 9
  WHEN atttypid = 1700 THEN atttypmod >= 4 AND (atttypmod - 4) >> 16 <= 29 ELSE false END`;
