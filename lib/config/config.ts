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
import { isRecord, Options } from '../common/options';
import { MAX_MESSAGE_LENGTH } from '../wire/frames';

/** How a slot is made that does not exist yet. */
export interface SlotOptions {
  /** The slot goes with its connection, and what is not streamed by then is not streamed at all. Default false. */
  readonly temporary?: boolean | undefined;
  /**
   * Standbys keep a copy of the slot, to go on with after a failover. Needs PostgreSQL 17, and no temporary slot has it.
   * Default false.
   */
  readonly failover?: boolean | undefined;
  /**
   * Prepared transactions are sent when they are prepared, not only when they commit. Needs PostgreSQL 15. With pgoutput it
   * is the stream's own `twoPhase`, and nothing else may be said; with another plugin the default is false.
   */
  readonly twoPhase?: boolean | undefined;
}

interface CommonConfig extends ServerConfig {
  /** The replication slot's name: lower-case letters, digits and underscores, at most 63. */
  readonly slot: string;
  /** Makes the slot if it is missing, on the observable's first subscription only. Default false. */
  readonly ensureSlot?: boolean | SlotOptions | undefined;
  /**
   * Where to start; default: the slot's own position. What lies between that and a position ahead of it is skipped and
   * counts as confirmed. A slot that stands further already is the error `SLOT_AHEAD`.
   *
   * A position that is given as such counts for the first subscription. A function is asked again at each one, for what a
   * store of yours holds: an LSN, a {@link Checkpoint}, or nothing yet. Then you keep the position, and the slot follows it:
   * keepalives count when they are acknowledged, and `transactions()` passes on progress without changes.
   *
   * The function is called once per connection, after the server has shown that no other connection reads the slot. While
   * another one does, the subscription ends with `SLOT_ACTIVE` and the function is not called. It has `connectTimeout` to
   * answer, together with connecting; `CHECKPOINT_UNAVAILABLE` after that. What it throws, or rejects with, goes to the
   * subscriber as it is. An answer of another form is the error `CONFIG_INVALID`.
   */
  readonly startLsn?: Lsn | string | (() => ObservableInput<StoredPosition> | StoredPosition) | undefined;
  /** false: the slot never moves, and nothing limits what is delivered; for looking without touching. Default true. */
  readonly confirm?: boolean | undefined;
  /** Reading rests while so many deliveries await their acknowledgement; a transaction counts as one. Default 512. */
  readonly maxUnacked?: number | undefined;
  /** Reading rests while deliveries of so many bytes await their acknowledgement. Default 16 MiB. */
  readonly maxUnackedBytes?: number | undefined;
  /**
   * The longest message that the server may send, in bytes: a larger one is an error, and takes no memory. A row is one
   * message, whatever the window is. Default 1 GiB, which is the most that PostgreSQL can send.
   */
  readonly maxMessageSize?: number | undefined;
  /** The server hears from us every so many ms, or every third of its wal_sender_timeout if that is less. Default 10 000. */
  readonly statusInterval?: number | undefined;
  /**
   * The connection counts as lost when nothing has come for so many ms, in spite of asking at half that time. Never less
   * than one and a half times the server's wal_sender_timeout and a second; 0 for never. Default 60 000.
   */
  readonly livenessTimeout?: number | undefined;
  /** The stream fails when the oldest delivery has not been acknowledged for so many ms; 0 for never. Default 0. */
  readonly ackTimeout?: number | undefined;
  /** What failures mean to you, where it is not what this library takes them for; the first that matches counts. */
  readonly errors?: readonly ErrorRule[] | undefined;
  /** Runs status updates and what is counted with them. Default asyncScheduler. */
  readonly scheduler?: SchedulerLike | undefined;
  /** Hears when the stream has started. */
  readonly openObserver?: NextObserver<OpenInfo> | undefined;
  /** Hears of every status update that is sent. */
  readonly statusObserver?: NextObserver<StatusUpdate> | undefined;
  /** Hears when a subscription that had started has ended and the slot is given back. */
  readonly closeObserver?: NextObserver<CloseInfo> | undefined;
}

/** What to stream with pgoutput, PostgreSQL's own output plugin. */
export interface PgoutputConfig extends CommonConfig, PgoutputOptions, ValueOptions {
  readonly streaming?: 'off' | undefined;
  readonly twoPhase?: false | undefined;
  readonly onDecodeError?: 'error' | undefined;
  /** The publications to read, by name as it stands in pg_publication. */
  readonly publications: readonly string[];
}

/** The same with transactions that are sent while they are open. */
export interface StreamingConfig extends Omit<PgoutputConfig, 'streaming'> {
  readonly streaming: 'on' | 'parallel';
}

/** The same with transactions that are sent when they are prepared. */
export interface TwoPhaseConfig extends Omit<PgoutputConfig, 'twoPhase'> {
  readonly twoPhase: true;
}

/** The same with both. */
export interface StreamingTwoPhaseConfig extends Omit<StreamingConfig, 'twoPhase'> {
  readonly twoPhase: true;
}

/** One of these configurations, where a value that cannot be decoded is delivered as it is. */
export type DeliveringConfig<Config extends AnyPgoutputConfig = PgoutputConfig> = Omit<Config, 'onDecodeError'> & {
  readonly onDecodeError: 'deliver';
};

/** The same, where only the running program knows `streaming` or `twoPhase`. Each of the others is one of these. */
export interface AnyPgoutputConfig
  extends Omit<PgoutputConfig, 'streaming' | 'twoPhase' | 'onDecodeError'>, PgoutputOptions, ValueOptions {}

/** What to stream, with whichever plugin. */
export type StreamConfig = AnyPgoutputConfig | PluginConfig;

/** What to stream with another output plugin. */
export interface PluginConfig extends CommonConfig {
  /** The output plugin's name, as in `test_decoding`. */
  readonly plugin: string;
  /** The plugin's own options. */
  readonly pluginOptions?: Readonly<Record<string, string>> | undefined;
}

/** What the configuration says of the session. */
export interface SessionSettings {
  readonly window: WindowLimits;
  /** false: the slot never moves, and there is no window. */
  readonly confirm: boolean;
  /**
   * Where the consumer keeps the position: it hears of progress without changes at most once in so many ms, or when the
   * server asks. undefined where the slot keeps it.
   */
  readonly progressInterval?: number | undefined;
  /** ms without a byte from the server after which it counts as gone; 0 for never. */
  readonly livenessTimeout: number;
  /** ms for which the oldest delivery may be held up; 0 for ever. */
  readonly ackTimeout: number;
}

/** A configuration that was checked and completed. */
export interface Settings {
  readonly connection: ConnectionSettings;
  readonly plan: StreamPlan;
  /** Where to start, or how to ask. */
  readonly start: StartRequest;
  readonly session: SessionSettings;
  /** Reclassifies an error by the user's rules. */
  readonly classify: (error: Error) => Error;
  readonly values: ValueSettings;
  /** In bytes, as a message's header counts them. */
  readonly maxMessageSize: number;
  readonly scheduler: SchedulerLike;
  readonly statusInterval: number;
  readonly observers: {
    readonly open: (info: OpenInfo) => void;
    readonly status: (status: StatusUpdate) => void;
    readonly close: (info: CloseInfo) => void;
  };
}

const COMMON: readonly (keyof CommonConfig)[] = [
  ...SERVER_OPTIONS,
  'slot',
  'ensureSlot',
  'startLsn',
  'confirm',
  'maxUnacked',
  'maxUnackedBytes',
  'maxMessageSize',
  'statusInterval',
  'livenessTimeout',
  'ackTimeout',
  'errors',
  'scheduler',
  'openObserver',
  'statusObserver',
  'closeObserver',
];
const PGOUTPUT = [...COMMON, 'publications', ...PGOUTPUT_OPTIONS, ...VALUE_OPTIONS];
const PLUGIN = [...COMMON, 'plugin', 'pluginOptions'];

/** What the one kind of stream takes and the other does not. */
const OF_PLUGIN = { pluginOptions: 'is for a plugin, and none is named' };
const FOR_PGOUTPUT = 'is for pgoutput; leave it out, or leave out plugin, which names another one';
const OF_PGOUTPUT = Object.fromEntries(
  ['publications', ...PGOUTPUT_OPTIONS, ...VALUE_OPTIONS].map((name) => [name, FOR_PGOUTPUT]),
);

/** @throws {ConfigError} naming the first option that cannot be used */
export function resolveConfig(config: StreamConfig): Settings {
  const plugin = isRecord(config) ? config.plugin : undefined;
  if (plugin === 'pgoutput') throw new ConfigError('plugin', 'leave it out for pgoutput, and name publications');
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
      progressInterval: plan.positionKeeper === 'consumer' ? statusInterval : undefined,
      window: {
        messages: options.number('maxUnacked', 512, 1),
        bytes: options.number('maxUnackedBytes', 16 * 1024 * 1024, 1),
      },
      livenessTimeout: options.ms('livenessTimeout', 60_000),
      ackTimeout: options.ms('ackTimeout', 0),
    },
    values: readValueOptions(options, raw),
    // A keepalive would do with 22; there are no rows in so little.
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

/** The name of a slot that the server would accept. Source: manual, "Replication Slots". */
export function readSlotName(options: Options): string {
  const slot = options.text('slot');
  if (slot === undefined) throw options.error('slot', 'missing; name the replication slot');
  if (!/^[a-z0-9_]{1,63}$/.test(slot)) {
    throw options.error(
      'slot',
      `${JSON.stringify(slot)} is no slot name: only lower-case letters, digits and _, at most 63`,
    );
  }
  return slot;
}

function readCommonPlan(options: Options): Pick<StreamPlan, 'slot' | 'ensureSlot' | 'positionKeeper'> {
  const startLsn = options.get('startLsn');
  const positionKeeper = typeof startLsn === 'function' ? 'consumer' : 'slot';
  const ensureSlot = readEnsureSlot(options);
  if (ensureSlot && startLsn !== undefined && positionKeeper === 'slot') {
    throw options.error('ensureSlot', 'cannot stand beside startLsn: a slot made now has nothing of what lies before');
  }
  return { slot: readSlotName(options), ensureSlot, positionKeeper };
}

function readEnsureSlot(options: Options): StreamPlan['ensureSlot'] {
  const value = options.get('ensureSlot');
  if (value === undefined || value === false) return undefined;
  if (value !== true && !isRecord(value))
    throw options.error('ensureSlot', 'expected true, false or { temporary: true }');
  const slot = new Options('ensureSlot', value === true ? {} : value, ['temporary', 'failover', 'twoPhase']);
  const temporary = slot.flag('temporary', false);
  const failover = slot.flag('failover', false);
  if (temporary && failover) throw slot.error('failover', 'a temporary slot goes with its connection');
  const ofStream = options.flag('twoPhase', false);
  const twoPhase = slot.flag('twoPhase', ofStream);
  if (twoPhase !== ofStream && options.get('plugin') === undefined) {
    throw slot.error(
      'twoPhase',
      `the stream has twoPhase: ${ofStream}, and its slot has to be alike; leave this one out`,
    );
  }
  return { temporary, failover, twoPhase };
}

type PluginPlan = Pick<StreamPlan, 'plugin' | 'pgoutput' | 'pluginOptions'>;

function readPgoutputPlan(options: Options): PluginPlan {
  const publications = options.names('publications');
  if (!publications) {
    throw options.error('publications', 'missing; name at least one, or a plugin other than pgoutput');
  }
  return { plugin: 'pgoutput', pgoutput: { publications, request: readPgoutputRequest(options) }, pluginOptions: {} };
}

function readPluginPlan(options: Options): PluginPlan {
  const plugin = options.text('plugin');
  if (!plugin) throw options.error('plugin', 'missing; name the output plugin');
  const given = options.get('pluginOptions') ?? {};
  if (!isRecord(given)) throw options.error('pluginOptions', 'expected an object of texts');
  const pluginOptions = Object.fromEntries(
    Object.entries(given).map(([name, value]) => {
      if (typeof value !== 'string') throw options.error(`pluginOptions.${name}`, 'expected text');
      return [name, value];
    }),
  );
  return { plugin, pgoutput: undefined, pluginOptions };
}

/**
 * An observer that throws is reported as RxJS reports it, and does no harm to the stream. What it hears has a JSON form,
 * for logs.
 */
function notifyObserver<T extends object>(observer: NextObserver<T> | undefined): (value: T) => void {
  const subject = new Subject<T>();
  if (observer) subject.subscribe(observer);
  return (value) => {
    subject.next(addToJson(value));
  };
}
