import type { StreamPlan } from '../commands/open-stream';
import { isRecord, OptionReader } from '../common/option-reader';
import { readPgoutputRequest } from './pgoutput-request';

/**
 * Reads which slot to stream from, with which output plugin.
 *
 * @throws {ConfigError} for the first invalid option
 */
export function readStreamPlan(options: OptionReader): StreamPlan {
  const raw = options.get('plugin') !== undefined;
  return { ...readCommonPlan(options), ...(raw ? readPluginPlan(options) : readPgoutputPlan(options)) };
}

/** Reads the option `slot` and checks the name as the server does. Source: manual, "Replication Slots". */
export function readSlotName(options: OptionReader): string {
  const slot = options.text('slot');
  if (slot === undefined) throw options.error('slot', 'missing; set the name of the replication slot');
  if (!/^[a-z0-9_]{1,63}$/.test(slot)) {
    throw options.error(
      'slot',
      `invalid slot name ${JSON.stringify(slot)}: use lower-case letters, digits and underscores, at most 63`,
    );
  }
  return slot;
}

function readCommonPlan(options: OptionReader): Pick<StreamPlan, 'slot' | 'ensureSlot' | 'positionOwner'> {
  const startLsn = options.get('startLsn');
  const positionOwner = typeof startLsn === 'function' ? 'consumer' : 'slot';
  const ensureSlot = readEnsureSlot(options);
  if (ensureSlot && startLsn !== undefined && positionOwner === 'slot') {
    throw options.error('ensureSlot', 'cannot be combined with startLsn: a new slot contains no earlier changes');
  }
  return { slot: readSlotName(options), ensureSlot, positionOwner };
}

function readEnsureSlot(options: OptionReader): StreamPlan['ensureSlot'] {
  const value = options.get('ensureSlot');
  if (value === undefined || value === false) return undefined;
  if (value !== true && !isRecord(value))
    throw options.error('ensureSlot', 'expected true, false or { temporary: true }');
  const slot = new OptionReader('ensureSlot', value === true ? {} : value, ['temporary', 'failover', 'twoPhase']);
  const temporary = slot.flag('temporary', false);
  const failover = slot.flag('failover', false);
  if (temporary && failover)
    throw slot.error(
      'failover',
      'cannot be combined with temporary: the server drops a temporary slot when the connection ends',
    );
  const ofStream = options.flag('twoPhase', false);
  const twoPhase = slot.flag('twoPhase', ofStream);
  if (twoPhase !== ofStream && options.get('plugin') === undefined) {
    throw slot.error('twoPhase', `must equal the twoPhase of the stream, which is ${ofStream}; remove it`);
  }
  return { temporary, failover, twoPhase };
}

type PluginPlan = Pick<StreamPlan, 'plugin' | 'pgoutput' | 'pluginOptions'>;

function readPgoutputPlan(options: OptionReader): PluginPlan {
  const publications = options.names('publications');
  if (!publications) {
    throw options.error('publications', 'missing; name at least one publication, or set plugin');
  }
  return { plugin: 'pgoutput', pgoutput: { publications, request: readPgoutputRequest(options) }, pluginOptions: {} };
}

function readPluginPlan(options: OptionReader): PluginPlan {
  const plugin = options.text('plugin');
  if (!plugin) throw options.error('plugin', 'missing; set the name of the output plugin');
  const given = options.get('pluginOptions') ?? {};
  if (!isRecord(given)) throw options.error('pluginOptions', 'expected an object whose values are text');
  const pluginOptions = Object.fromEntries(
    Object.entries(given).map(([name, value]) => {
      if (typeof value !== 'string') throw options.error(`pluginOptions.${name}`, 'expected text');
      return [name, value];
    }),
  );
  return { plugin, pgoutput: undefined, pluginOptions };
}
