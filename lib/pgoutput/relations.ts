import { BUILT_IN_TYPES } from './built-in-types';
import type { Column, Row } from './table';
import type { RelationMessage, TypeMessage } from './transaction-messages';
import { valueReader, type ValueReader } from './value-readers';
import type { TypeParsers } from './values';

/** A column with all that reading a value of it takes. */
export interface CompiledColumn {
  readonly name: string;
  readonly key: boolean;
  readonly read: ValueReader;
  /** Whether plain assignment would set the row's prototype instead of a property. */
  readonly isProto: boolean;
}

/** A table with what is worked out once, not for each row. */
export interface CompiledRelation {
  /** What changes of this table refer to. */
  readonly message: RelationMessage;
  readonly columns: readonly CompiledColumn[];
  readonly newRow: () => Row;
}

/**
 * The tables described so far, by OID.
 *
 * A table described again gets a new entry: changes that were emitted before keep the old one.
 */
export class RelationCache {
  readonly #types: TypeParsers;
  readonly #relations = new Map<number, CompiledRelation>();
  #last: CompiledRelation | undefined;
  /** The built-in type under each domain. */
  readonly #bases = new Map<number, number>();

  constructor(types: TypeParsers) {
    this.#types = types;
  }

  /**
   * A domain's Type message has the domain's own OID and its base type's name. `pg` never sees a domain, since a query's
   * columns have the base type, so values are read as that.
   */
  addType({ oid, schema, name }: TypeMessage): void {
    const base = schema === 'pg_catalog' ? BUILT_IN_TYPES.get(name) : undefined;
    if (base === undefined) this.#bases.delete(oid);
    else this.#bases.set(oid, base);
  }

  add(message: RelationMessage): void {
    const compile = (column: Column): CompiledColumn => ({
      name: column.name,
      key: column.key,
      read: valueReader(this.#types, message.table, {
        ...column,
        typeOid: this.#bases.get(column.typeOid) ?? column.typeOid,
      }),
      isProto: column.name === '__proto__',
    });
    const relation = { message, columns: message.columns.map(compile), newRow: rowFactory() };
    this.#relations.set(message.oid, relation);
    this.#last = relation;
  }

  get(oid: number): CompiledRelation | undefined {
    // Changes of one table mostly follow each other.
    if (this.#last?.message.oid !== oid) this.#last = this.#relations.get(oid);
    return this.#last;
  }
}

/**
 * Makes empty rows of one table. Each is a plain object; but objects of a constructor of their own stay fast for V8 with more
 * columns (about 25) than literals that are filled by name, and share nothing with the rows of other tables.
 */
function rowFactory(): () => Row {
  const PlainRow = function () {
    // What is in a row comes later.
  } as unknown as new () => Row;
  PlainRow.prototype = Object.prototype;
  return () => new PlainRow();
}

/** Gives a row a property of its own, whatever the column is called. */
export function setColumn(row: Row, column: CompiledColumn, value: unknown): void {
  if (column.isProto) {
    Object.defineProperty(row, column.name, { value, writable: true, enumerable: true, configurable: true });
  } else {
    row[column.name] = value;
  }
}
