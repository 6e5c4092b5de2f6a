import { listOptionNames, type OptionReader } from '../common/option-reader';
import { exactTypes } from '../pgoutput/values/exact-types';
import { readExpectedTables } from '../pgoutput/types/expected-tables';
import { defaultTypes, type TypeParsers } from '../pgoutput/values/values';
import type { ValueSettings } from './settings';
import type { ValueOptions } from './stream-config';

export const VALUE_OPTIONS = listOptionNames<ValueOptions>({
  types: true,
  lookUpTypes: true,
  composites: true,
  expectTables: true,
  onDecodeError: true,
});

/** @param raw whether the stream uses a plugin other than pgoutput, whose values are not decoded */
export function readValueOptions(options: OptionReader, raw: boolean): ValueSettings {
  const lookUpTypes = options.flag('lookUpTypes', !raw);
  const composites = options.flag('composites', false);
  if (composites && !lookUpTypes) throw options.error('composites', 'requires lookUpTypes: true');
  const expected = options.get('expectTables');
  const check = expected === undefined ? undefined : readExpectedTables(expected);
  const onDecodeError = options.oneOf('onDecodeError', ['error', 'deliver']) ?? 'error';
  return { types: readTypes(options), lookUpTypes, composites, check, onDecodeError };
}

function readTypes(options: OptionReader): TypeParsers {
  const types = options.get('types');
  if (types === 'exact') return exactTypes;
  if (typeof types === 'string') {
    throw options.error('types', "expected 'exact', or an object with a method getTypeParser(), got other text");
  }
  return options.objectWithMethod<TypeParsers>('types', 'getTypeParser') ?? defaultTypes;
}
