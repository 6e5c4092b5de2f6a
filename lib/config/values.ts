import { listOptionNames, type Options } from '../common/options';
import { exactTypes } from '../pgoutput/values/exact-types';
import { readExpectedTables, type ExpectedTables, type TableCheck } from '../pgoutput/types/expected-tables';
import type { OnDecodeError } from '../pgoutput/messages/described-table';
import { defaultTypes, type TypeParsers } from '../pgoutput/values/values';

/** Options for decoding values and checking tables. */
export interface ValueOptions {
  /**
   * The parsers of values by type, as in pg: `pg.types`, or an object with a method `getTypeParser()`. `'exact'` neither rounds
   * nor assumes a time zone: bigint for int8, text for numeric, dates and times. Default: pg-types.
   */
  readonly types?: TypeParsers | 'exact' | undefined;
  /**
   * Whether the library looks up types that are not built in, so that arrays of enums and domains become arrays instead of
   * text. It queries the catalog when the stream starts, and over a second connection when a new type occurs. A type that a
   * streamed or prepared transaction creates is not visible in the catalog before the transaction commits. Default true; false
   * with another plugin.
   */
  readonly lookUpTypes?: boolean | undefined;
  /**
   * Whether values of composite types become objects by attribute name instead of text. Needs `lookUpTypes`. The server does
   * not announce ALTER TYPE: if it leaves the number of attributes the same, the library uses the old names until you
   * reconnect. Default false.
   */
  readonly composites?: boolean | undefined;
  /**
   * The expected columns of tables, with their types. If the server describes a table differently, the stream fails with
   * `SCHEMA_DRIFT` before the first such row; in a streamed transaction, at its commit or prepare. Default: no check.
   */
  readonly expectTables?: ExpectedTables | undefined;
  /**
   * How to handle a value that cannot be decoded: text that is not UTF-8 or that the parser rejects, a binary value of an
   * unknown type, or a value longer than the longest string of Node.js. `'error'` ends the stream with {@link ValueError}.
   * `'deliver'` puts an {@link UndecodedValue} with the bytes into the row and continues; the type of each column then includes
   * it. Default `'error'`.
   */
  readonly onDecodeError?: OnDecodeError | undefined;
}

export const VALUE_OPTIONS = listOptionNames<ValueOptions>({
  types: true,
  lookUpTypes: true,
  composites: true,
  expectTables: true,
  onDecodeError: true,
});

/** Validated {@link ValueOptions}. */
export interface ValueSettings {
  readonly types: TypeParsers;
  readonly lookUpTypes: boolean;
  readonly composites: boolean;
  readonly check: TableCheck | undefined;
  readonly onDecodeError: OnDecodeError;
}

/** @param raw whether the stream uses a plugin other than pgoutput, whose values are not decoded */
export function readValueOptions(options: Options, raw: boolean): ValueSettings {
  const lookUpTypes = options.flag('lookUpTypes', !raw);
  const composites = options.flag('composites', false);
  if (composites && !lookUpTypes) throw options.error('composites', 'requires lookUpTypes: true');
  const expected = options.get('expectTables');
  const check = expected === undefined ? undefined : readExpectedTables(expected);
  const onDecodeError = options.oneOf('onDecodeError', ['error', 'deliver']) ?? 'error';
  return { types: readTypes(options), lookUpTypes, composites, check, onDecodeError };
}

function readTypes(options: Options): TypeParsers {
  const types = options.get('types');
  if (types === 'exact') return exactTypes;
  if (typeof types === 'string') {
    throw options.error('types', "expected 'exact', or an object with a method getTypeParser(), got other text");
  }
  return options.having<TypeParsers>('types', 'getTypeParser') ?? defaultTypes;
}
