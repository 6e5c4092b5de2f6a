import { ProtocolError } from '../../common/errors';
import { Reader } from '../../wire/reader';
import { createColumnReaders, type ColumnReaders } from '../values/column-readers';
import { readRelation } from '../decode/relation-layout';
import { describeForJson } from './row-json';
import { isBuiltIn, type ReadingContext } from '../values/shaped-values';
import type { Column, Row } from './table';
import type { RelationMessage } from './transaction-messages';
import type { TypeCatalog } from '../types/type-catalog';
import type { TypeParsers } from '../values/values';

/** The estimated memory of a described table besides its payload, in bytes. */
const OVERHEAD = 200;

/** A column with the readers of its values. */
export interface CompiledColumn extends ColumnReaders {
  readonly name: string;
  readonly key: boolean;
  /** Whether the column is named `__proto__`: assigning it would set the row's prototype. */
  readonly isProto: boolean;
}

/** A table with everything that is computed once instead of for each row. */
export interface CompiledRelation {
  /** The relation of the changes of this table. */
  readonly message: RelationMessage;
  readonly columns: readonly CompiledColumn[];
  readonly newRow: () => Row;
  readonly onDecodeError: OnDecodeError;
  /** The description from which it was compiled, and can be compiled again. */
  readonly described: DescribedTable;
}

/** Whether a value that cannot be decoded fails the stream, or is delivered as an {@link UndecodedValue}. */
export type OnDecodeError = 'error' | 'deliver';

/** The options for decoding values. */
export interface ValueDecoding {
  /** The parsers of built-in types. */
  readonly types: TypeParsers;
  /** The definitions of other types; without it their values stay text. */
  readonly catalog?: TypeCatalog | undefined;
  /** Whether composites are decoded to objects instead of text. */
  readonly composites?: boolean;
  /** Default: `'error'`. */
  readonly onDecodeError?: OnDecodeError;
}

/** The built-in base types of the domains in a table, by the OID of the domain. */
export type DomainBases = ReadonlyMap<number, number>;

/**
 * A table as its Relation message describes it. It takes less than a tenth of the memory of a compiled table. That matters
 * because the server does not announce that a table is dropped.
 */
export class DescribedTable {
  /** A list of this table only, shared by all changes of the table. */
  readonly asArray: readonly DescribedTable[] = [this];
  /** The time of the last lookup, by the clock of its {@link CompiledTables}. */
  lastUse = 0;
  /** Set and cleared by {@link CompiledTables}. */
  compiled: CompiledRelation | undefined;

  constructor(
    readonly tables: CompiledTables,
    /** The message from its OID on, in Latin-1: a string takes less memory than a Buffer. */
    readonly payload: string,
    /** The domains from the preceding Type messages. */
    readonly domains: DomainBases | undefined,
    /** Whether a transaction in progress described it. */
    readonly ofOpen: boolean,
  ) {}

  /** The estimated memory, in bytes. */
  get weight(): number {
    return this.payload.length + OVERHEAD;
  }

  get message(): RelationMessage {
    return this.compiled?.message ?? createMessage(this);
  }

  /** The compiled table, with which to read rows. */
  get relation(): CompiledRelation {
    return this.compiled ?? this.tables.compile(this);
  }
}

/**
 * The compiled tables of one stream. Beyond a limit of columns, the least recently used tables are evicted; they are compiled
 * again for their next change.
 */
export class CompiledTables {
  readonly #decoding: ValueDecoding;
  readonly #maxColumns: number;
  readonly #compiled = new Set<DescribedTable>();
  #columns = 0;
  #clock = 0;

  constructor(decoding: ValueDecoding, maxColumns: number) {
    this.#decoding = decoding;
    this.#maxColumns = maxColumns;
  }

  /** The logical time. It advances with each table that is described or compiled. */
  get clock(): number {
    return this.#clock;
  }

  /** Advances the clock. @returns a unique time */
  tick(): number {
    return ++this.#clock;
  }

  compile(table: DescribedTable, message = createMessage(table)): CompiledRelation {
    const reading = this.#createReading(table);
    describeForJson(message, reading.definitions);
    const columns = message.columns.map((column) => compileColumn(reading, message, column));
    const { onDecodeError = 'error' } = this.#decoding;
    const relation = { message, columns, newRow: createRowFactory(), onDecodeError, described: table };
    table.compiled = relation;
    table.lastUse = this.tick();
    this.#compiled.add(table);
    this.#columns += getCost(relation);
    if (this.#columns > this.#maxColumns) this.#evict(table);
    return relation;
  }

  /** Evicts down to half of the limit, so that not every compilation has to sort the tables. */
  #evict(except: DescribedTable): void {
    for (const table of [...this.#compiled].sort((one, other) => one.lastUse - other.lastUse)) {
      if (this.#columns <= this.#maxColumns / 2) return;
      if (table === except || table.compiled === undefined) continue;
      this.#columns -= getCost(table.compiled);
      this.#compiled.delete(table);
      table.compiled = undefined;
    }
  }

  #createReading({ domains, ofOpen }: DescribedTable): ReadingContext {
    const { types, catalog, composites = false } = this.#decoding;
    return {
      types,
      definitions: (oid) => {
        const base = domains?.get(oid);
        return base === undefined ? catalog?.definitions(oid) : { kind: 'domain', base };
      },
      layouts: composites ? catalog?.layouts : undefined,
      isOpen: catalog?.isOpen,
      ofOpen,
    };
  }
}

/** Whether the description suffices to compile the table: all of its types are built in. */
export function isSelfContained({ columns }: RelationMessage): boolean {
  return columns.every(({ typeOid }) => isBuiltIn(typeOid));
}

function getCost({ columns }: CompiledRelation): number {
  return columns.length + 1;
}

function createMessage({ payload }: DescribedTable): RelationMessage {
  const bytes = Buffer.from(payload, 'latin1');
  const what = 'Relation message';
  const reader = new Reader(bytes, 0, bytes.length, what);
  return readRelation(reader, () => new ProtocolError(what));
}

function compileColumn(reading: ReadingContext, { table }: RelationMessage, column: Column): CompiledColumn {
  const { name, key } = column;
  return { name, key, ...createColumnReaders(reading, table, column), isProto: name === '__proto__' };
}

/**
 * Creates the factory of a table's empty rows. The rows are plain objects. With its own constructor per table, V8 keeps rows
 * of more columns (about 25) in fast mode than with literals, and tables do not share hidden classes.
 */
function createRowFactory(): () => Row {
  const PlainRow = function () {
    // The caller fills the row.
  } as unknown as new () => Row;
  PlainRow.prototype = Object.prototype;
  return () => new PlainRow();
}

/** Sets an own property of the row, even for a column named `__proto__`. */
export function setColumn(row: Row, column: CompiledColumn, value: unknown): void {
  if (column.isProto) {
    Object.defineProperty(row, column.name, { value, writable: true, enumerable: true, configurable: true });
  } else {
    row[column.name] = value;
  }
}
