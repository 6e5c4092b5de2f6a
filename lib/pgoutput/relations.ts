import { ReplicationError } from '../errors';
import { BUILT_IN_TYPES } from './built-in-types';
import { type Column, qualifiedName, type Row } from './table';
import type { RelationMessage, TypeMessage } from './transaction-messages';
import { columnReaders, type ColumnReaders } from './column-readers';
import type { TableCheck } from './expected-tables';
import type { Reading } from './shaped-values';
import type { TypeShape } from './type-shapes';
import { NewTypesError, type TypeCatalog } from './type-catalog';
import type { TypeParsers } from './values';

/** A column with all that reading a value of it takes. */
export interface CompiledColumn extends ColumnReaders {
  readonly name: string;
  readonly key: boolean;
  /** Whether plain assignment would set the row's prototype instead of a property. */
  readonly isProto: boolean;
}

/** A table with what is worked out once, not for each row. */
export interface CompiledRelation {
  /** What changes of this table refer to. */
  readonly message: RelationMessage;
  readonly columns: readonly CompiledColumn[];
  readonly newRow: () => Row;
  /** Grows from one description to the next of the same stream. */
  readonly order: number;
  readonly onDecodeError: OnDecodeError;
  /** This one in a list, made once. */
  readonly alone: readonly CompiledRelation[];
}

/** What becomes of a value that cannot be decoded: the stream ends, or the value is delivered as it is. */
export type OnDecodeError = 'error' | 'deliver';

/** How tables and their values are read. */
export interface Decoding {
  /** The parsers of built-in types. */
  readonly types: TypeParsers;
  /** What is known of other types; without it they stay text. */
  readonly catalog?: TypeCatalog | undefined;
  /** Whether composites become objects instead of text. */
  readonly composites?: boolean;
  /** Default: `'error'`. */
  readonly onDecodeError?: OnDecodeError;
  /** Looks at each table as it is described. */
  readonly check?: TableCheck | undefined;
}

/**
 * The tables described so far, by OID.
 *
 * A table described again gets a new entry: changes that were emitted before keep the old one.
 */
export class RelationCache {
  readonly #decoding: Decoding;
  readonly #reading: Reading;
  /** Where to look for what is not described here. */
  readonly #below: RelationCache | undefined;
  readonly #relations = new Map<number, CompiledRelation>();
  #last: CompiledRelation | undefined;
  #described = 0;
  /** How a table was not as expected, in a transaction that may yet be aborted. */
  #drift: ReplicationError | undefined;
  /** The types that were named, by OID. */
  readonly #names = new Map<number, TypeMessage>();

  constructor(decoding: Decoding, below?: RelationCache) {
    const { types, catalog, composites = false } = decoding;
    this.#decoding = decoding;
    this.#reading = {
      types,
      shapes: (oid) => this.#domainOf(oid) ?? catalog?.shapes(oid),
      layouts: composites ? catalog?.layouts : undefined,
      isOpen: catalog?.isOpen,
      ofOpen: below !== undefined,
    };
    this.#below = below;
  }

  /** A cache for a transaction that may yet be aborted: it sees what is described here, and adds to itself alone. */
  overlay(): RelationCache {
    return new RelationCache(this.#decoding, this);
  }

  /** Takes over what an overlay was told, but for what has been told here since. */
  merge(overlay: RelationCache): void {
    for (const [oid, type] of overlay.#names) this.#names.set(oid, type);
    for (const [oid, relation] of overlay.#relations) {
      const known = this.#relations.get(oid);
      if (!known || known.order < relation.order) this.#relations.set(oid, relation);
    }
    this.#last = undefined;
  }

  addType(type: TypeMessage): void {
    this.#names.set(type.oid, type);
  }

  #nameOf(oid: number): TypeMessage | undefined {
    const name = this.#names.get(oid);
    return name ?? (this.#below === undefined ? undefined : this.#below.#nameOf(oid));
  }

  /**
   * A domain's Type message has the domain's own OID and its base type's name. `pg` never sees a domain, since a query's
   * columns have the base type, so values are read as that.
   */
  #domainOf(oid: number): TypeShape | undefined {
    const type = this.#nameOf(oid);
    const base = type?.schema === 'pg_catalog' ? BUILT_IN_TYPES.get(type.name) : undefined;
    return base === undefined ? undefined : { kind: 'domain', base };
  }

  /**
   * @param openXid of the transaction that describes the table, where that is not committed yet
   * @throws {ReplicationError} `SCHEMA_DRIFT` when it is not as expected; an overlay keeps that for {@link expectFit}
   */
  add(message: RelationMessage, openXid?: number): void {
    this.#decoding.catalog?.described(message.columns, openXid);
    try {
      this.#check(message);
    } catch (error) {
      if (this.#below === undefined || !(error instanceof ReplicationError)) throw error;
      this.#drift ??= error;
    }
    const compile = (column: Column): CompiledColumn => ({
      name: column.name,
      key: column.key,
      ...columnReaders(this.#reading, message.table, column),
      isProto: column.name === '__proto__',
    });
    const columns = message.columns.map(compile);
    const alone: CompiledRelation[] = [];
    const { onDecodeError = 'error' } = this.#decoding;
    const relation = { message, columns, newRow: rowFactory(), order: this.#nextOrder(), onDecodeError, alone };
    alone.push(relation);
    this.put(relation);
  }

  /**
   * The transaction is not aborted: its changes count, or are to be kept.
   *
   * @throws {ReplicationError} `SCHEMA_DRIFT` when a table was not as expected
   */
  expectFit(): void {
    if (this.#drift) throw this.#drift;
  }

  /**
   * A transaction is committed, and its end is about to be told.
   *
   * @throws {NewTypesError} when types can be looked up first
   */
  expectTypes(xid: number): void {
    const typeOids = this.#decoding.catalog?.openedBy(xid) ?? [];
    if (typeOids.length > 0) throw new NewTypesError(typeOids);
  }

  /** A transaction is aborted, and with it what it has made. */
  forgetTypes(xid: number): void {
    const { catalog } = this.#decoding;
    catalog?.close(catalog.openedBy(xid));
  }

  #nextOrder(): number {
    return this.#below === undefined ? this.#described++ : this.#below.#nextOrder();
  }

  #check(message: RelationMessage): void {
    this.#decoding.check?.(
      message,
      (oid) => {
        const domain = this.#domainOf(oid);
        return domain?.kind === 'domain' ? domain.base : oid;
      },
      (oid) => {
        const type = this.#nameOf(oid);
        return type && qualifiedName(type.schema, type.name);
      },
    );
  }

  put(relation: CompiledRelation): void {
    this.#relations.set(relation.message.oid, relation);
    this.#last = relation;
  }

  get(oid: number): CompiledRelation | undefined {
    // Changes of one table mostly follow each other.
    if (this.#last?.message.oid === oid) return this.#last;
    const own = this.#relations.get(oid);
    // What stands below may be described anew there.
    if (own === undefined) return this.#below?.get(oid);
    return (this.#last = own);
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
