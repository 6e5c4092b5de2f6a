import { abridge } from '../common/error-text';
import { ProtocolError, type ServerFields } from '../common/errors';
import type { Reader } from './reader';

type OptionalField = Exclude<keyof ServerFields, 'severity' | 'sqlState' | 'message'>;

const OPTIONAL_FIELDS: ReadonlyMap<string, OptionalField> = new Map<string, OptionalField>([
  ['D', 'detail'],
  ['H', 'hint'],
  ['P', 'position'],
  ['p', 'internalPosition'],
  ['q', 'internalQuery'],
  ['W', 'where'],
  ['s', 'schema'],
  ['t', 'table'],
  ['c', 'column'],
  ['d', 'dataType'],
  ['n', 'constraint'],
  ['F', 'file'],
  ['L', 'line'],
  ['R', 'routine'],
]);

/**
 * Reads the fields of an ErrorResponse or NoticeResponse, each a code byte and text, up to a zero byte.
 *
 * Fields with unknown codes are ignored, as the manual requires.
 */
export function readServerFields(reader: Reader, what: string): ServerFields {
  const sent = new Map<string, string>();
  for (let code = reader.u8(); code !== 0; code = reader.u8()) sent.set(String.fromCharCode(code), reader.cstring());
  const required = (code: string, name: string): string => {
    const value = sent.get(code);
    if (value !== undefined) return value;
    const text = sent.get('M');
    throw new ProtocolError(
      `${what} message: expected a field ${code} (${name}) before the end${text === undefined ? '' : `; its text is: ${abridge(text)}`}`,
    );
  };

  const optional: Partial<Record<OptionalField, string>> = {};
  for (const [code, name] of OPTIONAL_FIELDS) {
    const value = sent.get(code);
    if (value !== undefined) optional[name] = value;
  }
  return {
    // S is localized. V exists since PostgreSQL 9.6, and some poolers omit it.
    severity: sent.get('V') ?? required('S', 'severity'),
    sqlState: required('C', 'SQLSTATE'),
    message: required('M', 'message'),
    ...optional,
  };
}
