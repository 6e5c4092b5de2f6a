import { ProtocolError } from '../../common/errors';
import { Reader } from '../../wire/reader';
import { createColumnReaders, type ColumnReaders } from '../values/column-readers';
import { readRelation } from '../decode/relation-layout';
import { describeForJson } from './row-json';
import { isBuiltIn, type Reading } from '../values/shaped-values';
import type { Column, Row } from './table';
import type { RelationMessage } from './transaction-messages';
import type { TypeCatalog } from '../types/type-catalog';
import type { TypeParsers } from '../values/values';

/** What a table takes in memory besides its payload. */
const OVERHEAD = 200;

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
  readonly onDecodeError: OnDecodeError;
  /** What it was made from, and can be made from again. */
  readonly described: DescribedTable;
}

/** What becomes of a value that cannot be decoded: the stream ends, or the value is delivered as it is. */
export type OnDecodeError = 'error' | 'deliver';

/** How the values of tables are read. */
export interface ValueDecoding {
  /** The parsers of built-in types. */
  readonly types: TypeParsers;
  /** What is known of other types; without it they stay text. */
  readonly catalog?: TypeCatalog | undefined;
  /** Whether composites become objects instead of text. */
  readonly composites?: boolean;
  /** Default: `'error'`. */
  readonly onDecodeError?: OnDecodeError;
}

/** By OID: the built-in types of which a table's columns have domains. */
export type DomainBases = ReadonlyMap<number, number>;

/**
 * A table as a Relation message described it, in little memory: a compiled one takes more than ten times as much, and there
 * is no message that tells that a table was dropped.
 */
export class DescribedTable {
  /** This one in a list, made once. */
  readonly asArray: readonly DescribedTable[] = [this];
  /** When it was looked for, by the clock of its {@link CompiledTables}. */
  lastUse = 0;
  /** For {@link CompiledTables}. */
  compiled: CompiledRelation | undefined;

  constructor(
    readonly tables: CompiledTables,
    /** The message from its OID on, a character for each byte: a string takes less than a Buffer. */
    readonly payload: string,
    /** As Type messages before it have said. */
    readonly domains: DomainBases | undefined,
    /** Whether a transaction described it that was still open. */
    readonly ofOpen: boolean,
  ) {}

  /** In bytes. */
  get weight(): number {
    return this.payload.length + OVERHEAD;
  }

  get message(): RelationMessage {
    return this.compiled?.message ?? createMessage(this);
  }

  /** To read rows with. */
  get relation(): CompiledRelation {
    return this.compiled ?? this.tables.compile(this);
  }
}

/**
 * The tables of one stream that are compiled. Beyond a number of columns those that were not used for longest are given up;
 * they are compiled again when a change of them comes.
 */
export class CompiledTables {
  readonly #decoding: ValueDecoding;
  readonly #mostColumns: number;
  readonly #compiled = new Set<DescribedTable>();
  #columns = 0;
  #clock = 0;

  constructor(decoding: ValueDecoding, mostColumns: number) {
    this.#decoding = decoding;
    this.#mostColumns = mostColumns;
  }

  /** The present time; it passes with each table that is described or compiled. */
  get clock(): number {
    return this.#clock;
  }

  /** A time of its own, to put things in order by. */
  tick(): number {
    return ++this.#clock;
  }

  compile(table: DescribedTable, message = createMessage(table)): CompiledRelation {
    const reading = this.#readingOf(table);
    describeForJson(message, reading.definitions);
    const columns = message.columns.map((column) => compileColumn(reading, message, column));
    const { onDecodeError = 'error' } = this.#decoding;
    const relation = { message, columns, newRow: createRowFactory(), onDecodeError, described: table };
    table.compiled = relation;
    table.lastUse = this.tick();
    this.#compiled.add(table);
    this.#columns += getCost(relation);
    if (this.#columns > this.#mostColumns) this.#giveUp(table);
    return relation;
  }

  /** Down to half, so that not each table that is compiled has to look for the oldest. */
  #giveUp(except: DescribedTable): void {
    for (const table of [...this.#compiled].sort((one, other) => one.lastUse - other.lastUse)) {
      if (this.#columns <= this.#mostColumns / 2) return;
      if (table === except || table.compiled === undefined) continue;
      this.#columns -= getCost(table.compiled);
      this.#compiled.delete(table);
      table.compiled = undefined;
    }
  }

  #readingOf({ domains, ofOpen }: DescribedTable): Reading {
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

/** Whether what is made of it follows from its description alone. */
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

function compileColumn(reading: Reading, { table }: RelationMessage, column: Column): CompiledColumn {
  const { name, key } = column;
  return { name, key, ...createColumnReaders(reading, table, column), isProto: name === '__proto__' };
}

/**
 * Makes empty rows of one table. Each is a plain object; but objects of a constructor of their own stay fast for V8 with more
 * columns (about 25) than literals that are filled by name, and share nothing with the rows of other tables.
 */
function createRowFactory(): () => Row {
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
