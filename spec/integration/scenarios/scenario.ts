import type { PgoutputConfig } from '../../../lib/index';

/** What a row looks like, old or new. */
type Row = Readonly<Record<string, unknown>>;

/** One change, or rows of padding that follow each other. */
export type SeenChange =
  | { readonly insert: string; readonly row: Row }
  | {
      readonly update: string;
      readonly row: Row;
      readonly old?: Row;
      readonly key?: Row;
      readonly unchanged?: readonly string[];
    }
  | { readonly delete: string; readonly old?: Row; readonly key?: Row }
  | { readonly truncate: readonly string[]; readonly cascade?: true; readonly restartIdentity?: true }
  | { readonly message: string; readonly content: string }
  | { readonly padding: number };

/** A transaction, or a logical message outside any. */
export type Seen =
  | readonly SeenChange[]
  | { readonly origin: string; readonly commitTime: string; readonly changes: readonly SeenChange[] }
  | { readonly outside: string; readonly content: string };

/** SQL, and what a stream of it must show, however it is asked for. */
export interface Scenario {
  readonly name: string;
  /** The first server that has what it is about. */
  readonly since?: number;
  /** What the database starts with. A table `padding` is there, too. */
  readonly setup: string;
  /** What is published. Default: all tables. */
  readonly published?: string;
  /** A transaction each, after the slot was made. */
  readonly work: readonly string[];
  /** What has to be cleared up that does not go with the database. */
  readonly leave?: string;
  readonly config?: Pick<PgoutputConfig, 'types' | 'composites' | 'messages' | 'origin'>;
  readonly seen: readonly Seen[];
}

/** More than the server keeps in memory with `logical_decoding_work_mem` at its least, 64 kB. */
const MANY = 400;

/** SQL that makes a transaction large enough to be streamed. */
export const PAD = `INSERT INTO padding SELECT g, md5(g::text) FROM generate_series(1, ${MANY}) g;`;
/** What is seen of it. */
export const PADDING = { padding: MANY } as const;
