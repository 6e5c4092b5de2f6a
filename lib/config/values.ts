import type { Options } from '../common/options';
import { exactTypes } from '../pgoutput/values/exact-types';
import { readExpectedTables, type ExpectedTables, type TableCheck } from '../pgoutput/types/expected-tables';
import type { OnDecodeError } from '../pgoutput/messages/described-table';
import { defaultTypes, type TypeParsers } from '../pgoutput/values/values';

/** What becomes of values, and of the tables that they stand in. */
export interface ValueOptions {
  /**
   * Where a value's parser comes from, as in pg: `pg.types`, or an object of one's own; or `'exact'`, for values of which nothing
   * is rounded and for which no time zone is guessed: bigint for int8, text for numeric, dates and times. Default: pg-types.
   */
  readonly types?: TypeParsers | 'exact' | undefined;
  /**
   * Whether types that are not built in are looked up in the catalog, when the stream starts and over a second connection
   * when a new one comes up: then arrays of enums and domains are arrays. Otherwise they stay text. Of a type that a streamed
   * or prepared transaction makes, nothing can be found out before that is committed. Default true.
   */
  readonly lookUpTypes?: boolean | undefined;
  /**
   * Whether values of composite types become objects by attribute name, instead of text. After ALTER TYPE, which no message
   * tells of, values are told apart by how many attributes they have: those of a type that has lost one attribute and gained
   * another have the names that were looked up for either. Default false.
   */
  readonly composites?: boolean | undefined;
  /**
   * The columns that some tables are expected to have, each with its type. A table that is described otherwise is the error
   * `SCHEMA_DRIFT`, before the first row that does not fit; in a streamed transaction at its commit or prepare. Default:
   * nothing is expected.
   */
  readonly expectTables?: ExpectedTables | undefined;
  /**
   * What becomes of a value that cannot be decoded: text that is not UTF-8 or that the type's parser does not take, a binary
   * value of a type that is not known, a value that is longer than a string can be. `'error'` ends the stream with
   * {@link ValueError}. `'deliver'` puts an {@link UndecodedValue} with its bytes in its place in the row, and goes on; then the
   * types say of each column that it may be one. Default `'error'`.
   */
  readonly onDecodeError?: OnDecodeError | undefined;
}

export const VALUE_OPTIONS: readonly (keyof ValueOptions)[] = [
  'types',
  'lookUpTypes',
  'composites',
  'expectTables',
  'onDecodeError',
];

/** The same, checked. */
export interface ValueSettings {
  readonly types: TypeParsers;
  readonly lookUpTypes: boolean;
  readonly composites: boolean;
  readonly check: TableCheck | undefined;
  readonly onDecodeError: OnDecodeError;
}

/** @param raw whether another plugin than pgoutput is streamed, whose values nobody here reads */
export function readValueOptions(options: Options, raw: boolean): ValueSettings {
  const lookUpTypes = options.flag('lookUpTypes', !raw);
  const composites = options.flag('composites', false);
  if (composites && !lookUpTypes) throw options.error('composites', 'needs lookUpTypes: text does not name attributes');
  const expected = options.get('expectTables');
  const check = expected === undefined ? undefined : readExpectedTables(expected);
  const onDecodeError = options.oneOf('onDecodeError', ['error', 'deliver']) ?? 'error';
  return { types: readTypes(options), lookUpTypes, composites, check, onDecodeError };
}

function readTypes(options: Options): TypeParsers {
  const types = options.get('types');
  if (types === 'exact') return exactTypes;
  if (typeof types === 'string') {
    throw options.error('types', "expected 'exact', or an object with a method getTypeParser(), got another text");
  }
  return options.having<TypeParsers>('types', 'getTypeParser') ?? defaultTypes;
}
