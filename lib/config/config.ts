import { asyncScheduler, Subject, type NextObserver, type ObservableInput, type SchedulerLike } from 'rxjs';
import type { StoredPosition } from '../ledger/checkpoint';
import { ConfigError } from '../common/errors';
import { addToJson } from '../common/json';
import type { Lsn } from '../common/lsn';
import type { OpenInfo, StartRequest, StreamPlan } from '../commands/open-stream';
import type { WindowLimits } from '../ledger/window';
import type { CloseInfo, StatusUpdate } from './observers';
import { resolveConnection, SERVER_OPTIONS, type ConnectionSettings, type ServerConfig } from './connection';
import { PGOUTPUT_OPTIONS, readPgoutputRequest, type PgoutputOptions } from './pgoutput';
import { readStart } from './start';
import { VALUE_OPTIONS, readValueOptions, type ValueOptions, type ValueSettings } from './values';
import { readErrorRules, classify, type ErrorRule } from './error-rules';
import { isRecord, listOptionNames, Options } from '../common/options';
import { MAX_MESSAGE_LENGTH } from '../wire/frames';

/**
 * How `ensureSlot` creates a missing slot. Source: manual, "Streaming Replication Protocol", CREATE_REPLICATION_SLOT.
 *
 * @example
 * const ensureSlot: SlotOptions = { temporary: true };
 */
export interface SlotOptions {
  /** The server drops the slot when the connection ends; changes that were not streamed are lost. Default false. */
  readonly temporary?: boolean | undefined;
  /**
   * Standbys synchronize the slot, so that a stream can continue there after a failover. Needs PostgreSQL 17 and a permanent
   * slot. Default false.
   */
  readonly failover?: boolean | undefined;
  /**
   * The server sends prepared transactions at PREPARE TRANSACTION instead of at commit. Needs PostgreSQL 15. Default: the
   * stream's `twoPhase`, which is the only accepted value with pgoutput; with another plugin false.
   */
  readonly twoPhase?: boolean | undefined;
}

interface CommonConfig extends ServerConfig {
  /** The name of the replication slot: lower-case letters, digits and underscores, at most 63. */
  readonly slot: string;
  /**
   * Creates the slot if it does not exist, on the observable's first subscription only. Later subscriptions fail with
   * `SLOT_LOST` instead, because changes are missing. Default false.
   */
  readonly ensureSlot?: boolean | SlotOptions | undefined;
  /**
   * Where to start. Default: the slot's confirmed position. If the position is ahead of the slot, the server skips the
   * changes in between, and they count as confirmed. If the slot is ahead of the position, the stream fails with `SLOT_AHEAD`.
   *
   * An LSN applies to the first subscription only. A function is called at each subscription and returns the position that
   * your code has stored: an LSN, a {@link Checkpoint}, or undefined if there is none yet. With a function, your store is
   * authoritative and the slot follows it: acknowledge keepalives, too, and `transactions()` emits progress without changes.
   *
   * The library calls the function once per connection, after the server has reported that no other connection reads the
   * slot; otherwise the subscription fails with `SLOT_ACTIVE`. Connecting and the function together must finish within
   * `connectTimeout`, else the stream fails with `CHECKPOINT_UNAVAILABLE`. An error of the function is passed to the
   * subscriber unchanged; a result of another type is the error `CONFIG_INVALID`.
   */
  readonly startLsn?: Lsn | string | (() => ObservableInput<StoredPosition> | StoredPosition) | undefined;
  /**
   * false: read-only. The library confirms nothing, so the slot does not advance, and the number of unacknowledged deliveries
   * is not limited. (`twoPhase` still converts the slot.) Default true.
   */
  readonly confirm?: boolean | undefined;
  /** The stream pauses reading at this number of unacknowledged deliveries; a transaction counts as one. Default 512. */
  readonly maxUnacked?: number | undefined;
  /** The stream pauses reading at this size of unacknowledged deliveries, in bytes. Default 16 MiB. */
  readonly maxUnackedBytes?: number | undefined;
  /**
   * The greatest length of a message of the server, in bytes; at least 1024. A longer one ends the stream with an error before
   * memory is allocated for it. A row is one message, regardless of `maxUnackedBytes`. Default 1 GiB, the maximum of
   * PostgreSQL.
   */
  readonly maxMessageSize?: number | undefined;
  /** Interval of status updates, in ms; a third of the server's `wal_sender_timeout` if that is less. Default 10 000. */
  readonly statusInterval?: number | undefined;
  /**
   * The stream fails with `LIVENESS_TIMEOUT` after this time without data from the server, in ms; at half of it the client
   * requests a reply. The minimum in effect is 1.5 times the server's `wal_sender_timeout` plus 1000 ms. 0: never. Default
   * 60 000.
   */
  readonly livenessTimeout?: number | undefined;
  /** The stream fails with `ACK_TIMEOUT` if the oldest delivery is not acknowledged within this time, in ms; 0: never. Default 0. */
  readonly ackTimeout?: number | undefined;
  /** Rules that change the code, `retryable` or remedy of errors. The first matching rule applies. Default: none. */
  readonly errors?: readonly ErrorRule[] | undefined;
  /** The scheduler of status updates and of the timeouts measured with them. Default `asyncScheduler`. */
  readonly scheduler?: SchedulerLike | undefined;
  /** Receives a value when a stream has started. */
  readonly openObserver?: NextObserver<OpenInfo> | undefined;
  /** Receives each status update that the client sends. */
  readonly statusObserver?: NextObserver<StatusUpdate> | undefined;
  /** Receives a value when a started stream has ended and its connection no longer uses the slot. */
  readonly closeObserver?: NextObserver<CloseInfo> | undefined;
}

/**
 * Configuration of a stream with pgoutput, PostgreSQL's built-in output plugin.
 *
 * @example
 * const config: PgoutputConfig = { connection: 'postgres://localhost/shop', slot: 'orders', publications: ['orders_pub'] };
 */
export interface PgoutputConfig extends CommonConfig, PgoutputOptions, ValueOptions {
  readonly streaming?: 'off' | undefined;
  readonly twoPhase?: false | undefined;
  readonly onDecodeError?: 'error' | undefined;
  /** The names of the publications to stream, as in `pg_publication`; case-sensitive. */
  readonly publications: readonly string[];
}

/** As {@link PgoutputConfig}, with large transactions streamed before they commit. */
export interface StreamingConfig extends Omit<PgoutputConfig, 'streaming'> {
  readonly streaming: 'on' | 'parallel';
}

/** As {@link PgoutputConfig}, with prepared transactions sent at PREPARE TRANSACTION. */
export interface TwoPhaseConfig extends Omit<PgoutputConfig, 'twoPhase'> {
  readonly twoPhase: true;
}

/** As {@link PgoutputConfig}, with both `streaming` and `twoPhase`. */
export interface StreamingTwoPhaseConfig extends Omit<StreamingConfig, 'twoPhase'> {
  readonly twoPhase: true;
}

/** One of these configurations with `onDecodeError: 'deliver'`. */
export type DeliveringConfig<Config extends AnyPgoutputConfig = PgoutputConfig> = Omit<Config, 'onDecodeError'> & {
  readonly onDecodeError: 'deliver';
};

/** A configuration of pgoutput whose `streaming`, `twoPhase` or `onDecodeError` is not known to the compiler. */
export interface AnyPgoutputConfig
  extends Omit<PgoutputConfig, 'streaming' | 'twoPhase' | 'onDecodeError'>, PgoutputOptions, ValueOptions {}

/** Configuration of a stream, with any output plugin. */
export type StreamConfig = AnyPgoutputConfig | PluginConfig;

/**
 * Configuration of a stream with an output plugin other than pgoutput.
 *
 * @example
 * const config: PluginConfig = { slot: 'audit', plugin: 'test_decoding', pluginOptions: { 'skip-empty-xacts': '1' } };
 */
export interface PluginConfig extends CommonConfig {
  /** The name of the output plugin, for example `test_decoding`. */
  readonly plugin: string;
  /** Options that the server passes to the plugin. Default: none. */
  readonly pluginOptions?: Readonly<Record<string, string>> | undefined;
}

/** The settings of a replication session. */
export interface SessionSettings {
  readonly window: WindowLimits;
  /** false: the client confirms nothing, and the window is unlimited. */
  readonly confirm: boolean;
  /**
   * Minimum time between deliveries of progress without changes, in ms, except when the server requests a reply; undefined
   * if the slot, not the consumer, keeps the position.
   */
  readonly progressInterval?: number | undefined;
  /** In ms; 0: never. */
  readonly livenessTimeout: number;
  /** In ms; 0: never. */
  readonly ackTimeout: number;
}

/** A validated configuration with defaults applied. */
export interface Settings {
  readonly connection: ConnectionSettings;
  readonly plan: StreamPlan;
  readonly start: StartRequest;
  readonly session: SessionSettings;
  /** Applies the rules of the option `errors`. */
  readonly classify: (error: Error) => Error;
  readonly values: ValueSettings;
  /** In bytes, counted as in the message header. */
  readonly maxMessageSize: number;
  readonly scheduler: SchedulerLike;
  readonly statusInterval: number;
  readonly observers: {
    readonly open: (info: OpenInfo) => void;
    readonly status: (status: StatusUpdate) => void;
    readonly close: (info: CloseInfo) => void;
  };
}

const COMMON = [
  ...SERVER_OPTIONS,
  ...listOptionNames<Omit<CommonConfig, keyof ServerConfig>>({
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
const PGOUTPUT = [...COMMON, 'publications', ...PGOUTPUT_OPTIONS, ...VALUE_OPTIONS];
const PLUGIN = [...COMMON, 'plugin', 'pluginOptions'];

/** Options of only one kind of stream, with the problem that an error states for the other kind. */
const OF_PLUGIN = { pluginOptions: 'requires plugin' };
const FOR_PGOUTPUT = 'applies to pgoutput only; remove it, or remove plugin';
const OF_PGOUTPUT = Object.fromEntries(
  ['publications', ...PGOUTPUT_OPTIONS, ...VALUE_OPTIONS].map((name) => [name, FOR_PGOUTPUT]),
);

/** @throws {ConfigError} for the first invalid option */
export function resolveConfig(config: StreamConfig): Settings {
  const plugin = isRecord(config) ? config.plugin : undefined;
  if (plugin === 'pgoutput') throw new ConfigError('plugin', 'must not be pgoutput; remove it and set publications');
  const raw = plugin !== undefined;
  const options = raw
    ? new Options('', config, PLUGIN, { misplaced: OF_PGOUTPUT })
    : new Options('', config, PGOUTPUT, { misplaced: OF_PLUGIN });
  const confirm = options.flag('confirm', true);
  const plan = { ...readCommonPlan(options), ...(raw ? readPluginPlan(options) : readPgoutputPlan(options)) };
  const statusInterval = options.ms('statusInterval', 10_000, 1);
  const rules = readErrorRules(options);
  return {
    connection: resolveConnection(options),
    plan,
    start: readStart(options),
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
    scheduler: options.having<SchedulerLike>('scheduler', 'schedule') ?? asyncScheduler,
    statusInterval,
    observers: {
      open: notifyObserver(options.having<NextObserver<OpenInfo>>('openObserver', 'next')),
      status: notifyObserver(options.having<NextObserver<StatusUpdate>>('statusObserver', 'next')),
      close: notifyObserver(options.having<NextObserver<CloseInfo>>('closeObserver', 'next')),
    },
  };
}

/** Reads the option `slot` and checks the name as the server does. Source: manual, "Replication Slots". */
export function readSlotName(options: Options): string {
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

function readCommonPlan(options: Options): Pick<StreamPlan, 'slot' | 'ensureSlot' | 'positionOwner'> {
  const startLsn = options.get('startLsn');
  const positionOwner = typeof startLsn === 'function' ? 'consumer' : 'slot';
  const ensureSlot = readEnsureSlot(options);
  if (ensureSlot && startLsn !== undefined && positionOwner === 'slot') {
    throw options.error('ensureSlot', 'cannot be combined with startLsn: a new slot contains no earlier changes');
  }
  return { slot: readSlotName(options), ensureSlot, positionOwner };
}

function readEnsureSlot(options: Options): StreamPlan['ensureSlot'] {
  const value = options.get('ensureSlot');
  if (value === undefined || value === false) return undefined;
  if (value !== true && !isRecord(value))
    throw options.error('ensureSlot', 'expected true, false or { temporary: true }');
  const slot = new Options('ensureSlot', value === true ? {} : value, ['temporary', 'failover', 'twoPhase']);
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

function readPgoutputPlan(options: Options): PluginPlan {
  const publications = options.names('publications');
  if (!publications) {
    throw options.error('publications', 'missing; name at least one publication, or set plugin');
  }
  return { plugin: 'pgoutput', pgoutput: { publications, request: readPgoutputRequest(options) }, pluginOptions: {} };
}

function readPluginPlan(options: Options): PluginPlan {
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
