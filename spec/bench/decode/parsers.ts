import type { Payloads } from './payloads';
import { ours } from './parsers/ours';
import { pgLogicalReplication } from './parsers/pg-logical-replication';
import { pgwire } from './parsers/pgwire';

export type Row = Readonly<Record<string, unknown>>;

/** Told of each change with the rows that came with it: the new one, and the old one or its key. */
export type OnChange = (kind: ChangeKind, after: Row | undefined, before: Row | undefined) => void;

export type ChangeKind = 'insert' | 'update' | 'delete';

/** Decodes all payloads in the order in which they came, with all values in them. */
export type Pass = (onChange: OnChange) => void | Promise<void>;

/** Makes a parser, and whatever it wants apart from the payloads, before the clock runs. */
export type MakeParser = (payloads: Payloads) => Promise<Pass>;

/** All that can be fed without a server. The package `postgres` has a parser that nobody else can call. */
export const PARSERS: Readonly<Record<string, MakeParser>> = {
  ours,
  'pg-logical-replication': pgLogicalReplication,
  pgwire,
};

/** Those of which each value is made when it is read. */
export const LAZY: readonly string[] = ['pgwire'];

export function isChange(kind: string): kind is ChangeKind {
  return kind === 'insert' || kind === 'update' || kind === 'delete';
}
