/**
 * The values of a row by column name. A column that the server did not send is absent; it is not null.
 *
 * To get typed rows, declare the tables: `logicalReplication<{ orders: Order }>(config)`.
 */
export type Row = Record<string, unknown>;

/** The replica identity of a table: which old values an UPDATE or DELETE sends. Source: manual, ALTER TABLE … REPLICA IDENTITY. */
export type ReplicaIdentity = 'default' | 'nothing' | 'full' | 'index';

/** A column of a published table. */
export interface Column {
  readonly name: string;
  /** Whether the column is part of the replica identity. */
  readonly key: boolean;
  readonly typeOid: number;
  /** The type modifier (`atttypmod`), -1 if there is none. */
  readonly typeModifier: number;
}

/** The definition of a table at the time of a change. It is immutable: after DDL, changes refer to a new object. */
export interface Relation<Name extends string = string> {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /**
   * The table name, qualified unless the schema is public: `users`, `billing.invoices`. A schema or name that contains a dot
   * or a quotation mark is quoted: `"a.b"`.
   */
  readonly table: Name;
  readonly replicaIdentity: ReplicaIdentity;
  readonly columns: readonly Column[];
}

/** The qualified name of an object, unquoted as in the catalog. */
export interface QualifiedName {
  readonly schema: string;
  readonly name: string;
}

/**
 * Formats a table name as messages have it: `users` in schema public, `billing.invoices` in others. A schema or name that
 * contains a dot or a quotation mark is quoted as in SQL: table `a.b` of schema public is `"a.b"`, and `a.b` is table `b` of
 * schema `a`. So the result is unique.
 */
export function formatTableName(schema: string, name: string): string {
  return schema === 'public' ? quoteIdentifier(name) : formatQualifiedName(schema, name);
}

/** Formats the name of an object other than a table. The schema is always included. */
export function formatQualifiedName(schema: string, name: string): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
}

function quoteIdentifier(part: string): string {
  return /[."]/.test(part) ? `"${part.replaceAll('"', '""')}"` : part;
}

const PART = '"(?:[^"]|"")+"|[^."]+';
const NAME = new RegExp(`^(?:(${PART})\\.)?(${PART})$`);

/**
 * Parses a name that {@link formatTableName} or {@link formatQualifiedName} formats. Unnecessary quotation marks are accepted.
 *
 * @returns undefined if the text is not a valid name; `schema` is undefined if the name is not qualified
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

/** Parses a table name of the user. The default schema is public. Returns undefined if the name is invalid. */
export function parseTableName(text: string): QualifiedName | undefined {
  const parsed = parseName(text);
  return parsed && { schema: parsed.schema ?? 'public', name: parsed.name };
}

/** The error text for an invalid table name. */
export const TABLE_NAME_EXPECTED = `expected a table's name, as in 'users' or 'billing.invoices'; a schema or name with a dot or a quotation mark in it stands in double quotes, as in '"a.b"' or 'billing."a.b"'`;
