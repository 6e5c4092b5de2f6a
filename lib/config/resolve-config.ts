import { asyncScheduler, Subject, type NextObserver, type SchedulerLike } from 'rxjs';
import type { OpenInfo } from '../commands/open-stream';
import { ConfigError } from '../common/errors';
import { addToJson } from '../common/json';
import { isRecord, listOptionNames, OptionReader } from '../common/option-reader';
import { MAX_MESSAGE_LENGTH } from '../wire/frames';
import type { ServerConfig } from './connection-options';
import { classify, readErrorRules } from './error-rules';
import type { CloseInfo, StatusUpdate } from './observers';
import { PGOUTPUT_OPTIONS } from './pgoutput-request';
import { resolveConnection, SERVER_OPTIONS } from './resolve-connection';
import { readCopy } from './copy-settings';
import type { Settings } from './settings';
import { readStart } from './start';
import type { CommonStreamConfig, StreamConfig } from './stream-config';
import { readStreamPlan } from './stream-plan';
import { readValueOptions, VALUE_OPTIONS } from './value-settings';

const COMMON = [
  ...SERVER_OPTIONS,
  ...listOptionNames<Omit<CommonStreamConfig, keyof ServerConfig>>({
    slot: true,
    ensureSlot: true,
    startLsn: true,
    confirm: true,
    maxUnacked: true,
    maxUnackedBytes: true,
    maxMessageSize: true,
    statusInterval: true,
    livenessTimeout: true,
    ackTimeout: true,
    errors: true,
    scheduler: true,
    openObserver: true,
    statusObserver: true,
    closeObserver: true,
  }),
];
const PGOUTPUT = [...COMMON, 'publications', 'copy', ...PGOUTPUT_OPTIONS, ...VALUE_OPTIONS];
const PLUGIN = [...COMMON, 'plugin', 'pluginOptions'];

/** Options of only one kind of stream, with the problem that an error states for the other kind. */
const OF_PLUGIN = { pluginOptions: 'requires plugin' };
const FOR_PGOUTPUT = 'applies to pgoutput only; remove it, or remove plugin';
const OF_PGOUTPUT = Object.fromEntries(
  ['publications', 'copy', ...PGOUTPUT_OPTIONS, ...VALUE_OPTIONS].map((name) => [name, FOR_PGOUTPUT]),
);

/** @throws {ConfigError} for the first invalid option */
export function resolveConfig(config: StreamConfig): Settings {
  const plugin = isRecord(config) && 'plugin' in config ? config.plugin : undefined;
  if (plugin === 'pgoutput') throw new ConfigError('plugin', 'must not be pgoutput; remove it and set publications');
  const raw = plugin !== undefined;
  const options = raw
    ? new OptionReader('', config, PLUGIN, { misplaced: OF_PGOUTPUT })
    : new OptionReader('', config, PGOUTPUT, { misplaced: OF_PLUGIN });
  const confirm = options.flag('confirm', true);
  const plan = readStreamPlan(options);
  const statusInterval = options.ms('statusInterval', 10_000, 1);
  const rules = readErrorRules(options);
  return {
    connection: resolveConnection(options),
    plan,
    start: readStart(options),
    copy: raw ? undefined : readCopy(options, plan.slot),
    classify: (error) => classify(rules, error),
    session: {
      confirm,
      progressInterval: plan.positionOwner === 'consumer' ? statusInterval : undefined,
      window: {
        messages: options.number('maxUnacked', 512, 1),
        bytes: options.number('maxUnackedBytes', 16 * 1024 * 1024, 1),
      },
      livenessTimeout: options.ms('livenessTimeout', 60_000),
      ackTimeout: options.ms('ackTimeout', 0),
    },
    values: readValueOptions(options, raw),
    // A keepalive has 22 bytes, but rows need more.
    maxMessageSize: Math.min(options.number('maxMessageSize', MAX_MESSAGE_LENGTH, 1024), MAX_MESSAGE_LENGTH),
    scheduler: options.objectWithMethod<SchedulerLike>('scheduler', 'schedule') ?? asyncScheduler,
    statusInterval,
    observers: {
      open: notifyObserver(options.objectWithMethod<NextObserver<OpenInfo>>('openObserver', 'next')),
      status: notifyObserver(options.objectWithMethod<NextObserver<StatusUpdate>>('statusObserver', 'next')),
      close: notifyObserver(options.objectWithMethod<NextObserver<CloseInfo>>('closeObserver', 'next')),
    },
  };
}

/**
 * Calls an observer with values that have a JSON form. RxJS reports an error that the observer throws; the stream is not
 * affected.
 */
function notifyObserver<T extends object>(observer: NextObserver<T> | undefined): (value: T) => void {
  const subject = new Subject<T>();
  if (observer) subject.subscribe(observer);
  return (value) => {
    subject.next(addToJson(value));
  };
}
