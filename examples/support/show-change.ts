import { isDeepStrictEqual } from 'node:util';
import type { Change, DeleteMessage, InsertMessage, Row, TruncateMessage, UpdateMessage } from 'rxjs-pg-replication';
import { colors } from './colors';
import { showContent, showValue } from './show-value';

/** A change, formatted for a table. */
export interface ChangeLine {
  readonly sign: string;
  /** The table. */
  readonly subject: string;
  /** The columns, or a description. */
  readonly cells: readonly string[];
}

export function showChange(change: Change): ChangeLine {
  switch (change.kind) {
    case 'insert':
      return { sign: colors.green('+'), subject: change.table, cells: insertedColumns(change) };
    case 'update':
      return { sign: colors.yellow('~'), subject: change.table, cells: updatedColumns(change) };
    case 'delete':
      return { sign: colors.red('-'), subject: change.table, cells: deletedColumns(change) };
    case 'truncate':
      return { sign: colors.red('∅'), subject: change.tables.join(', '), cells: truncateOptions(change) };
    case 'message':
      return { sign: colors.magenta('✉'), subject: change.prefix, cells: [showContent(change.content)] };
  }
}

function column(name: string, value: string): string {
  return `${colors.dim(name)} ${value}`;
}

function columns(row: Row): string[] {
  return Object.entries(row).map(([name, value]) => column(name, showValue(value)));
}

function insertedColumns({ new: row, unchanged }: InsertMessage): string[] {
  return [...columns(row), ...notSent(unchanged)];
}

function updatedColumns({ new: row, old, key, unchanged }: UpdateMessage): string[] {
  if (old) return differences(old, row);
  const sent = Object.entries(row).map(([name, value]) =>
    key && Object.hasOwn(key, name) && !isDeepStrictEqual(key[name], value)
      ? changed(name, key[name], value)
      : column(name, showValue(value)),
  );
  return [...sent, ...notSent(unchanged)];
}

/** Unchanged TOAST values of an UPDATE, or of an INSERT that a row filter made from it. */
function notSent(unchanged: readonly string[]): string[] {
  return unchanged.map((name) => column(name, colors.dim('unchanged, not sent')));
}

/** With REPLICA IDENTITY FULL, shows the columns that differ from the old row, and the first one to identify the row. */
function differences(old: Row, row: Row): string[] {
  return Object.entries(row).flatMap(([name, value], index) => {
    if (!isDeepStrictEqual(old[name], value)) return [changed(name, old[name], value)];
    return index === 0 ? [column(name, showValue(value))] : [];
  });
}

function changed(name: string, before: unknown, after: unknown): string {
  return column(name, `${showValue(before)} ${colors.yellow('→')} ${showValue(after)}`);
}

function deletedColumns({ old, key }: DeleteMessage): string[] {
  return columns(old ?? key ?? {});
}

function truncateOptions({ restartIdentity, cascade }: TruncateMessage): string[] {
  return [...(restartIdentity ? ['restart identity'] : []), ...(cascade ? ['cascade'] : [])].map(colors.dim);
}
