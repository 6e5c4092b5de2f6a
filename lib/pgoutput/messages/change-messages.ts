import { Delivery } from '../../ledger/acknowledgement';
import type { Checkpoint } from '../../ledger/checkpoint';
import { toJsonMembers, toJsonValue } from '../../common/json';
import type { Lsn } from '../../common/lsn';
import { isRecord } from '../../common/options';
import { Message } from './message';
import { toRowJson } from './row-json';
import type { Relation } from './table';
import type { AnyTables, RowOf, UpdatedRow } from './typed-tables';

/** Where a change of a committed transaction stands. `(commitLsn, ordinal)` is the total order of changes. */
export interface CommittedPosition {
  /** The commit LSN of its transaction; of a prepared one the prepare LSN. */
  readonly commitLsn: Lsn;
  /** Its place in the transaction, from 0. */
  readonly ordinal: number;
  readonly xid: undefined;
}

/** Where a change stands that is streamed while its transaction is open: nobody knows yet whether that commits, and where. */
export interface StreamedPosition {
  readonly commitLsn: undefined;
  readonly ordinal: undefined;
  /** The subtransaction that made the change, or the transaction itself: what a Stream Abort names. */
  readonly xid: number;
}

/** Where a change stands. */
export type ChangePosition = CommittedPosition | StreamedPosition;

/** The members of a change that are rows, or parts of them. */
const ROWS: readonly string[] = ['new', 'old', 'key'];

abstract class RowChange<Name extends string, P extends ChangePosition> extends Message {
  readonly #relation: Relation<Name>;
  readonly schema: string;
  /** As in {@link Relation.table}: `users` in schema public, `billing.invoices` elsewhere. */
  readonly table: Name;
  /** The commit LSN of its transaction. `(commitLsn, ordinal)` is the total order of changes. */
  readonly commitLsn: P['commitLsn'];
  /** Its place in the transaction, from 0. */
  readonly ordinal: P['ordinal'];
  /** Which subtransaction made it; only of a streamed change. */
  declare readonly xid: P['xid'];

  constructor(relation: Relation<Name>, { commitLsn, ordinal, xid }: P) {
    super();
    this.commitLsn = commitLsn;
    this.ordinal = ordinal;
    if (xid !== undefined) this.xid = xid;
    this.#relation = relation;
    this.schema = relation.schema;
    this.table = relation.table;
  }

  /** The table as it was at this change. */
  get relation(): Relation<Name> {
    return this.#relation;
  }

  override toJSON(): Record<string, unknown> {
    const formOf = (member: unknown, name: string): unknown =>
      ROWS.includes(name) && isRecord(member) ? toRowJson(this.#relation, member) : toJsonValue(member);
    return { kind: this.kind, ...toJsonMembers(this, [], formOf) };
  }
}

/**
 * A row was added. It also stands for an UPDATE that moves a row into the publication's row filter (PostgreSQL 15 and
 * later), and for the second half of one that moves it to another partition.
 *
 * Only an insert that a row filter makes of an UPDATE can lack columns. Without row filters, and under REPLICA IDENTITY FULL,
 * `unchanged` is always empty. Source: pgoutput.c, `pgoutput_row_filter`.
 *
 * @example
 * if (change.kind === 'insert' && change.unchanged.length > 0) console.warn(`Read ${change.unchanged.join()} from the table`);
 */
export class InsertMessage<
  Tables extends object = AnyTables,
  Name extends keyof Tables & string = keyof Tables & string,
  P extends ChangePosition = CommittedPosition,
> extends RowChange<Name, P> {
  readonly kind = 'insert';
  /**
   * The row, with the published columns except those named in `unchanged`. By its type, columns that may be missing are
   * optional, as in {@link UpdateMessage.new}.
   */
  readonly new: UpdatedRow<RowOf<Tables, Name>>;

  constructor(
    relation: Relation<Name>,
    place: P,
    row: UpdatedRow<RowOf<Tables, Name>>,
    /**
     * Columns that the server did not send: a row filter has made this insert of an UPDATE, which did not touch them, and they
     * are stored out of line (TOAST).
     */
    readonly unchanged: readonly (keyof RowOf<Tables, Name> & string)[],
  ) {
    super(relation, place);
    this.new = row;
  }
}

export class UpdateMessage<
  Tables extends object = AnyTables,
  Name extends keyof Tables & string = keyof Tables & string,
  P extends ChangePosition = CommittedPosition,
> extends RowChange<Name, P> {
  readonly kind = 'update';
  /**
   * The row after the update, without the columns named in `unchanged`. By its type, those that may be left out are optional:
   * whatever has no fixed length. So it is what an UPDATE of the same row sets; over the row as it was before
   * (`{ ...stored, ...change.new }`) it is whole.
   */
  readonly new: UpdatedRow<RowOf<Tables, Name>>;

  constructor(
    relation: Relation<Name>,
    place: P,
    row: UpdatedRow<RowOf<Tables, Name>>,
    /** The whole row before the update; only under REPLICA IDENTITY FULL. */
    readonly old: RowOf<Tables, Name> | undefined,
    /**
     * The key before the update, which is some of the columns; only where the update changed it, or where some of it is stored
     * out of line (TOAST).
     */
    readonly key: Partial<RowOf<Tables, Name>> | undefined,
    /** Columns stored out of line (TOAST) that the update did not touch and the server therefore did not send. */
    readonly unchanged: readonly (keyof RowOf<Tables, Name> & string)[],
  ) {
    super(relation, place);
    this.new = row;
  }
}

/**
 * A row was removed. It also stands for an UPDATE that moves a row out of the publication's row filter (PostgreSQL 15 and
 * later), and for the first half of one that moves it to another partition.
 */
export class DeleteMessage<
  Tables extends object = AnyTables,
  Name extends keyof Tables & string = keyof Tables & string,
  P extends ChangePosition = CommittedPosition,
> extends RowChange<Name, P> {
  readonly kind = 'delete';
  constructor(
    relation: Relation<Name>,
    place: P,
    /** The whole row; only under REPLICA IDENTITY FULL. */
    readonly old: RowOf<Tables, Name> | undefined,
    /** The row's key, which is some of its columns; under every other replica identity. */
    readonly key: Partial<RowOf<Tables, Name>> | undefined,
  ) {
    super(relation, place);
  }
}

/** Tables were emptied, all by one command. */
export class TruncateMessage<
  Name extends string = string,
  P extends ChangePosition = CommittedPosition,
> extends Message {
  readonly kind = 'truncate';
  readonly #relations: readonly Relation<Name>[];
  /** Absent; see `tables`. So `change.table` can be asked for before the kind. */
  declare readonly table?: undefined;
  /** As in {@link InsertMessage.commitLsn}. */
  readonly commitLsn: P['commitLsn'];
  /** As in {@link InsertMessage.ordinal}. */
  readonly ordinal: P['ordinal'];
  /** As in {@link InsertMessage.xid}. */
  declare readonly xid: P['xid'];
  /** The published tables that it touched, named as in {@link InsertMessage.table}. */
  readonly tables: readonly Name[];

  constructor(
    relations: readonly Relation<Name>[],
    { commitLsn, ordinal, xid }: P,
    /** Whether it was TRUNCATE … CASCADE, which also empties the tables that refer to those named; `tables` has both. */
    readonly cascade: boolean,
    /** Whether it was TRUNCATE … RESTART IDENTITY, which sets the sequences that the tables own back to their start. */
    readonly restartIdentity: boolean,
  ) {
    super();
    this.commitLsn = commitLsn;
    this.ordinal = ordinal;
    if (xid !== undefined) this.xid = xid;
    this.#relations = relations;
    this.tables = relations.map((relation) => relation.table);
  }

  /** The tables as they were at this change. */
  get relations(): readonly Relation<Name>[] {
    return this.#relations;
  }
}

/** What pg_logical_emit_message wrote. Sent only with `messages: true`. */
export class LogicalMessage<P extends ChangePosition = CommittedPosition> extends Message {
  readonly kind = 'message';
  /** Absent, as in {@link TruncateMessage.table}. */
  declare readonly table?: undefined;
  /** The commit LSN of its transaction, where it has one. */
  readonly commitLsn: P['commitLsn'] | undefined;
  /** Its place in the transaction, where it has one. */
  readonly ordinal: P['ordinal'] | undefined;
  /** The streamed transaction that it belongs to, even where a subtransaction wrote it; only of a streamed one. */
  declare readonly xid: P['xid'];

  constructor(
    /** Whether it belongs to the transaction around it; otherwise it stands alone and comes as soon as it is written. */
    readonly transactional: boolean,
    /** Where its record ends. */
    readonly lsn: Lsn,
    readonly prefix: string,
    readonly content: Buffer,
    place: P | undefined,
  ) {
    super();
    this.commitLsn = place?.commitLsn;
    this.ordinal = place?.ordinal;
    if (place?.xid !== undefined) this.xid = place.xid;
  }

  /** As in {@link CommitMessage.checkpoint}. Inside a transaction it leads back to that one's Begin. */
  get checkpoint(): Checkpoint {
    return Delivery.checkpointOf(this, this.lsn);
  }
}
