import type { Row } from './table';
import type { UndecodedValue } from '../values/undecoded-value';

/** The default if no tables are declared: any table name, any column name. */
export type AnyTables = Record<string, Row>;

/** A row of a declared table. As in Kysely, a column whose select type is `never` is omitted. */
export type RowOf<Tables, Name extends keyof Tables> = {
  [Column in keyof Tables[Name] as [Selected<Tables[Name][Column]>] extends [never] ? never : Column]: Selected<
    Tables[Name][Column]
  >;
};

/** The select type of a column: the first parameter of a Kysely `ColumnType`, otherwise the declared type. */
type Selected<Column> = Column extends { readonly __select__: infer Value } ? Value : Column;

/** The JavaScript types to which PostgreSQL types of fixed length are decoded. */
type FixedLength = number | bigint | boolean | Date | UndecodedValue | null | undefined;

type PartsOfUpdate<Columns> = {
  [Name in keyof Columns as Columns[Name] extends FixedLength ? Name : never]: Columns[Name];
} & {
  [Name in keyof Columns as Columns[Name] extends FixedLength ? never : Name]?: Columns[Name];
};

/**
 * A row after an update, or after an insert that a row filter made from an UPDATE. Columns that can be absent are optional:
 * unchanged values that are stored out of line (TOAST). PostgreSQL stores only types of variable length out of line, and only
 * values of more than 24 bytes. So numbers and Dates are present, unless your own parser makes them from a longer text.
 *
 * Source: PostgreSQL, `toast_tuple_find_biggest_attribute`.
 */
export type UpdatedRow<Columns> = { [Name in keyof PartsOfUpdate<Columns>]: PartsOfUpdate<Columns>[Name] };

/**
 * Declared tables for a stream with `onDecodeError: 'deliver'`: any column can hold an {@link UndecodedValue}. Check with
 * `instanceof`.
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
