import { giveName, ReplicationError, type ReplicationErrorOptions } from '../../common/errors';
import type { ErrorCode } from '../../common/error-codes';
import { formatLsn, type Lsn } from '../../common/lsn';
import type { ValueFault } from './value-fault';

/** How a value is written: as its type's output function prints it, or as its send function does (`binary: true`). */
export type ValueFormat = 'text' | 'binary';

/** Where a value stands. */
export interface ValueLocation {
  /** The commit LSN of its transaction, of a prepared one the prepare LSN; undefined while that is still open. */
  readonly commitLsn: Lsn | undefined;
  /** The transaction, where it is streamed while it is open; otherwise undefined. */
  readonly xid: number | undefined;
  readonly schema: string;
  /** As changes name it: `users` in schema public, `billing.invoices` elsewhere. */
  readonly table: string;
  readonly column: string;
  /** The OID of the column's type in pg_type. */
  readonly typeOid: number;
  readonly format: ValueFormat;
}

/**
 * A value cannot be decoded: `code` is `VALUE_DECODE_FAILED`, and `cause` is what a parser has thrown, where one has. The value
 * itself is left out, as it may be confidential.
 *
 * WAL is decoded with the catalog of its time: neither ALTER TABLE nor a change of the publication makes the value readable
 * that the stream has stopped at. With `onDecodeError: 'deliver'` it is delivered as {@link UndecodedValue}, and the stream
 * goes on.
 *
 * @example
 * source$.subscribe({
 *   error: (error) => {
 *     if (error instanceof ValueError) console.error(error.table, error.column, formatLsn(error.commitLsn ?? 0n));
 *   },
 * });
 */
export class ValueError extends ReplicationError implements ValueLocation {
  readonly commitLsn: Lsn | undefined;
  readonly xid: number | undefined;
  readonly schema: string;
  readonly table: string;
  readonly column: string;
  readonly typeOid: number;
  readonly format: ValueFormat;
  readonly #fact: string;
  readonly #fault: ValueFault | undefined;

  static {
    giveName(this, 'ValueError');
  }

  /**
   * @param fault what a reader of this library has thrown
   * @param code what a rule of the option `errors` takes it for
   */
  constructor(
    what: string,
    place: ValueLocation,
    options?: ReplicationErrorOptions,
    fault?: ValueFault,
    code: ErrorCode = 'VALUE_DECODE_FAILED',
  ) {
    super(code, `${what}, in ${describeTransaction(place)}`, options);
    this.#fact = what;
    this.commitLsn = place.commitLsn;
    this.xid = place.xid;
    this.schema = place.schema;
    this.table = place.table;
    this.column = place.column;
    this.typeOid = place.typeOid;
    this.format = place.format;
    this.#fault = fault;
  }

  /** As of every error, with where the value stands: the LSN as `X/Y`. */
  override toJSON(): Record<string, unknown> {
    const { commitLsn, xid, schema, table, column, typeOid, format } = this;
    const lsn = commitLsn === undefined ? undefined : formatLsn(commitLsn);
    return { ...super.toJSON(), commitLsn: lsn, xid, schema, table, column, typeOid, format };
  }

  /** @internal */
  get fault(): ValueFault | undefined {
    return this.#fault;
  }

  /** @internal */
  override recast(code: ErrorCode, seen: Pick<ReplicationErrorOptions, 'retryable' | 'remedy'>): ValueError {
    return new ValueError(this.#fact, this, this.kept(seen), this.#fault, code);
  }
}

function describeTransaction({ commitLsn, xid }: ValueLocation): string {
  return commitLsn === undefined
    ? `the open transaction ${xid ?? ''}`
    : `the transaction that commits at ${formatLsn(commitLsn)}`;
}
