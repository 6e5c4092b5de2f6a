import { giveName, ReplicationError, type ReplicationErrorOptions } from '../../common/errors';
import type { ErrorCode } from '../../common/error-codes';
import { formatLsn, type Lsn } from '../../common/lsn';
import type { ValueFault } from './value-fault';

/** The format of a value: that of the type's output function, or that of its send function (`binary: true`). */
export type ValueFormat = 'text' | 'binary';

/** The location of a value. */
export interface ValueLocation {
  /** The commit LSN of the transaction, or the prepare LSN of a prepared one. Undefined in a streamed transaction. */
  readonly commitLsn: Lsn | undefined;
  /** The ID of the streamed transaction. Undefined in a transaction that was not streamed. */
  readonly xid: number | undefined;
  readonly schema: string;
  /** The table name as in changes: `users` in schema public, `billing.invoices` in others. */
  readonly table: string;
  readonly column: string;
  /** The OID of the column's type in `pg_type`. */
  readonly typeOid: number;
  readonly format: ValueFormat;
}

/**
 * A value cannot be decoded. The `code` is `VALUE_DECODE_FAILED`; `cause` is the error of the parser, if a parser threw it. The
 * error does not contain the value, which can be confidential.
 *
 * The server decodes WAL with the catalog at that time, so neither ALTER TABLE nor a change of the publication makes the value
 * decodable. With `onDecodeError: 'deliver'` the value is delivered as an {@link UndecodedValue}, and the stream continues.
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
   * @param fault the fault that a reader of the library threw
   * @param code the code from a rule of the option `errors`
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

  /** The JSON form of every error, with the location of the value; the LSN is `X/Y`. */
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
  override withCode(code: ErrorCode, seen: Pick<ReplicationErrorOptions, 'retryable' | 'remedy'>): ValueError {
    return new ValueError(this.#fact, this, this.mergeOptions(seen), this.#fault, code);
  }
}

function describeTransaction({ commitLsn, xid }: ValueLocation): string {
  return commitLsn === undefined
    ? `the open transaction ${xid ?? ''}`
    : `the transaction that commits at ${formatLsn(commitLsn)}`;
}
