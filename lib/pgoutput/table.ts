/**
 * A row by column name. A column that the server did not send is absent, which is not the same as null.
 *
 * To name the columns, declare the tables: `logicalReplication<{ orders: Order }>(config)`.
 */
export type Row = Record<string, unknown>;

/** How a table identifies the row that an UPDATE or DELETE touched. Source: manual, ALTER TABLE … REPLICA IDENTITY. */
export type ReplicaIdentity = 'default' | 'nothing' | 'full' | 'index';

/** A column of a published table. */
export interface Column {
  readonly name: string;
  /** Whether the column is part of the replica identity's key. */
  readonly key: boolean;
  readonly typeOid: number;
  /** The type's modifier (atttypmod), -1 where it has none. */
  readonly typeModifier: number;
}

/** A table as it was when the change was made. Immutable: DDL makes a new one. */
export interface Relation<Name extends string = string> {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** `users` in schema public, `billing.invoices` elsewhere. */
  readonly table: Name;
  readonly replicaIdentity: ReplicaIdentity;
  readonly columns: readonly Column[];
}

/** A table as messages name it: `users` in schema public, `billing.invoices` elsewhere. */
export function tableName(schema: string, name: string): string {
  return schema === 'public' ? name : `${schema}.${name}`;
}

/** The same for a name that may have its schema before it in any case. */
export function bareTableName(table: string): string {
  return table.replace(/^public\./, '');
}
