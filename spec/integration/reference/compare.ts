import type { Client } from 'pg';
import { identifier } from './schema';

/** The numbers of rows of two databases, and their differences. */
export interface Comparison {
  readonly rows: number;
  /** Tables with some of the rows that only one of the two databases has. */
  readonly differences: readonly Difference[];
}

interface Difference {
  readonly table: string;
  readonly onlySource: readonly string[];
  readonly onlyCopy: readonly string[];
}

const ENOUGH = 3;

/** Compares all tables by the text of their rows. */
export async function compare(source: Client, copy: Client): Promise<Comparison> {
  const tables = await tablesOf(source);
  const differences: Difference[] = [];
  const others = await tablesOf(copy);
  if (others.join('\n') !== tables.join('\n')) {
    differences.push({ table: 'the tables themselves', ...onlyIn(tables, others) });
  }
  let rows = 0;
  for (const table of tables.filter((each) => others.includes(each))) {
    const [ours, theirs] = [await rowsOf(source, table), await rowsOf(copy, table)];
    rows += ours.length;
    if (ours.join('\n') !== theirs.join('\n')) differences.push({ table, ...onlyIn(ours, theirs) });
  }
  return { rows, differences };
}

async function tablesOf(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
}

/** The texts of rows in order, with a number if a text occurs more than once. */
async function rowsOf(client: Client, table: string): Promise<string[]> {
  const { rows } = await client.query<{ row: string }>(
    `SELECT format('%s #%s', t, row_number() OVER (PARTITION BY t::text)) AS row FROM ${identifier(table)} t
      ORDER BY t::text COLLATE "C", 1`,
  );
  return rows.map(({ row }) => row);
}

function onlyIn(source: readonly string[], copy: readonly string[]): Omit<Difference, 'table'> {
  const [ours, theirs] = [new Set(source), new Set(copy)];
  const some = (rows: readonly string[], others: ReadonlySet<string>): string[] =>
    rows.filter((row) => !others.has(row)).slice(0, ENOUGH).map((row) => row.slice(0, 500)); // prettier-ignore
  return { onlySource: some(source, theirs), onlyCopy: some(copy, ours) };
}
