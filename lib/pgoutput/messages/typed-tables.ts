import type { Row } from './table';
import type { UndecodedValue } from '../values/undecoded-value';

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
type FixedLength = number | bigint | boolean | Date | UndecodedValue | null | undefined;

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

/**
 * Declared tables as a stream with `onDecodeError: 'deliver'` delivers them: the value of any column may be an
 * {@link UndecodedValue}, and `instanceof` tells.
 *
 * @example
 * const describe = (change: InsertMessage<WithUndecoded<Tables>, 'users'>): string =>
 *   change.new.email instanceof UndecodedValue ? `${change.new.email.bytes.length} bytes` : change.new.email;
 */
export type WithUndecoded<Tables extends object> = {
  [Name in keyof Tables]: {
    [Column in keyof Tables[Name]]: [Selected<Tables[Name][Column]>] extends [never]
      ? Tables[Name][Column]
      : Tables[Name][Column] | UndecodedValue;
  };
};
