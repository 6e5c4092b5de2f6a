import {
  parseTableName,
  formatQualifiedName,
  type ReplicaIdentity,
  TABLE_NAME_EXPECTED,
} from '../pgoutput/messages/table';
import * as payloads from './payloads';
import { UNCHANGED, type RelationFields, type Tuple } from './payloads';
import type { ChangeDraft } from './transaction';
import { printValue, getTypeOid } from './values';

/**
 * A row by column name. Values are JavaScript's or text as the server prints it; `UNCHANGED` stands for a TOAST column
 * that an update did not touch, in an insert for one that a row filter has made of an update.
 */
export type RowDraft = Readonly<Record<string, unknown>>;

export interface TableOptions {
  /** Given, the name is the table's alone, as the catalog has it. Default: as the name says, else `public`. */
  readonly schema?: string;
  /** The columns of the replica identity. Default: the first column. */
  readonly key?: readonly string[];
  /** Default: `default`, which sends the key of what was there before; `full` sends the whole old row. */
  readonly identity?: ReplicaIdentity;
  /** Default: follows from the name. */
  readonly oid?: number;
}

/** Column names with their types, as in pg_type (`int4`, `text[]`), or type OIDs. */
export type ColumnTypes = Readonly<Record<string, string | number>>;

/**
 * Describes a published table once; its methods make the changes of a {@link transaction}.
 *
 * @param name as in `change.table`: `users` in schema public, `billing.invoices` elsewhere
 * @throws for a type that is not built in, for a key column that the table does not have, and for text that is no name
 * @example
 * const orders = table('orders', { id: 'int4', customer: 'text', total: 'numeric', paid: 'bool' });
 * server.commit(transaction([orders.insert({ id: 1, customer: 'ann', total: '9.50', paid: false })]));
 */
export function table(name: string, columns: ColumnTypes, options: TableOptions = {}): FakeTable {
  return new FakeTable(name, columns, options);
}

/** A published table, as {@link table} describes it. */
export class FakeTable {
  /** Without its schema. */
  readonly name: string;
  readonly oid: number;
  readonly #columns: ColumnTypes;
  readonly #key: readonly string[];
  readonly #full: boolean;
  readonly #relation: RelationFields;

  constructor(name: string, columns: ColumnTypes, options: TableOptions) {
    const { key = Object.keys(columns).slice(0, 1), identity = 'default' } = options;
    const named = options.schema === undefined ? parseTableName(name) : { schema: options.schema, name };
    if (!named) throw new Error(`${JSON.stringify(name)}: ${TABLE_NAME_EXPECTED}`);
    this.name = named.name;
    this.oid = options.oid ?? hashToOid(formatQualifiedName(named.schema, named.name));
    this.#columns = columns;
    this.#key = key;
    this.#full = identity === 'full';
    this.#checkNames(key, 'key');
    this.#relation = {
      oid: this.oid,
      ...named,
      identity: identity.charAt(0),
      columns: Object.entries(columns).map(([column, type]) => ({
        name: column,
        // Under FULL every column is part of it.
        key: this.#full || key.includes(column),
        typeOid: getTypeOid(type),
      })),
    };
  }

  /** @param row a column that is left out is null */
  insert(row: RowDraft): ChangeDraft {
    const values = this.#tuple(row, () => null);
    return this.#change(() => payloads.insert(values, this.oid));
  }

  /**
   * @param row all columns of the new row
   * @param before the row before it: always under identity `full`, otherwise where the key has changed
   */
  update(row: RowDraft, before?: RowDraft): ChangeDraft {
    if (this.#full && !before)
      throw new Error(`An update of ${this.name} needs the row before it: its identity is full`);
    const values = this.#tuple(row, (column) => {
      throw new Error(`An update of ${this.name} lacks column ${column}; give a value, null or UNCHANGED`);
    });
    const old = before && this.#before(before);
    return this.#change(() => payloads.update(values, old, this.oid));
  }

  /** @param row the whole row, of which only the key is sent unless the identity is `full` */
  delete(row: RowDraft): ChangeDraft {
    const old = this.#before(row);
    return this.#change(() => payloads.deletion(old, this.oid));
  }

  truncate(options: { readonly cascade?: boolean; readonly restartIdentity?: boolean } = {}): ChangeDraft {
    return this.#change(() => payloads.truncate({ ...options, oids: [this.oid] }));
  }

  #change(payload: () => Buffer): ChangeDraft {
    return { relations: [this.#relation], payload };
  }

  #before(row: RowDraft): { old: Tuple } | { key: Tuple } {
    if (this.#full) return { old: this.#tuple(row, () => null) };
    this.#checkNames(Object.keys(row), 'row');
    const key = Object.fromEntries(this.#key.map((column) => [column, row[column]]));
    return { key: this.#tuple(key, () => null) };
  }

  #tuple(row: RowDraft, missing: (column: string) => null): Tuple {
    this.#checkNames(Object.keys(row), 'row');
    return Object.entries(this.#columns).map(([column, type]) => {
      const value = Object.hasOwn(row, column) ? row[column] : undefined;
      if (value === undefined) return missing(column);
      return value === null || value === UNCHANGED ? value : printValue(value, type);
    });
  }

  #checkNames(names: readonly string[], what: string): void {
    const unknown = names.find((name) => !Object.hasOwn(this.#columns, name));
    if (unknown === undefined) return;
    throw new Error(`The ${what} names column ${unknown}; ${this.name} has ${Object.keys(this.#columns).join(', ')}`);
  }
}

/** What `pg_logical_emit_message(true, prefix, content)` writes into a transaction. */
export function logicalMessage(prefix: string, content: Buffer | string): ChangeDraft {
  return { relations: [], payload: (lsn) => payloads.logicalMessage({ prefix, content, lsn }) };
}

/** The same table has the same OID in every run: FNV-1a, above the OIDs of built-in objects. */
function hashToOid(name: string): number {
  const hash = Buffer.from(name).reduce((sum, byte) => Math.imul(sum ^ byte, 0x0100_0193), 0x811c_9dc5);
  return 16384 + ((hash >>> 0) & 0x3fff_ffff);
}
