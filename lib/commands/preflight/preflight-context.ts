import { ReplicationError } from '../../common/errors';
import type { PreflightFinding } from '../../common/preflight-findings';
import { getCount, getText, type ProtocolRoutine, type ResultRow } from '../protocol-routine';
import type { StreamPlan } from '../open-stream';
import type { ServerInfo } from '../startup';
import { toFinding } from './finding';

/** The plan of the stream and the server that the checks examine. */
export interface PreflightContext {
  readonly plan: StreamPlan;
  readonly server: ServerInfo;
  /** Whether the stream looks up types that are not built in. */
  readonly lookUpTypes: boolean;
}

/** A check, which changes nothing on the server. */
export type Check = (context: PreflightContext) => ProtocolRoutine<readonly PreflightFinding[]>;

/** Converts the error of a check that the stream itself uses to a finding. */
export function toFindings(check: () => void): readonly PreflightFinding[] {
  try {
    check();
    return [];
  } catch (error) {
    if (error instanceof ReplicationError) return [toFinding(error)];
    throw error;
  }
}

/** How many names a message lists; it counts the others. */
const MAX_NAMED = 5;

/** Formats rows of {@link buildNamesQuery} as `"a", "b" and 7 others`. There is at least one row. */
export function listNames(rows: readonly ResultRow[]): string {
  const names = rows.slice(0, MAX_NAMED).map((row) => JSON.stringify(getText(row, 'name')));
  const [first] = rows;
  const others = (first ? getCount(first, 'total') : 0) - names.length;
  return others > 0 ? `${names.join(', ')} and ${others} others` : names.join(', ');
}

/** SQL for the name of a table as in messages, see `formatTableName` in table.ts. */
export function buildTableName(schema: string, name: string): string {
  return `CASE WHEN ${schema} = 'public' THEN '' ELSE ${buildQuotedIdentifier(schema)} || '.' END || ${buildQuotedIdentifier(name)}`;
}

function buildQuotedIdentifier(part: string): string {
  return `CASE WHEN ${part} ~ '[."]' THEN '"' || replace(${part}, '"', '""') || '"' ELSE ${part}::text END`;
}

/** SQL for the name of a column, for example `users.email`. */
export function buildColumnName(schema: string, table: string, column: string): string {
  return `${buildTableName(schema, table)} || '.' || ${buildQuotedIdentifier(column)}`;
}

/** Wraps a query of one column, `name`, for {@link listNames}. */
export function buildNamesQuery(names: string): string {
  return `SELECT name, count(*) OVER () AS total FROM (${names}) AS found ORDER BY name LIMIT ${MAX_NAMED}`;
}
