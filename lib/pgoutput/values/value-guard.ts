import type { Lsn } from '../../common/lsn';
import { TextError } from '../../wire/text';
import type { CompiledColumn, CompiledRelation } from '../messages/described-table';
import type { Column } from '../messages/table';
import type { TypeCatalog } from '../types/type-catalog';
import { UndecodedValue } from './undecoded-value';
import { ValueError, type ValueFormat } from './value-error';
import { DELIVER, ValueFault } from './value-fault';
import type { ValueReader } from './value-reader';
import { formatColumn } from './values';

/** The transaction of the message that is being decoded. */
export interface CurrentTransaction {
  readonly current: { readonly commitLsn: Lsn | undefined } | undefined;
  /** The ID of a transaction in progress. */
  readonly openXid: number | undefined;
}

/**
 * Reads a row again after an error, to identify the values that cannot be decoded. The first reading has no such checks,
 * because nearly all values can be decoded.
 */
export class ValueGuard {
  readonly #state: CurrentTransaction;
  readonly #catalog: TypeCatalog | undefined;
  readonly #guarded = new WeakMap<CompiledRelation, CompiledRelation>();

  /** @param catalog knows whether a lookup of types can help */
  constructor(state: CurrentTransaction, catalog: TypeCatalog | undefined) {
    this.#state = state;
    this.#catalog = catalog;
  }

  /** Returns the table with readers that throw a {@link ValueError} or return an {@link UndecodedValue}. */
  guardRelation(relation: CompiledRelation): CompiledRelation {
    const known = this.#guarded.get(relation);
    if (known) return known;
    const columns = relation.columns.map((column, i) =>
      this.#guardColumn(relation, column, relation.message.columns[i]),
    );
    const guarded = { ...relation, columns };
    this.#guarded.set(relation, guarded);
    return guarded;
  }

  #guardColumn(relation: CompiledRelation, compiled: CompiledColumn, column: Column | undefined): CompiledColumn {
    if (!column) return compiled;
    const guard = (read: ValueReader, format: ValueFormat): ValueReader => {
      return (bytes, start, end) => {
        try {
          return read(bytes, start, end);
        } catch (thrown) {
          if (!this.#mayDeliver(relation, thrown)) throw this.#createError(relation, column, format, thrown);
          const cause = thrown instanceof ValueFault ? (thrown.cause ?? thrown) : thrown;
          return new UndecodedValue(Buffer.from(bytes.subarray(start, end)), format, column.typeOid, cause);
        }
      };
    };
    return { ...compiled, text: guard(compiled.text, 'text'), binary: guard(compiled.binary, 'binary') };
  }

  /** Whether to deliver the bytes. If a lookup of types can help, that is tried first. */
  #mayDeliver({ onDecodeError }: CompiledRelation, thrown: unknown): boolean {
    return onDecodeError === 'deliver' && !(thrown instanceof ValueFault && this.#catalog?.mayHelp(thrown));
  }

  #createError({ message }: CompiledRelation, column: Column, format: ValueFormat, thrown: unknown): ValueError {
    const { schema, table } = message;
    const { current, openXid } = this.#state;
    const commitLsn = current?.commitLsn;
    const place = {
      commitLsn,
      xid: commitLsn === undefined ? openXid : undefined,
      schema,
      table,
      column: column.name,
      typeOid: column.typeOid,
      format,
    };
    if (!(thrown instanceof ValueFault)) {
      return new ValueError(describeFault(formatColumn(table, column), thrown), place, {
        cause: thrown,
        remedy: DELIVER,
      });
    }
    const { what, remedy, retryable } = thrown;
    const cause = 'cause' in thrown ? { cause: thrown.cause } : {};
    return new ValueError(what, place, { ...cause, remedy, retryable }, thrown);
  }
}

function describeFault(where: string, thrown: unknown): string {
  if (thrown instanceof TextError) {
    return thrown.reason === 'encoding'
      ? `${where} has a value that is not valid UTF-8`
      : `${where} has a value that exceeds the maximum string length of JavaScript`;
  }
  return `${where} has a value that cannot be decoded`;
}
