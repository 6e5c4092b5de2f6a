import type { NextObserver, ObservableInput, SchedulerLike } from 'rxjs';
import type { OpenInfo } from '../commands/open-stream';
import type { Lsn } from '../common/lsn';
import type { StoredPosition } from '../ledger/checkpoint';
import type { OnDecodeError } from '../pgoutput/messages/described-table';
import type { ExpectedTables } from '../pgoutput/types/expected-tables';
import type { TypeParsers } from '../pgoutput/values/values';
import type { ServerConfig } from './connection-options';
import type { ErrorRule } from './error-rules';
import type { CloseInfo, StatusUpdate } from './observers';

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

/** Options of every stream. */
export interface CommonStreamConfig extends ServerConfig {
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

/** Options of pgoutput other than the publications. Source: manual, "Logical Streaming Replication Protocol". */
export interface PgoutputOptions {
  /** Whether the server sends messages of `pg_logical_emit_message`. Needs PostgreSQL 14. Default false. */
  readonly messages?: boolean | undefined;
  /**
   * Whether the server sends values in their binary form, if the type has one. Your code receives the same values; the server
   * does less work and the client more. Needs PostgreSQL 14. Default false.
   */
  readonly binary?: boolean | undefined;
  /**
   * Whether the server streams a large transaction before it commits, in blocks, once it exceeds `logical_decoding_work_mem`,
   * instead of writing it to disk. `transactions()` assembles the blocks. `'on'` needs PostgreSQL 14; `'parallel'` needs 16 and
   * adds the LSN and time of an abort. Default `'off'`.
   */
  readonly streaming?: 'off' | 'on' | 'parallel' | undefined;
  /**
   * Whether the server sends a transaction at PREPARE TRANSACTION, and later its COMMIT PREPARED or ROLLBACK PREPARED. The
   * server enables two-phase decoding for the slot, permanently. Needs PostgreSQL 15. Default false.
   */
  readonly twoPhase?: boolean | undefined;
  /**
   * `'none'`: only changes without a replication origin, that is, not those replicated to this server. Needs PostgreSQL 16.
   * Default `'any'`.
   */
  readonly origin?: 'none' | 'any' | undefined;
  /** The version of pgoutput's protocol, 1 to 4. Default: the lowest one that supports the options. */
  readonly protoVersion?: number | undefined;
}

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

/**
 * How an initial copy is made.
 *
 * @example
 * const copy: CopyOptions = { concurrency: 4 };
 */
export interface CopyOptions {
  /** The number of tables, or partitions, that are copied at the same time, each over a connection of its own. Default 1. */
  readonly concurrency?: number | undefined;
}

/**
 * Configuration of a stream with pgoutput, PostgreSQL's built-in output plugin.
 *
 * @example
 * const config: PgoutputConfig = { connection: 'postgres://localhost/shop', slot: 'orders', publications: ['orders_pub'] };
 */
export interface PgoutputConfig extends CommonStreamConfig, PgoutputOptions, ValueOptions {
  readonly streaming?: 'off' | undefined;
  readonly twoPhase?: false | undefined;
  readonly onDecodeError?: 'error' | undefined;
  readonly copy?: false | undefined;
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

/**
 * As another configuration, with an initial copy: before the changes, the stream emits the rows that the published tables have,
 * read in the snapshot at which the changes begin.
 *
 * @example
 * const config: CopyConfig = { connection: 'postgres://localhost/shop', slot: 'orders', publications: ['orders_pub'], copy: true };
 */
export type CopyConfig<Config extends AnyPgoutputConfig = PgoutputConfig> = Omit<Config, 'copy'> & {
  /**
   * Copies the published tables before the stream starts, and creates the slot.
   *
   * Without a `startLsn` function, a copy is made if the slot does not exist; the slot is created when the end of the copy is
   * acknowledged. With a `startLsn` function, a copy is made if the function returns no position; the slot is created when all
   * rows are acknowledged, and replaces a slot that a copy without a stored end has left. A copy that was interrupted begins
   * again.
   *
   * It needs the right to read the tables, two free replication slots, and `concurrency` + 2 connections.
   */
  readonly copy: true | CopyOptions;
};

/** One of these configurations with `onDecodeError: 'deliver'`. */
export type DeliveringConfig<Config extends AnyPgoutputConfig = PgoutputConfig> = Omit<Config, 'onDecodeError'> & {
  readonly onDecodeError: 'deliver';
};

/** A configuration of pgoutput whose `streaming`, `twoPhase` or `onDecodeError` is not known to the compiler. */
export interface AnyPgoutputConfig
  extends Omit<PgoutputConfig, 'streaming' | 'twoPhase' | 'onDecodeError'>, PgoutputOptions, ValueOptions {}

/** Configuration of a stream, with any output plugin. */
export type StreamConfig = AnyPgoutputConfig | CopyConfig<AnyPgoutputConfig> | PluginConfig;

/**
 * Configuration of a stream with an output plugin other than pgoutput.
 *
 * @example
 * const config: PluginConfig = { slot: 'audit', plugin: 'test_decoding', pluginOptions: { 'skip-empty-xacts': '1' } };
 */
export interface PluginConfig extends CommonStreamConfig {
  /** The name of the output plugin, for example `test_decoding`. */
  readonly plugin: string;
  /** Options that the server passes to the plugin. Default: none. */
  readonly pluginOptions?: Readonly<Record<string, string>> | undefined;
}
