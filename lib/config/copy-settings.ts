import { isRecord, OptionReader } from '../common/option-reader';
import type { CopySettings } from './settings';

/** The temporary slot of a copy has the name of the slot and a suffix of this length; the server's limit is 63. */
const MAX_SLOT_NAME = 63 - '_copy'.length;

/**
 * Reads the option `copy`.
 *
 * @throws {ConfigError} for an option with which a copy is not possible
 */
export function readCopy(options: OptionReader, slot: string): CopySettings | undefined {
  const value = options.get('copy');
  if (value === undefined || value === false) return undefined;
  if (value !== true && !isRecord(value)) throw options.error('copy', 'expected true, false or { concurrency: 4 }');
  if (!options.flag('confirm', true))
    throw options.error('copy', 'cannot be combined with confirm: false: rows wait for their acknowledgement');
  const startLsn = options.get('startLsn');
  if (startLsn !== undefined && typeof startLsn !== 'function')
    throw options.error('copy', 'cannot be combined with a fixed startLsn: the stream starts where the copy ends');
  const ensureSlot = options.get('ensureSlot');
  if (isRecord(ensureSlot) && ensureSlot['temporary'] === true)
    throw options.error('copy', 'cannot be combined with a temporary slot: each connection would copy again');
  if (slot.length > MAX_SLOT_NAME)
    throw options.error('slot', `at most ${MAX_SLOT_NAME} characters with copy, which adds a slot "${slot}_copy"`);
  const copy = new OptionReader('copy', value === true ? {} : value, ['concurrency']);
  return { concurrency: copy.number('concurrency', 1, 1) };
}
