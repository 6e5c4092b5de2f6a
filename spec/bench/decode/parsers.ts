import type { Payloads } from './payloads';
import { ours } from './parsers/ours';
import { pgLogicalReplication } from './parsers/pg-logical-replication';
import { pgwire } from './parsers/pgwire';

export type Row = Readonly<Record<string, unknown>>;

/** Called for each change with its rows: the new one, and the old one or its key. */
export type OnChange = (kind: ChangeKind, after: Row | undefined, before: Row | undefined) => void;

export type ChangeKind = 'insert' | 'update' | 'delete';

/** Decodes all payloads in order, with all values. */
export type Pass = (onChange: OnChange) => void | Promise<void>;

/** Creates a parser and everything it needs except the payloads, before time is measured. */
export type MakeParser = (payloads: Payloads) => Promise<Pass>;

/** All parsers that do not require a server. The parser of the package `postgres` is not exported. */
export const PARSERS: Readonly<Record<string, MakeParser>> = {
  ours,
  'pg-logical-replication': pgLogicalReplication,
  pgwire,
};

/** Parsers that decode a value when it is read. */
export const LAZY: readonly string[] = ['pgwire'];

export function isChange(kind: string): kind is ChangeKind {
  return kind === 'insert' || kind === 'update' || kind === 'delete';
}
