import type { Row } from './table';

/** Tables that nobody has declared: of any name, with columns of any name. */
export type AnyTables = Record<string, Row>;

/** A row of a declared table, as it is read. As in Kysely, a column that cannot be selected (`never`) is none. */
export type RowOf<Tables, Name extends keyof Tables> = {
  [Column in keyof Tables[Name] as [Selected<Tables[Name][Column]>] extends [never] ? never : Column]: Selected<
    Tables[Name][Column]
  >;
};

/** What reading a column gives: of a Kysely `ColumnType` its first parameter, of any other column the column itself. */
type Selected<Column> = Column extends { readonly __select__: infer Value } ? Value : Column;

/** What types of a fixed length are read as. */
type FixedLength = number | bigint | boolean | Date | null | undefined;

type PartsOfUpdate<Columns> = {
  [Name in keyof Columns as Columns[Name] extends FixedLength ? Name : never]: Columns[Name];
} & {
  [Name in keyof Columns as Columns[Name] extends FixedLength ? never : Name]?: Columns[Name];
};

/**
 * A row after an update, or as a row filter inserts it. What is unchanged and stored out of line (TOAST) is absent. Only types
 * of variable length are stored so, and no value of 24 bytes or less: what is read as a number or a Date is there, unless a
 * parser of one's own makes it of a longer text.
 *
 * Source: PostgreSQL, `toast_tuple_find_biggest_attribute`.
 */
export type UpdatedRow<Columns> = { [Name in keyof PartsOfUpdate<Columns>]: PartsOfUpdate<Columns>[Name] };
