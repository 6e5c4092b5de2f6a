import { inspect } from 'node:util';
import { Delivery } from '../acknowledgement';
import type { Checkpoint } from '../checkpoint';
import { jsonMembers } from '../json';
import { formatLsn, type Lsn } from '../lsn';

/**
 * A row by column name. A column that the server did not send is absent, which is not the same as null.
 *
 * To name the columns, use a `type` (TypeScript does not convert to an `interface`).
 *
 * @example
 * type Order = { id: number; total: string };
 * const { id } = insert.new as Order;
 */
export type Row = Record<string, unknown>;

/** How a table identifies the row that an UPDATE or DELETE touched. Source: manual, ALTER TABLE … REPLICA IDENTITY. */
export type ReplicaIdentity = 'default' | 'nothing' | 'full' | 'index';

/** A column of a published table. */
export interface Column {
  readonly name: string;
  /** Whether the column is part of the replica identity's key. */
  readonly key: boolean;
  readonly typeOid: number;
  /** The type's modifier (atttypmod), -1 where it has none. */
  readonly typeModifier: number;
}

/** A table as it was when the change was made. Immutable: DDL makes a new one. */
export interface Relation {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** `users` in schema public, `billing.invoices` elsewhere. */
  readonly table: string;
  readonly replicaIdentity: ReplicaIdentity;
  readonly columns: readonly Column[];
}

/** What all messages share: acknowledgement, a JSON form, and how `console.log` shows them. */
export abstract class Message extends Delivery {
  abstract readonly kind: string;

  toJSON(): Record<string, unknown> {
    // What a reader of logs looks for comes first.
    return { kind: this.kind, ...jsonMembers(this) };
  }

  /**
   * What `console.log` shows: the class and its members, LSNs as `X/Y`.
   *
   * @internal
   */
  [inspect.custom](): object {
    // It inherits the class's name, but not this method: inspect formats it like any object, by its own options and depth.
    const shown = Object.create(this, { [inspect.custom]: { value: undefined } }) as object;
    const members = new Map<string, unknown>([['kind', this.kind], ...Object.entries(this)]);
    for (const [name, member] of members) {
      const value = typeof member === 'bigint' ? formatLsn(member) : member;
      Object.defineProperty(shown, name, { value, enumerable: true });
    }
    return shown;
  }
}

/** A committed transaction starts. Everything up to its {@link CommitMessage} belongs to it. */
export class BeginMessage extends Message {
  readonly kind = 'begin';
  constructor(
    /** Where the commit record starts. The transaction is sent again if and only if this is at or after the start position. */
    readonly commitLsn: Lsn,
    /**
     * When it was committed, by the server's clock; PostgreSQL's µs are cut to ms, as a Date has no more. Of a transaction
     * replicated to this server it is the origin's time, so that it may go back from one transaction to the next.
     */
    readonly commitTime: Date,
    /** The transaction's id. It is 32 bits wide and wraps: no order follows from it. */
    readonly xid: number,
  ) {
    super();
  }
}

/** A transaction is complete. */
export class CommitMessage extends Message {
  readonly kind = 'commit';
  constructor(
    /** Where the commit record starts. */
    readonly commitLsn: Lsn,
    /** Where the commit record ends: the position that is confirmed once the transaction is settled. */
    readonly endLsn: Lsn,
    /** As in {@link BeginMessage.commitTime}: cut to ms, the origin's time when replicated, not monotonic. */
    readonly commitTime: Date,
  ) {
    super();
  }

  /** To store beside the data, where the consumer keeps the position; see {@link Checkpoint}. */
  get checkpoint(): Checkpoint {
    return Delivery.checkpointOf(this, this.endLsn);
  }
}

/** The transaction was replicated to this server from elsewhere. Follows Begin. */
export class OriginMessage extends Message {
  readonly kind = 'origin';
  constructor(
    /** What this server calls the replication origin: `roname` in `pg_replication_origin`. */
    readonly name: string,
    /** The commit LSN on the server where it was first made. */
    readonly originLsn: Lsn,
  ) {
    super();
  }
}

/** A table's description, sent before its first change and again whenever it may have changed. */
export class RelationMessage extends Message implements Relation {
  readonly kind = 'relation';
  constructor(
    readonly oid: number,
    readonly schema: string,
    readonly name: string,
    readonly table: string,
    readonly replicaIdentity: ReplicaIdentity,
    readonly columns: readonly Column[],
  ) {
    super();
  }
}

/** The name of a type that is not built in. A domain has its own OID here and the name of its base type. */
export class TypeMessage extends Message {
  readonly kind = 'type';
  constructor(
    readonly oid: number,
    readonly schema: string,
    readonly name: string,
  ) {
    super();
  }
}

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

/**
 * The server tells how far it has read. Needs no acknowledgement, except where the consumer keeps the position (`startLsn`
 * as a function): there the slot moves to `walEnd` only once that is acknowledged. While something else awaits one, a keepalive follows
 * another only after 100 ms: of several, the last comes.
 */
export class KeepaliveMessage extends Message {
  readonly kind = 'keepalive';
  constructor(
    /** Everything that this stream will send and that committed before here has been sent. */
    readonly walEnd: Lsn,
    /** When the server sent this, by its own clock; PostgreSQL's µs are cut to ms, as a Date has no more. */
    readonly serverTime: Date,
    /** Whether the server asked for a prompt status update; the library has seen to it. */
    readonly replyRequested: boolean,
  ) {
    super();
  }

  /** As in {@link CommitMessage.checkpoint}, for progress without changes. */
  get checkpoint(): Checkpoint {
    return Delivery.checkpointOf(this, this.walEnd);
  }
}

/**
 * What another plugin than pgoutput wrote by one call, as it came. Acknowledging it confirms the highest `dataStart` so
 * far, once all that was delivered before it is acknowledged too.
 *
 * Source: PostgreSQL manual, "Streaming Replication Protocol", XLogData.
 */
export class XLogDataMessage extends Message {
  readonly kind = 'xlogData';
  constructor(
    /**
     * The WAL position that the server gives it: a change's own, at the begin of a transaction the first change's, at its
     * commit the end LSN; 0 where the plugin writes more for the same record. It goes back between transactions that ran at
     * the same time: neither an order nor an offset to resume from.
     */
    readonly dataStart: Lsn,
    /** The same as `dataStart`. It is the end of the server's WAL in physical replication only. */
    readonly walEnd: Lsn,
    /** When the server sent this, by its own clock; PostgreSQL's µs are cut to ms, as a Date has no more. */
    readonly serverTime: Date,
    /** The plugin's output, in a format of its own: text in UTF-8, or bytes. A copy, the subscriber's to keep. */
    readonly data: Buffer,
  ) {
    super();
  }
}

/** What can happen to a table. */
export type TableChange = InsertMessage | UpdateMessage | DeleteMessage | TruncateMessage;

/** A row or table change, or a logical message inside a transaction: what a transaction consists of. */
export type Change = TableChange | LogicalMessage;

/** Everything that pgoutput sends. */
export type PgoutputMessage = BeginMessage | CommitMessage | OriginMessage | RelationMessage | TypeMessage | Change;

/** Everything that a stream of pgoutput emits; `kind` tells them apart. */
export type ReplicationMessage = PgoutputMessage | KeepaliveMessage;

/** Everything that a stream of any plugin emits. */
export type StreamMessage = ReplicationMessage | XLogDataMessage;
