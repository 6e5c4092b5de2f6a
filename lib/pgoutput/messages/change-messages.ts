import { Delivery, type DeliveryState } from '../../ledger/acknowledgement';
import type { Checkpoint } from '../../ledger/checkpoint';
import { toJsonMembers, toJsonValue } from '../../common/json';
import type { Lsn } from '../../common/lsn';
import { isRecord } from '../../common/option-reader';
import { Message, RareMessage } from './message';
import { toRowJson } from './row-json';
import type { Relation } from './table';
import type { AnyTables, RowOf, UpdatedRow } from './typed-tables';

/** The position of a change in a committed transaction. `(commitLsn, ordinal)` orders all changes. */
export interface CommittedPosition {
  /** The commit LSN of the transaction; the prepare LSN of a prepared transaction. */
  readonly commitLsn: Lsn;
  /** The index of the change in the transaction, from 0. */
  readonly ordinal: number;
  readonly xid: undefined;
}

/** The position of a change that is streamed before its transaction commits: the commit LSN is not known yet. */
export interface StreamedPosition {
  readonly commitLsn: undefined;
  readonly ordinal: undefined;
  /** The subtransaction that made the change, or the transaction itself. {@link StreamAbortMessage.subxid} refers to it. */
  readonly xid: number;
}

/** The position of a change, in a committed or a streamed transaction. */
export type ChangePosition = CommittedPosition | StreamedPosition;

/** The members of a change that hold column values. */
const ROWS: readonly string[] = ['new', 'old', 'key'];

abstract class RowChange<Name extends string, P extends ChangePosition> extends Message {
  #state: DeliveryState | undefined;
  readonly #relation: Relation<Name>;
  readonly schema: string;
  /** As in {@link Relation.table}: `users` in schema public, `billing.invoices` elsewhere. */
  readonly table: Name;
  /** The commit LSN of the transaction. `(commitLsn, ordinal)` orders all changes. Undefined in a streamed change. */
  readonly commitLsn: P['commitLsn'];
  /** The index of the change in the transaction, from 0. */
  readonly ordinal: P['ordinal'];
  /** The subtransaction that made the change. Only streamed changes have it. */
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

  /** The table definition at the time of the change. */
  get relation(): Relation<Name> {
    return this.#relation;
  }

  /** @internal */
  override get deliveryState(): DeliveryState | undefined {
    return this.#state;
  }

  /** @internal */
  override set deliveryState(state: DeliveryState | undefined) {
    this.#state = state;
  }

  override toJSON(): Record<string, unknown> {
    const formOf = (member: unknown, name: string): unknown =>
      ROWS.includes(name) && isRecord(member) ? toRowJson(this.#relation, member) : toJsonValue(member);
    return { kind: this.kind, ...toJsonMembers(this, [], formOf) };
  }
}

/**
 * An inserted row. The server also sends an insert for an UPDATE that makes a row match the publication's row filter
 * (PostgreSQL 15 and later), and, after a delete, for an UPDATE that moves a row to another partition.
 *
 * Columns can be missing only if a row filter turned an UPDATE into this insert. Without row filters, and under
 * REPLICA IDENTITY FULL, `unchanged` is always empty. Source: pgoutput.c, `pgoutput_row_filter`.
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
   * The published columns of the row, except those named in `unchanged`. The type makes columns that can be missing
   * optional, as in {@link UpdateMessage.new}.
   */
  readonly new: UpdatedRow<RowOf<Tables, Name>>;

  constructor(
    relation: Relation<Name>,
    position: P,
    row: UpdatedRow<RowOf<Tables, Name>>,
    /**
     * Columns that the server did not send. A row filter turned an UPDATE into this insert, the UPDATE did not change these
     * columns, and their values are stored out of line (TOAST).
     */
    readonly unchanged: readonly (keyof RowOf<Tables, Name> & string)[],
  ) {
    super(relation, position);
    this.new = row;
  }
}

/**
 * An updated row.
 *
 * The server omits unchanged values that are stored out of line (TOAST): `new` does not have these columns, and `unchanged`
 * names them. Under REPLICA IDENTITY FULL the library takes them from the old row, so `new` is complete. Source: manual,
 * "Logical Replication Message Formats", Update and TupleData.
 *
 * @example
 * if (change.kind === 'update') rows.set(id, { ...rows.get(id), ...change.new });
 */
export class UpdateMessage<
  Tables extends object = AnyTables,
  Name extends keyof Tables & string = keyof Tables & string,
  P extends ChangePosition = CommittedPosition,
> extends RowChange<Name, P> {
  readonly kind = 'update';
  /**
   * The row after the update, without the columns named in `unchanged`. The type makes every column of variable length
   * optional, because the server can omit it. To get the complete row, merge it into the stored row:
   * `{ ...stored, ...change.new }`.
   */
  readonly new: UpdatedRow<RowOf<Tables, Name>>;

  constructor(
    relation: Relation<Name>,
    position: P,
    row: UpdatedRow<RowOf<Tables, Name>>,
    /** The complete row before the update. Undefined unless the table has REPLICA IDENTITY FULL. */
    readonly old: RowOf<Tables, Name> | undefined,
    /**
     * The columns of the replica identity before the update. The server sends them only if the update changed one of them, or
     * if one of them is stored out of line (TOAST).
     */
    readonly key: Partial<RowOf<Tables, Name>> | undefined,
    /** Columns that the server did not send, because they are stored out of line (TOAST) and the update did not change them. */
    readonly unchanged: readonly (keyof RowOf<Tables, Name> & string)[],
  ) {
    super(relation, position);
    this.new = row;
  }
}

/**
 * A deleted row. The server also sends a delete for an UPDATE after which a row no longer matches the publication's row
 * filter (PostgreSQL 15 and later), and, before an insert, for an UPDATE that moves a row to another partition.
 */
export class DeleteMessage<
  Tables extends object = AnyTables,
  Name extends keyof Tables & string = keyof Tables & string,
  P extends ChangePosition = CommittedPosition,
> extends RowChange<Name, P> {
  readonly kind = 'delete';
  constructor(
    relation: Relation<Name>,
    position: P,
    /** The complete row. Undefined unless the table has REPLICA IDENTITY FULL. */
    readonly old: RowOf<Tables, Name> | undefined,
    /** The columns of the replica identity. Undefined under REPLICA IDENTITY FULL. */
    readonly key: Partial<RowOf<Tables, Name>> | undefined,
  ) {
    super(relation, position);
  }
}

/** A TRUNCATE command of one or more tables. */
export class TruncateMessage<
  Name extends string = string,
  P extends ChangePosition = CommittedPosition,
> extends RareMessage {
  readonly kind = 'truncate';
  readonly #relations: readonly Relation<Name>[];
  /** Always absent, so that `change.table` compiles for every kind of change. Use `tables`. */
  declare readonly table?: undefined;
  /** As in {@link InsertMessage.commitLsn}. */
  readonly commitLsn: P['commitLsn'];
  /** As in {@link InsertMessage.ordinal}. */
  readonly ordinal: P['ordinal'];
  /** As in {@link InsertMessage.xid}. */
  declare readonly xid: P['xid'];
  /** The published tables that the command truncated, named as in {@link InsertMessage.table}. */
  readonly tables: readonly Name[];

  constructor(
    relations: readonly Relation<Name>[],
    { commitLsn, ordinal, xid }: P,
    /** Whether the command was TRUNCATE … CASCADE. `tables` then includes the referencing tables. */
    readonly cascade: boolean,
    /** Whether the command was TRUNCATE … RESTART IDENTITY, which restarts the sequences that the tables own. */
    readonly restartIdentity: boolean,
  ) {
    super();
    this.commitLsn = commitLsn;
    this.ordinal = ordinal;
    if (xid !== undefined) this.xid = xid;
    this.#relations = relations;
    this.tables = relations.map((relation) => relation.table);
  }

  /** The table definitions at the time of the change. */
  get relations(): readonly Relation<Name>[] {
    return this.#relations;
  }
}

/** A message written by `pg_logical_emit_message`. The server sends it only with `messages: true`. */
export class LogicalMessage<P extends ChangePosition = CommittedPosition> extends RareMessage {
  readonly kind = 'message';
  /** Always absent, as in {@link TruncateMessage.table}. */
  declare readonly table?: undefined;
  /** The commit LSN of the transaction. Undefined outside a transaction, and in a streamed one. */
  readonly commitLsn: P['commitLsn'] | undefined;
  /** The index of the message in the transaction, from 0. Undefined outside a transaction, and in a streamed one. */
  readonly ordinal: P['ordinal'] | undefined;
  /** The streamed transaction, even if a subtransaction wrote the message. Only streamed messages have it. */
  declare readonly xid: P['xid'];

  constructor(
    /** Whether the message is part of a transaction. Otherwise the server sends it immediately, even if the transaction aborts. */
    readonly transactional: boolean,
    /** The end of the WAL record. */
    readonly lsn: Lsn,
    readonly prefix: string,
    readonly content: Buffer,
    position: P | undefined,
  ) {
    super();
    this.commitLsn = position?.commitLsn;
    this.ordinal = position?.ordinal;
    if (position?.xid !== undefined) this.xid = position.xid;
  }

  /** As in {@link CommitMessage.checkpoint}. Inside a transaction, the stream restarts at the Begin of that transaction. */
  get checkpoint(): Checkpoint {
    return Delivery.checkpointOf(this, this.lsn);
  }
}
