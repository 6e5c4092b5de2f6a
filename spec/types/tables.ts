/**
 * Tables as users declare them, manually and with Kysely. `npm run types` checks the files of this folder, which are never run.
 */
import type { ColumnType, Generated, GeneratedAlways, JSONColumnType } from 'kysely';

export interface User {
  id: number;
  email: string;
  nickname: string | null;
  since: Date | null;
}

/** The type of `new` if columns of variable length may be missing. */
export interface UpdatedUser {
  id: number;
  email?: string;
  nickname?: string | null;
  since: Date | null;
}

export interface Invoice {
  number: bigint;
  readonly lines: string[];
  paid?: boolean;
}

export interface Tables {
  users: User;
  'billing.invoices': Invoice;
}

interface ArticleTable {
  id: GeneratedAlways<number>;
  uuid: Generated<string>;
  title: string;
  draft: Generated<boolean>;
  created_at: ColumnType<Date, string | undefined, never>;
  tags: JSONColumnType<{ names: string[] }>;
  rating: ColumnType<number, number, number> | null;
  /** Write-only. */
  password: ColumnType<never, string, string>;
}

interface TagTable {
  name: string;
}

export interface Database {
  articles: ArticleTable;
  'blog.tags': TagTable;
}
