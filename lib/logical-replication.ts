import { defaultIfEmpty, Observable, type Subscription } from 'rxjs';
import type { StartPosition } from './checkpoint';
import { resolveConfig, type PgoutputConfig, type PluginConfig } from './config/config';
import { Exclusive } from './exclusive';
import { connect as connectSocket, type Connect } from './net/transport';
import type { ReplicationMessage, StreamMessage } from './pgoutput/messages';
import type { KeepaliveMessage, XLogDataMessage } from './pgoutput/walsender-messages';
import { SlotMemory } from './session/slot-memory';
import { Stream } from './stream';

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
 * @throws {ConfigError} `CONFIG_INVALID` at once, when an option cannot be used. All other errors come through the
 * observable and have a `code`, too.
 * @example
 * logicalReplication({ connection: 'postgres://localhost/shop', slot: 'orders', publications: ['orders_pub'] })
 *   .pipe(transactions(), ackAfter((tx) => save(tx)))
 *   .subscribe();
 */
export function logicalReplication(config: PgoutputConfig): Observable<ReplicationMessage>;
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
export function logicalReplication(config: PgoutputConfig | PluginConfig): Observable<StreamMessage> {
  return streamOver(connectSocket, config);
}

/** The factory over any transport. */
export function streamOver(connect: Connect, config: PgoutputConfig | PluginConfig): Observable<StreamMessage> {
  const settings = resolveConfig(config);
  const memory = new SlotMemory();
  const exclusive = new Exclusive();
  return new Observable((subscriber) => {
    let stream: Stream | undefined;
    let asking: Subscription | undefined;
    const fail = (error: unknown): void => {
      asking = undefined;
      exclusive.left();
      subscriber.error(error);
    };
    const open = (start: StartPosition | undefined): void => {
      try {
        stream = new Stream(connect, settings, memory, start, exclusive, subscriber);
      } catch (error) {
        // The socket could not even be opened.
        fail(error);
      }
    };
    const giveUp = exclusive.enter(() => {
      asking = settings.start().pipe(defaultIfEmpty(undefined)).subscribe({ next: open, error: fail });
    });
    return () => {
      giveUp();
      if (stream) {
        stream.unsubscribe();
      } else if (asking && !asking.closed) {
        asking.unsubscribe();
        exclusive.left();
      }
    };
  });
}
