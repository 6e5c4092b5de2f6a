import { Delivery } from '../acknowledgement';
import type { Checkpoint } from '../checkpoint';
import type { Lsn } from '../lsn';
import { Message } from './message';
import type { Relation, Row } from './table';

abstract class RowChange extends Message {
  readonly #relation: Relation;
  readonly schema: string;
  /** `users` in schema public, `billing.invoices` elsewhere. */
  readonly table: string;

  constructor(
    relation: Relation,
    /** The commit LSN of its transaction. `(commitLsn, ordinal)` is the total order of changes. */
    readonly commitLsn: Lsn,
    /** Its place in the transaction, from 0. */
    readonly ordinal: number,
  ) {
    super();
    this.#relation = relation;
    this.schema = relation.schema;
    this.table = relation.table;
  }

  /** The table as it was at this change. */
  get relation(): Relation {
    return this.#relation;
  }
}

/**
 * A row was added. It also stands for an UPDATE that moves a row into the publication's row filter (PostgreSQL 15 and
 * later), and for the second half of one that moves it to another partition.
 */
export class InsertMessage extends RowChange {
  readonly kind = 'insert';
  /** The row, with all columns that are published. */
  readonly new: Row;

  constructor(relation: Relation, commitLsn: Lsn, ordinal: number, row: Row) {
    super(relation, commitLsn, ordinal);
    this.new = row;
  }
}

export class UpdateMessage extends RowChange {
  readonly kind = 'update';
  /** The row after the update, without the columns named in `unchanged`. */
  readonly new: Row;

  constructor(
    relation: Relation,
    commitLsn: Lsn,
    ordinal: number,
    row: Row,
    /** The whole row before the update; only under REPLICA IDENTITY FULL. */
    readonly old: Row | undefined,
    /** The key before the update; only where the update changed it. */
    readonly key: Row | undefined,
    /** Columns stored out of line (TOAST) that the update did not touch and the server therefore did not send. */
    readonly unchanged: readonly string[],
  ) {
    super(relation, commitLsn, ordinal);
    this.new = row;
  }
}

/**
 * A row was removed. It also stands for an UPDATE that moves a row out of the publication's row filter (PostgreSQL 15 and
 * later), and for the first half of one that moves it to another partition.
 */
export class DeleteMessage extends RowChange {
  readonly kind = 'delete';
  constructor(
    relation: Relation,
    commitLsn: Lsn,
    ordinal: number,
    /** The whole row; only under REPLICA IDENTITY FULL. */
    readonly old: Row | undefined,
    /** The row's key; under every other replica identity. */
    readonly key: Row | undefined,
  ) {
    super(relation, commitLsn, ordinal);
  }
}

/** Tables were emptied, all by one command. */
export class TruncateMessage extends Message {
  readonly kind = 'truncate';
  readonly #relations: readonly Relation[];
  /** The published tables that it touched, named as in {@link InsertMessage.table}. */
  readonly tables: readonly string[];

  constructor(
    relations: readonly Relation[],
    readonly commitLsn: Lsn,
    readonly ordinal: number,
    /** Whether it was TRUNCATE … CASCADE, which also empties the tables that refer to those named; `tables` has both. */
    readonly cascade: boolean,
    /** Whether it was TRUNCATE … RESTART IDENTITY, which sets the sequences that the tables own back to their start. */
    readonly restartIdentity: boolean,
  ) {
    super();
    this.#relations = relations;
    this.tables = relations.map((relation) => relation.table);
  }

  /** The tables as they were at this change. */
  get relations(): readonly Relation[] {
    return this.#relations;
  }
}

/** What pg_logical_emit_message wrote. Sent only with `messages: true`. */
export class LogicalMessage extends Message {
  readonly kind = 'message';
  constructor(
    /** Whether it belongs to the transaction around it; otherwise it stands alone and comes as soon as it is written. */
    readonly transactional: boolean,
    /** Where its record ends. */
    readonly lsn: Lsn,
    readonly prefix: string,
    readonly content: Buffer,
    /** The commit LSN of its transaction, where it has one. */
    readonly commitLsn: Lsn | undefined,
    /** Its place in the transaction, where it has one. */
    readonly ordinal: number | undefined,
  ) {
    super();
  }

  /** As in {@link CommitMessage.checkpoint}. Inside a transaction it leads back to that one's Begin. */
  get checkpoint(): Checkpoint {
    return Delivery.checkpointOf(this, this.lsn);
  }
}
