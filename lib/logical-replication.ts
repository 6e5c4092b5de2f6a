import { Observable } from 'rxjs';
import {
  resolveConfig,
  type AnyPgoutputConfig,
  type DeliveringConfig,
  type PgoutputConfig,
  type PluginConfig,
  type StreamConfig,
  type StreamingConfig,
  type StreamingTwoPhaseConfig,
  type TwoPhaseConfig,
} from './config/config';
import { SubscriptionLock } from './stream/subscription-lock';
import { markFailed, attachFailure } from './ledger/failure';
import { connect as connectSocket, type Connect } from './net/transport';
import type {
  AnyReplicationMessage,
  ReplicationMessage,
  StreamingMessage,
  StreamMessage,
  TwoPhaseMessage,
} from './pgoutput/messages/messages';
import type { AnyTables, WithUndecoded } from './pgoutput/messages/typed-tables';
import type { KeepaliveMessage, XLogDataMessage } from './pgoutput/messages/walsender-messages';
import { ResumeState } from './commands/resume-state';
import { StreamSubscription } from './stream/stream-subscription';
import { StreamHistory } from './ledger/stream-history';

/**
 * Streams the changes that a PostgreSQL server commits.
 *
 * The observable is cold: subscribing connects and starts the stream, unsubscribing takes leave of the server. It emits
 * {@link ReplicationMessage}s; nothing is confirmed to the server before it is acknowledged (`message.ack()`, or
 * `ackAfter`), and what is not confirmed comes again with the next subscription. While too much awaits its
 * acknowledgement, reading rests. It ends with an error when the stream ends unasked, and never completes by itself: see
 * `stopAtLsn` and `stopOn`.
 *
 * One subscription at a time; use `share()` for several subscribers.
 *
 * Where `Tables` declares the rows of tables by name (`users` in schema public, `billing.invoices` elsewhere, `"a.b"` with a
 * dot in the name), the name of its table tells the row of a change: after `change.table === 'users'`, `change.new` is a user.
 * Kysely's `Database` serves as it stands; of its columns the select types count. Nothing of it is checked at run time, and
 * tables that are published but not declared come all the same.
 *
 * The types promise no more than the server does. In `new`, columns of variable length are optional: the server does not repeat
 * a long (TOASTed) value that an UPDATE has not changed, and `unchanged` names it. So `new` is what `set` of an UPDATE takes, and
 * `{ ...stored, ...change.new }`, or `{ ...change.old, ...change.new }`, is a whole row again. This goes for inserts as well: a
 * row filter makes an insert of an UPDATE that moves a row into it. Without row filters, and under REPLICA IDENTITY FULL, an
 * insert is whole. `old` is whole or, except under REPLICA IDENTITY FULL, undefined. `key` has some of the columns.
 *
 * @typeParam Tables rows by table name: an interface, or an object type. Default: any table, with rows of which nothing is known
 * @throws {ConfigError} `CONFIG_INVALID` at once, when an option cannot be used. All other errors come through the
 * observable and have a `code`, too.
 * @example
 * logicalReplication({ connection: 'postgres://localhost/shop', slot: 'orders', publications: ['orders_pub'] })
 *   .pipe(transactions(), ackAfter((tx) => save(tx)))
 *   .subscribe();
 * @example
 * interface Tables { users: { id: number; email: string } }
 *
 * logicalReplication<Tables>({ connection, slot: 'users', publications: ['users_pub'] })
 *   .pipe(ofTable('users'), ackAfter((change) => { if (change.kind === 'insert') return greet(change.new.id); }))
 *   .subscribe();
 */
export function logicalReplication<Tables extends object = AnyTables>(
  config: PgoutputConfig,
): Observable<ReplicationMessage<Tables>>;
/**
 * Streams large transactions while they are open, too: their changes come in blocks, before it is known whether they are
 * committed. `transactions()` puts them together.
 *
 * @example
 * logicalReplication({ connection, slot: 'orders', publications: ['orders_pub'], streaming: 'on' })
 *   .pipe(transactions(), ackAfter(async (tx) => { for (const change of tx) await save(change); }))
 *   .subscribe();
 */
export function logicalReplication<Tables extends object = AnyTables>(
  config: StreamingConfig,
): Observable<ReplicationMessage<Tables> | StreamingMessage<Tables>>;
/**
 * Streams prepared transactions when they are prepared, and later how they ended.
 *
 * @example
 * logicalReplication({ connection, slot: 'orders', publications: ['orders_pub'], twoPhase: true })
 *   .pipe(transactions(), ackAfter((unit) => unit.kind === 'preparedTransaction' ? prepare(unit) : finish(unit)))
 *   .subscribe();
 */
export function logicalReplication<Tables extends object = AnyTables>(
  config: TwoPhaseConfig,
): Observable<ReplicationMessage<Tables> | TwoPhaseMessage>;
/** Streams both. */
export function logicalReplication<Tables extends object = AnyTables>(
  config: StreamingTwoPhaseConfig,
): Observable<ReplicationMessage<Tables> | StreamingMessage<Tables> | TwoPhaseMessage>;
/**
 * Streams on past a value that cannot be decoded: its bytes stand in the row as {@link UndecodedValue}.
 *
 * @example
 * logicalReplication<Tables>({ connection, slot: 'docs', publications: ['docs_pub'], onDecodeError: 'deliver' })
 *   .pipe(ofTable('docs'), ackAfter((change) => {
 *     if (change.kind !== 'insert') return;
 *     const { body } = change.new;
 *     return body instanceof UndecodedValue ? setAside(change.commitLsn, body.bytes) : save(body);
 *   }))
 *   .subscribe();
 */
export function logicalReplication<Tables extends object = AnyTables>(
  config: DeliveringConfig,
): Observable<ReplicationMessage<WithUndecoded<Tables>>>;
/** The same with large transactions that are streamed while they are open. */
export function logicalReplication<Tables extends object = AnyTables>(
  config: DeliveringConfig<StreamingConfig>,
): Observable<ReplicationMessage<WithUndecoded<Tables>> | StreamingMessage<WithUndecoded<Tables>>>;
/** The same with prepared transactions. */
export function logicalReplication<Tables extends object = AnyTables>(
  config: DeliveringConfig<TwoPhaseConfig>,
): Observable<ReplicationMessage<WithUndecoded<Tables>> | TwoPhaseMessage>;
/** The same with both. */
export function logicalReplication<Tables extends object = AnyTables>(
  config: DeliveringConfig<StreamingTwoPhaseConfig>,
): Observable<ReplicationMessage<WithUndecoded<Tables>> | StreamingMessage<WithUndecoded<Tables>> | TwoPhaseMessage>;
/**
 * Streams what another output plugin than pgoutput writes, as it comes.
 *
 * @example
 * logicalReplication({ connection, slot: 'audit', plugin: 'test_decoding', pluginOptions: { 'skip-empty-xacts': '1' } })
 *   .subscribe((message) => {
 *     if (message.kind === 'xlogData') console.log(message.data.toString());
 *     message.ack();
 *   });
 */
export function logicalReplication(config: PluginConfig): Observable<XLogDataMessage | KeepaliveMessage>;
/** Streams whatever a configuration asks for that is put together at run time. */
export function logicalReplication<Tables extends object = AnyTables>(
  config: Omit<AnyPgoutputConfig, 'onDecodeError'> & Pick<PgoutputConfig, 'onDecodeError'>,
): Observable<AnyReplicationMessage<Tables>>;
/** The same where only the running program knows `onDecodeError`, too. */
// The last one: what the compiler has to say of a mistake in any configuration, it says of this.
export function logicalReplication<Tables extends object = AnyTables>(
  config: AnyPgoutputConfig,
): Observable<AnyReplicationMessage<WithUndecoded<Tables>>>;
export function logicalReplication(config: StreamConfig): Observable<StreamMessage> {
  return createStream(connectSocket, config);
}

/** The factory over any transport. */
export function createStream(connect: Connect, config: StreamConfig): Observable<StreamMessage> {
  const settings = resolveConfig(config);
  const memory = new ResumeState();
  const exclusive = new SubscriptionLock();
  const history = new StreamHistory((listener) => exclusive.whenReleased(listener));
  let isFirst = true;
  return new Observable((subscriber) => {
    let stream: StreamSubscription | undefined;
    const giveUp = exclusive.acquire(() => {
      try {
        const wasFirst = isFirst;
        isFirst = false;
        stream = new StreamSubscription(connect, settings, memory, exclusive, history, subscriber, wasFirst);
      } catch (error) {
        // The socket could not even be opened.
        exclusive.release();
        const { slot } = settings.plan;
        const confirmedLsn = memory.position?.lsn ?? 0n;
        const streams = markFailed(error, [history]);
        attachFailure(error, { slot, confirmedLsn, walSenderTimeout: 0, byStream: true, streams });
        subscriber.error(error);
      }
    });
    return () => {
      giveUp();
      stream?.unsubscribe();
    };
  });
}
