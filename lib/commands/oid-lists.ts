import { ProtocolError } from '../common/errors';
import { parseArray } from '../pgoutput/values/array-text';
import { getCount, runQuery, getText, type ProtocolRoutine, type ResultRow } from './protocol-routine';

/** The maximum number of OIDs per row: with one OID per row, a result could exceed the limit on its number of rows. */
const MAX_OIDS_PER_ROW = 5_000;

/**
 * Returns the distinct OIDs of a query, in ascending order.
 *
 * @param oids a query of one column
 * @param limit the maximum number of OIDs
 */
export function* fetchDistinctOids(oids: string, limit: number): ProtocolRoutine<number[]> {
  const rows = yield* runQuery(
    `SELECT array_agg(oid ORDER BY oid) AS oids
      FROM (
        SELECT oid, row_number() OVER (ORDER BY oid) AS place
          FROM (SELECT DISTINCT oid FROM (${oids}) AS given (oid)) AS different
      ) AS placed
      WHERE place <= ${limit} GROUP BY (place - 1) / ${MAX_OIDS_PER_ROW} ORDER BY min(place)`,
  );
  return rows.flatMap((row) => getOids(row, 'oids'));
}

/** Returns the OIDs of a column that contains an array. */
export function getOids(row: ResultRow, column: string): number[] {
  return getList(row, column).map((oid) => getCount({ type: oid }, 'type'));
}

/** Returns the texts of a column that contains a one-dimensional array. */
export function getList(row: ResultRow, column: string): string[] {
  try {
    return parseArray(getText(row, column), ',', String).map(String);
  } catch (cause) {
    throw new ProtocolError(`The server sent a value of ${column} that is not a list`, { cause });
  }
}
