import type { PgoutputConfig } from '../../../lib/index';

/** A row, old or new. */
type Row = Readonly<Record<string, unknown>>;

/** One change, or consecutive rows of padding. */
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

/** A transaction, or a non-transactional logical message. */
export type Seen =
  | readonly SeenChange[]
  | { readonly origin: string; readonly commitTime: string; readonly changes: readonly SeenChange[] }
  | { readonly outside: string; readonly content: string };

/** SQL, and the expected stream, however it is requested. */
export interface Scenario {
  readonly name: string;
  /** The first server that supports the feature. */
  readonly since?: number;
  /** The initial state of the database. A table `padding` also exists. */
  readonly setup: string;
  /** What is published. Default: all tables. */
  readonly published?: string;
  /** One transaction each, after the slot was created. */
  readonly work: readonly string[];
  /** Cleanup of objects outside the database. */
  readonly leave?: string;
  readonly config?: Pick<PgoutputConfig, 'types' | 'composites' | 'messages' | 'origin'>;
  readonly seen: readonly Seen[];
}

/** More than the server keeps in memory with the minimum of `logical_decoding_work_mem`, 64 kB. */
const MANY = 400;

/** SQL that makes a transaction large enough to be streamed. */
export const PAD = `INSERT INTO padding SELECT g, md5(g::text) FROM generate_series(1, ${MANY}) g;`;
/** The expected changes of {@link PADDING}. */
export const PADDING = { padding: MANY } as const;
