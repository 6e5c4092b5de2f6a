import { ReplicationError } from '../../common/errors';
import type { PreflightFinding } from '../../common/findings';
import { getCount, getText, type ProtocolRoutine, type ResultRow } from '../protocol-routine';
import type { StreamPlan } from '../open-stream';
import type { ServerInfo } from '../startup';
import { toFinding } from './finding';

/** What is to be streamed, and from where. */
export interface PreflightContext {
  readonly plan: StreamPlan;
  readonly server: ServerInfo;
  /** Whether the stream would ask what types are made of. */
  readonly lookUpTypes: boolean;
}

/** Looks at one thing. It changes nothing. */
export type Check = (context: PreflightContext) => ProtocolRoutine<readonly PreflightFinding[]>;

/** What a check of the stream's own objects to. */
export function joinObjections(check: () => void): readonly PreflightFinding[] {
  try {
    check();
    return [];
  } catch (error) {
    if (error instanceof ReplicationError) return [toFinding(error)];
    throw error;
  }
}

/** How many names a message holds; the others are counted. */
const NAMED = 5;

/** `"a", "b" and 7 others`. Each row has a name as `name`, and how many there are as `total`; at least one comes. */
export function listNames(rows: readonly ResultRow[]): string {
  const names = rows.slice(0, NAMED).map((row) => JSON.stringify(getText(row, 'name')));
  const [first] = rows;
  const others = (first ? getCount(first, 'total') : 0) - names.length;
  return others > 0 ? `${names.join(', ')} and ${others} others` : names.join(', ');
}

/** SQL for a table as messages name it, see `tableName` in table.ts. */
export function tableName(schema: string, name: string): string {
  return `CASE WHEN ${schema} = 'public' THEN '' ELSE ${quoteIdentifier(schema)} || '.' END || ${quoteIdentifier(name)}`;
}

function quoteIdentifier(part: string): string {
  return `CASE WHEN ${part} ~ '[."]' THEN '"' || replace(${part}, '"', '""') || '"' ELSE ${part}::text END`;
}

/** SQL for a column of a table, as in `users.email`. */
export function formatColumnName(schema: string, table: string, column: string): string {
  return `${tableName(schema, table)} || '.' || ${quoteIdentifier(column)}`;
}

/** Wraps a query of one column, `name`, for {@link listNames}. */
export function buildNamesQuery(names: string): string {
  return `SELECT name, count(*) OVER () AS total FROM (${names}) AS found ORDER BY name LIMIT ${NAMED}`;
}
