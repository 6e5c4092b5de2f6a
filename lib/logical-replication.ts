import { Observable } from 'rxjs';
import { resolveConfig } from './config/resolve-config';
import type {
  AnyPgoutputConfig,
  CopyConfig,
  DeliveringConfig,
  PgoutputConfig,
  PluginConfig,
  StreamConfig,
  StreamingConfig,
  StreamingTwoPhaseConfig,
  TwoPhaseConfig,
} from './config/stream-config';
import { CopySubscription } from './copy/copy-subscription';
import { SubscriptionLock } from './stream/subscription-lock';
import { markFailed, attachFailure } from './ledger/failure';
import { connectSocket, type Connect } from './net/transport';
import type {
  AnyReplicationMessage,
  ReplicationMessage,
  StreamingMessage,
  StreamMessage,
  TwoPhaseMessage,
} from './pgoutput/messages/messages';
import type { AnyTables, WithUndecoded } from './pgoutput/messages/typed-tables';
import type { CopyMessage } from './pgoutput/messages/copy-messages';
import type { KeepaliveMessage, XLogDataMessage } from './pgoutput/messages/walsender-messages';
import { ResumeState } from './commands/resume-state';
import { StreamSubscription } from './stream/stream-subscription';
import { StreamHistory } from './ledger/stream-history';

/**
 * Streams the changes that a PostgreSQL server commits.
 *
 * The observable is cold: subscribing connects and starts the stream, unsubscribing closes the connection. It emits
 * {@link ReplicationMessage}s. The library confirms a message to the server only after your code has acknowledged it
 * (`message.ack()`, or `ackAfter`); the server sends unconfirmed messages again at the next subscription. The library pauses
 * reading while `maxUnacked` or `maxUnackedBytes` is reached. The observable errors when the connection or the stream ends
 * unexpectedly; it completes only after a stop, see `stopAtLsn` and `stopOn`.
 *
 * Only one subscription can be active at a time; use `share()` for several subscribers.
 *
 * `Tables` declares the rows of tables by name: `users` in schema public, `billing.invoices` in another schema, `"a.b"` if the
 * name contains a dot. It narrows the row of a change by its table: after `change.table === 'users'`, `change.new` is a user.
 * You can pass Kysely's `Database`, whose select types apply. The library does not check the declaration at run time, and emits
 * changes of published tables that are not declared, too.
 *
 * In `new`, columns of variable length are optional: the server does not send a TOASTed value that an UPDATE has not changed,
 * and `unchanged` lists its column. You can pass `new` to the SET clause of an UPDATE; `{ ...stored, ...change.new }` and
 * `{ ...change.old, ...change.new }` are complete rows. The same applies to inserts: if an UPDATE moves a row into a row
 * filter, the server sends it as an insert. Without row filters, or with REPLICA IDENTITY FULL, an insert is complete. `old` is
 * complete or, except with REPLICA IDENTITY FULL, undefined. `key` has the columns of the replica identity.
 *
 * @typeParam Tables rows by table name: an interface or an object type. Default: any table, with rows of unknown columns
 * @throws {ConfigError} `CONFIG_INVALID` at once, if an option is invalid. The observable emits all other errors of the library
 * as {@link ReplicationError}s with a `code`.
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
 * Also streams large transactions before they commit: the server sends their changes in blocks, and later a commit or an
 * abort. `transactions()` assembles the blocks.
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
 * Streams a prepared transaction at PREPARE TRANSACTION, and later its COMMIT PREPARED or ROLLBACK PREPARED.
 *
 * @example
 * logicalReplication({ connection, slot: 'orders', publications: ['orders_pub'], twoPhase: true })
 *   .pipe(transactions(), ackAfter((unit) => unit.kind === 'preparedTransaction' ? prepare(unit) : finish(unit)))
 *   .subscribe();
 */
export function logicalReplication<Tables extends object = AnyTables>(
  config: TwoPhaseConfig,
): Observable<ReplicationMessage<Tables> | TwoPhaseMessage>;
/** Streams with both `streaming` and `twoPhase`. */
export function logicalReplication<Tables extends object = AnyTables>(
  config: StreamingTwoPhaseConfig,
): Observable<ReplicationMessage<Tables> | StreamingMessage<Tables> | TwoPhaseMessage>;
/**
 * Delivers a value that cannot be decoded as an {@link UndecodedValue} with its bytes, and continues.
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
/** Delivers values that cannot be decoded, and streams large transactions before they commit. */
export function logicalReplication<Tables extends object = AnyTables>(
  config: DeliveringConfig<StreamingConfig>,
): Observable<ReplicationMessage<WithUndecoded<Tables>> | StreamingMessage<WithUndecoded<Tables>>>;
/** Delivers values that cannot be decoded, and streams prepared transactions. */
export function logicalReplication<Tables extends object = AnyTables>(
  config: DeliveringConfig<TwoPhaseConfig>,
): Observable<ReplicationMessage<WithUndecoded<Tables>> | TwoPhaseMessage>;
/** Delivers values that cannot be decoded, with both `streaming` and `twoPhase`. */
export function logicalReplication<Tables extends object = AnyTables>(
  config: DeliveringConfig<StreamingTwoPhaseConfig>,
): Observable<ReplicationMessage<WithUndecoded<Tables>> | StreamingMessage<WithUndecoded<Tables>> | TwoPhaseMessage>;
/**
 * Copies the rows that the published tables have, then streams every change after them, without a gap or an overlap.
 *
 * The copy begins with `copyBegin`: clear your tables. Its rows are inserts, and each batch of rows ends with `copyProgress`;
 * `transactions()` emits a {@link CopyBatch} for each. `copyEnd` follows when all rows are acknowledged. A copy that is
 * interrupted begins again, as does a failed one with `reconnect()`; the error `TABLE_CHANGED` reports that a table was altered
 * or truncated meanwhile.
 *
 * @example
 * logicalReplication({ connection, slot: 'orders', publications: ['orders_pub'], copy: true })
 *   .pipe(transactions(), ackAfter(async (unit) => {
 *     if (unit.kind === 'copyBegin') await clear(unit.tables);
 *     for (const change of unit) await save(change);
 *   }))
 *   .subscribe();
 */
export function logicalReplication<Tables extends object = AnyTables>(
  config: CopyConfig,
): Observable<ReplicationMessage<Tables> | CopyMessage<keyof Tables & string>>;
/** Copies the rows first, and streams large transactions before they commit. */
export function logicalReplication<Tables extends object = AnyTables>(
  config: CopyConfig<StreamingConfig>,
): Observable<ReplicationMessage<Tables> | StreamingMessage<Tables> | CopyMessage<keyof Tables & string>>;
/** Copies the rows first, and streams prepared transactions. */
export function logicalReplication<Tables extends object = AnyTables>(
  config: CopyConfig<TwoPhaseConfig>,
): Observable<ReplicationMessage<Tables> | TwoPhaseMessage | CopyMessage<keyof Tables & string>>;
/** Copies the rows first, with both `streaming` and `twoPhase`. */
export function logicalReplication<Tables extends object = AnyTables>(
  config: CopyConfig<StreamingTwoPhaseConfig>,
): Observable<
  ReplicationMessage<Tables> | StreamingMessage<Tables> | TwoPhaseMessage | CopyMessage<keyof Tables & string>
>;
/**
 * Streams the raw output of an output plugin other than pgoutput.
 *
 * @example
 * logicalReplication({ connection, slot: 'audit', plugin: 'test_decoding', pluginOptions: { 'skip-empty-xacts': '1' } })
 *   .subscribe((message) => {
 *     if (message.kind === 'xlogData') console.log(message.data.toString());
 *     message.ack();
 *   });
 */
export function logicalReplication(config: PluginConfig): Observable<XLogDataMessage | KeepaliveMessage>;
/** Streams with a configuration whose `streaming` and `twoPhase` are not known to the compiler. */
export function logicalReplication<Tables extends object = AnyTables>(
  config: Omit<AnyPgoutputConfig, 'onDecodeError'> & Pick<PgoutputConfig, 'onDecodeError'>,
): Observable<AnyReplicationMessage<Tables>>;
/** Streams with a configuration whose `onDecodeError` is not known to the compiler either. */
// The last overload: the compiler reports a mistake in any configuration against this one.
export function logicalReplication<Tables extends object = AnyTables>(
  config: AnyPgoutputConfig,
): Observable<AnyReplicationMessage<WithUndecoded<Tables>>>;
export function logicalReplication(config: StreamConfig): Observable<StreamMessage> {
  return createStream(connectSocket, config);
}

/** Creates the observable with a given transport. */
export function createStream(connect: Connect, config: StreamConfig): Observable<StreamMessage> {
  const settings = resolveConfig(config);
  const resumeState = new ResumeState();
  const lock = new SubscriptionLock();
  const history = new StreamHistory((listener) => lock.whenReleased(listener));
  let isFirst = true;
  return new Observable((subscriber) => {
    let current: { unsubscribe(): void } | undefined;
    const fail = (error: unknown): void => {
      lock.release();
      const { slot } = settings.plan;
      const confirmedLsn = resumeState.position?.lsn ?? 0n;
      const streams = markFailed(error, [history]);
      attachFailure(error, { slot, confirmedLsn, walSenderTimeout: 0, byStream: true, streams });
      subscriber.error(error);
    };
    const attempt = (open: () => { unsubscribe(): void }): void => {
      try {
        current = open();
      } catch (error) {
        // Opening the socket failed.
        fail(error);
      }
    };
    const startStream = (): void => {
      const wasFirst = isFirst;
      isFirst = false;
      attempt(() => new StreamSubscription(connect, settings, resumeState, lock, history, subscriber, wasFirst));
    };
    const startCopy = (): void => {
      attempt(
        () =>
          new CopySubscription({
            connect,
            settings,
            history,
            subscriber,
            copied: startStream,
            failed: (error) => {
              fail(error instanceof Error ? settings.classify(error) : error);
            },
            ended: () => {
              lock.release();
            },
          }),
      );
    };
    // A slot that this observable has streamed from is not copied again: if it is gone, changes are missing.
    const cancelWait = lock.acquire(settings.copy && !resumeState.position ? startCopy : startStream);
    return () => {
      cancelWait();
      current?.unsubscribe();
    };
  });
}
