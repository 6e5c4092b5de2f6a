import { Delivery } from '../../ledger/acknowledgement';
import type { Checkpoint } from '../../ledger/checkpoint';
import type { Lsn } from '../../common/lsn';
import { RareMessage } from './message';

/** A table of an initial copy. */
export interface CopiedTable<Name extends string = string> {
  readonly schema: string;
  readonly name: string;
  /** As in {@link Relation.table}: `users` in schema public, `billing.invoices` elsewhere. */
  readonly table: Name;
  /** The planner's estimate of the number of rows; undefined if the table was never analyzed. Row filters are not considered. */
  readonly estimatedRows: number | undefined;
  /** The size of the table at its last VACUUM or ANALYZE, in bytes, without indexes and TOAST. */
  readonly estimatedBytes: number;
}

/**
 * The start of an initial copy. Clear the tables that receive the rows, and a stored checkpoint, before you acknowledge it: an
 * earlier copy may have been interrupted. The library delivers no row before it is acknowledged.
 */
export class CopyBeginMessage<Name extends string = string> extends RareMessage implements Iterable<never> {
  readonly kind = 'copyBegin';

  constructor(
    /** The rows are those that are visible at this LSN. The stream that follows starts here. */
    readonly consistentPoint: Lsn,
    readonly tables: readonly CopiedTable<Name>[],
  ) {
    super();
  }

  /** No changes: a loop over changes can process every unit. */
  [Symbol.iterator](): Iterator<never> {
    return NO_CHANGES[Symbol.iterator]();
  }
}

/**
 * The end of a batch of copied rows, which are inserts. Several tables can be copied at once; a batch has rows of one table.
 * `transactions()` collects the rows of a batch.
 */
export class CopyProgressMessage<Name extends string = string> extends RareMessage {
  readonly kind = 'copyProgress';

  constructor(
    readonly table: Name,
    /** The number of rows of this table that were copied so far. */
    readonly rows: number,
    /** The number of bytes of this table that were received so far. */
    readonly bytes: number,
  ) {
    super();
  }
}

/**
 * The end of an initial copy: all rows are acknowledged. The changes of the stream follow once it is acknowledged. It is
 * delivered at least once; after a crash a new copy can follow it.
 */
export class CopyEndMessage extends RareMessage implements Iterable<never> {
  readonly kind = 'copyEnd';

  constructor(
    /** As in {@link CopyBeginMessage.consistentPoint}. */
    readonly consistentPoint: Lsn,
    /** The number of rows of all tables. */
    readonly rows: number,
  ) {
    super();
  }

  /** Store it together with the end of the copy if `startLsn` is a function. See {@link Checkpoint}. */
  get checkpoint(): Checkpoint {
    return Delivery.checkpointOf(this, this.consistentPoint);
  }

  /** No changes: a loop over changes can process every unit. */
  [Symbol.iterator](): Iterator<never> {
    return NO_CHANGES[Symbol.iterator]();
  }
}

/** The additional messages with `copy`. The rows of the copy are {@link InsertMessage}s. */
export type CopyMessage<Name extends string = string> =
  CopyBeginMessage<Name> | CopyProgressMessage<Name> | CopyEndMessage;

const NO_CHANGES: readonly never[] = [];
