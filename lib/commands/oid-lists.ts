import { ProtocolError } from '../common/errors';
import { parseArray } from '../pgoutput/values/array-text';
import { getCount, runQuery, getText, type ProtocolRoutine, type ResultRow } from './protocol-routine';

/** OIDs in a row of an answer: what has thousands of them would otherwise have more rows than an answer may have. */
const IN_A_ROW = 5_000;

/**
 * The different OIDs that a query gives, in ascending order.
 *
 * @param oids a query of one column
 * @param most those behind the first so many are left out
 */
export function* fetchDistinctOids(oids: string, most: number): ProtocolRoutine<number[]> {
  const rows = yield* runQuery(
    `SELECT array_agg(oid ORDER BY oid) AS oids
      FROM (
        SELECT oid, row_number() OVER (ORDER BY oid) AS place
          FROM (SELECT DISTINCT oid FROM (${oids}) AS given (oid)) AS different
      ) AS placed
      WHERE place <= ${most} GROUP BY (place - 1) / ${IN_A_ROW} ORDER BY min(place)`,
  );
  return rows.flatMap((row) => getOids(row, 'oids'));
}

/** The OIDs in a column that holds an array. */
export function getOids(row: ResultRow, column: string): number[] {
  return getList(row, column).map((oid) => getCount({ type: oid }, 'type'));
}

/** The texts in a column that holds an array of one dimension. */
export function getList(row: ResultRow, column: string): string[] {
  try {
    return parseArray(getText(row, column), ',', String).map(String);
  } catch (cause) {
    throw new ProtocolError(`The server sent no list as ${column}`, { cause });
  }
}
