import { stripVTControlCharacters } from 'node:util';
import { formatLsn, type Transaction } from 'rxjs-pg-replication';
import { colors } from './colors';
import { showChange, type ChangeLine } from './show-change';

/** A transaction with more changes is shown with only the first few. */
const MAX_CHANGES = 12;
const FIRST_CHANGES = 5;

/** Formats a transaction as text: a title line, and a line for each change. */
export function showTransaction(tx: Transaction): string {
  const shown = tx.size > MAX_CHANGES ? tx.changes.slice(0, FIRST_CHANGES) : tx.changes;
  const more = tx.size - shown.length;
  const rail = colors.dim('│');
  return [
    `${colors.dim('┌')} ${header(tx)}`,
    ...showChanges(shown.map(showChange)).map((line) => `${rail} ${line}`),
    ...(more > 0 ? [`${rail} ${colors.dim(`… and ${count(more, 'change')} more`)}`] : []),
  ].join('\n');
}

/** `1 change`, `2 changes`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function header({ xid, commitLsn, commitTime, origin, size }: Transaction): string {
  const parts = [
    colors.bold(`xid ${xid}`),
    `commit ${colors.cyan(formatLsn(commitLsn))}`,
    commitTime.toISOString().slice(11, 23),
    count(size, 'change'),
    ...(origin === undefined ? [] : [`origin ${origin}`]),
  ];
  return parts.join(colors.dim(' · '));
}

function showChanges(lines: readonly ChangeLine[]): string[] {
  const subjects = findWidest(lines.map(({ subject }) => subject));
  const widths = cellWidths(lines);
  return lines.flatMap((line) => {
    const start = `${line.sign} ${pad(line.subject, subjects)}`;
    const cells = line.cells.map((cell, index) => pad(cell, widths.get(cellKey(line, index)) ?? 0));
    return wrap(start, cells);
  });
}

/** A column of a table has the same width in all changes of a kind. */
function cellWidths(lines: readonly ChangeLine[]): Map<string, number> {
  const widths = new Map<string, number>();
  for (const line of lines) {
    for (const [index, cell] of line.cells.entries()) {
      const key = cellKey(line, index);
      widths.set(key, Math.max(widths.get(key) ?? 0, measureWidth(cell)));
    }
  }
  return widths;
}

function cellKey({ sign, subject }: ChangeLine, index: number): string {
  return `${sign} ${subject} ${index}`;
}

/** Wraps a line between cells to the width of the terminal. */
function wrap(start: string, cells: readonly string[]): string[] {
  // The border takes two columns.
  const available = (process.stdout.isTTY ? process.stdout.columns : Infinity) - 2;
  const indent = ' '.repeat(measureWidth(start));
  const lines: string[] = [];
  let line = start;
  let length = indent.length;
  for (const cell of cells) {
    if (length > indent.length && length + 2 + measureWidth(cell) > available) {
      lines.push(line);
      line = indent;
      length = indent.length;
    }
    line += `  ${cell}`;
    length += 2 + measureWidth(cell);
  }
  return [...lines, line].map((text) => text.trimEnd());
}

function findWidest(texts: readonly string[]): number {
  return Math.max(0, ...texts.map(measureWidth));
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - measureWidth(text)));
}

/** The width of a text in terminal columns. */
function measureWidth(text: string): number {
  return stripVTControlCharacters(text).length;
}
