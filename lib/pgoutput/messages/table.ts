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
  /**
   * `users` in schema public, `billing.invoices` elsewhere. A schema or name with a dot or a quotation mark in it is quoted, as
   * in `"a.b"`.
   */
  readonly table: Name;
  readonly replicaIdentity: ReplicaIdentity;
  readonly columns: readonly Column[];
}

/** The name of an object in a schema, as the catalog has it. */
export interface QualifiedName {
  readonly schema: string;
  readonly name: string;
}

/**
 * A table as messages name it: `users` in schema public, `billing.invoices` elsewhere. A schema or name with a dot or a
 * quotation mark in it is quoted as in SQL: table `a.b` of schema public is `"a.b"`, and `a.b` is table `b` of schema `a`. So no
 * two tables have the same name here.
 */
export function tableName(schema: string, name: string): string {
  return schema === 'public' ? quoteIdentifier(name) : formatQualifiedName(schema, name);
}

/** The same with the schema in any case, for what is no table. */
export function formatQualifiedName(schema: string, name: string): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
}

function quoteIdentifier(part: string): string {
  return /[."]/.test(part) ? `"${part.replaceAll('"', '""')}"` : part;
}

const PART = '"(?:[^"]|"")+"|[^."]+';
const NAME = new RegExp(`^(?:(${PART})\\.)?(${PART})$`);

/**
 * Reads what {@link tableName} and {@link formatQualifiedName} write, and the same with more quotation marks than it takes.
 *
 * @returns undefined for text that is no such name; `schema` is undefined where there is none before the name
 */
export function parseName(text: string): { readonly schema: string | undefined; readonly name: string } | undefined {
  const [, schema, name] = NAME.exec(text) ?? [];
  return name === undefined
    ? undefined
    : { schema: schema && unquoteIdentifier(schema), name: unquoteIdentifier(name) };
}

function unquoteIdentifier(part: string): string {
  return part.startsWith('"') ? part.slice(1, -1).replaceAll('""', '"') : part;
}

/** The table that a user's text names. Undefined for text that is no name. */
export function parseTableName(text: string): QualifiedName | undefined {
  const parsed = parseName(text);
  return parsed && { schema: parsed.schema ?? 'public', name: parsed.name };
}

/** What to say of text that is no name of a table. */
export const TABLE_NAME_EXPECTED = `expected a table's name, as in 'users' or 'billing.invoices'; a schema or name with a dot or a quotation mark in it stands in double quotes, as in '"a.b"' or 'billing."a.b"'`;
