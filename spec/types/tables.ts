/** Tables as users declare them, by hand and with Kysely. `npm run types` checks what stands in this folder; nothing runs. */
import type { ColumnType, Generated, GeneratedAlways, JSONColumnType } from 'kysely';

export interface User {
  id: number;
  email: string;
  nickname: string | null;
  since: Date | null;
}

/** As `new` has it, where columns of variable length may be missing. */
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
  /** Written and never read. */
  password: ColumnType<never, string, string>;
}

interface TagTable {
  name: string;
}

export interface Database {
  articles: ArticleTable;
  'blog.tags': TagTable;
}
