import {
  parseTableName,
  formatQualifiedName,
  type ReplicaIdentity,
  TABLE_NAME_EXPECTED,
} from '../pgoutput/messages/table';
import * as payloads from './payloads';
import { UNCHANGED, type RelationFields, type Tuple } from './payloads';
import type { ChangeDraft } from './transaction';
import { printValue, getTypeOid } from './value-printing';

/**
 * A row by column name. Values are JavaScript values, or text as the server prints it. `UNCHANGED` is an unchanged TOAST column
 * of an update, or of an insert that a row filter made from an update.
 */
export type RowDraft = Readonly<Record<string, unknown>>;

export interface TableOptions {
  /** If set, `name` is the name in the catalog without a schema. Default: the schema in `name`, or else `public`. */
  readonly schema?: string;
  /** The columns of the replica identity. Default: the first column. */
  readonly key?: readonly string[];
  /** The replica identity: `default` sends the key of the old row, `full` the whole old row. Default: `default`. */
  readonly identity?: ReplicaIdentity;
  /** The OID. Default: derived from the name. */
  readonly oid?: number;
}

/** Column names with their types, as in pg_type (`int4`, `text[]`), or type OIDs. */
export type ColumnTypes = Readonly<Record<string, string | number>>;

/**
 * Describes a published table. Its methods create the changes of a {@link transaction}.
 *
 * @param name as in `change.table`: `users` in schema public, `billing.invoices` in another schema
 * @throws for a type that is not built in, a key column that the table does not have, or an invalid name
 * @example
 * const orders = table('orders', { id: 'int4', customer: 'text', total: 'numeric', paid: 'bool' });
 * server.commit(transaction([orders.insert({ id: 1, customer: 'ann', total: '9.50', paid: false })]));
 */
export function table(name: string, columns: ColumnTypes, options: TableOptions = {}): FakeTable {
  return new FakeTable(name, columns, options);
}

/** A published table, as {@link table} describes it. */
export class FakeTable {
  /** The name without the schema. */
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
        // With FULL, every column is part of the key.
        key: this.#full || key.includes(column),
        typeOid: getTypeOid(type),
      })),
    };
  }

  /** @param row missing columns are null */
  insert(row: RowDraft): ChangeDraft {
    const values = this.#createTuple(row, () => null);
    return this.#createChange(() => payloads.buildInsert(values, this.oid));
  }

  /**
   * @param row all columns of the new row
   * @param before the old row: required with identity `full`, otherwise only if the key has changed
   */
  update(row: RowDraft, before?: RowDraft): ChangeDraft {
    if (this.#full && !before)
      throw new Error(`An update of ${this.name} requires the old row, because the replica identity is full`);
    const values = this.#createTuple(row, (column) => {
      throw new Error(`The update of ${this.name} has no value for column ${column}; set a value, null or UNCHANGED`);
    });
    const old = before && this.#createBefore(before);
    return this.#createChange(() => payloads.buildUpdate(values, old, this.oid));
  }

  /** @param row the whole row; only the key is sent unless the identity is `full` */
  delete(row: RowDraft): ChangeDraft {
    const old = this.#createBefore(row);
    return this.#createChange(() => payloads.buildDelete(old, this.oid));
  }

  truncate(options: { readonly cascade?: boolean; readonly restartIdentity?: boolean } = {}): ChangeDraft {
    return this.#createChange(() => payloads.buildTruncate({ ...options, oids: [this.oid] }));
  }

  #createChange(payload: () => Buffer): ChangeDraft {
    return { relations: [this.#relation], payload };
  }

  #createBefore(row: RowDraft): { old: Tuple } | { key: Tuple } {
    if (this.#full) return { old: this.#createTuple(row, () => null) };
    this.#checkNames(Object.keys(row), 'row');
    const key = Object.fromEntries(this.#key.map((column) => [column, row[column]]));
    return { key: this.#createTuple(key, () => null) };
  }

  #createTuple(row: RowDraft, missing: (column: string) => null): Tuple {
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
    throw new Error(
      `Unknown column ${unknown} in the ${what}; the columns of ${this.name} are ${Object.keys(this.#columns).join(', ')}`,
    );
  }
}

/** Creates the message of `pg_logical_emit_message(true, prefix, content)` in a transaction. */
export function logicalMessage(prefix: string, content: Buffer | string): ChangeDraft {
  return { relations: [], payload: (lsn) => payloads.buildLogicalMessage({ prefix, content, lsn }) };
}

/** Hashes the name (FNV-1a) to an OID above those of built-in objects, so it is equal in all runs. */
function hashToOid(name: string): number {
  const hash = Buffer.from(name).reduce((sum, byte) => Math.imul(sum ^ byte, 0x0100_0193), 0x811c_9dc5);
  return 16384 + ((hash >>> 0) & 0x3fff_ffff);
}
