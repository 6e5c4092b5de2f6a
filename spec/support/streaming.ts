import type { Observable, Subscription } from 'rxjs';
import type { PgoutputConfig, PluginConfig } from '../../lib/config/stream-config';
import type { PgoutputOptions } from '../../lib/config/stream-config';
import { createStream } from '../../lib/logical-replication';
import type { AnyReplicationMessage, ReplicationMessage } from '../../lib/pgoutput/messages/messages';
import type { KeepaliveMessage, XLogDataMessage } from '../../lib/pgoutput/messages/walsender-messages';
import type { FakeBackend } from './fake-backend';

export const CONNECTION = 'postgres://app:secret@db.example:5432/shop';

/** The observable over a fake server, in virtual time. */
export function streaming(server: FakeBackend, config: Partial<PgoutputConfig> = {}): Observable<ReplicationMessage> {
  const { connect, scheduler } = server;
  const base = { connection: CONNECTION, slot: 'orders', publications: ['orders_pub'], scheduler };
  return createStream(connect, { ...base, ...config }) as Observable<ReplicationMessage>;
}

/** The same with all options of pgoutput. */
export function streamingAny(
  server: FakeBackend,
  config: Partial<Omit<PgoutputConfig, keyof PgoutputOptions> & PgoutputOptions> = {},
): Observable<AnyReplicationMessage> {
  return streaming(server, config as Partial<PgoutputConfig>);
}

/** The same with another output plugin. */
export function streamingRaw(
  server: FakeBackend,
  config: Partial<PluginConfig> = {},
): Observable<XLogDataMessage | KeepaliveMessage> {
  const { connect, scheduler } = server;
  const base = { connection: CONNECTION, slot: 'orders', plugin: 'test_decoding', scheduler };
  return createStream(connect, { ...base, ...config }) as Observable<XLogDataMessage | KeepaliveMessage>;
}

/** The events of a subscription. */
export interface RecordedEvents<T> {
  readonly values: T[];
  /** `next`, `error` and `complete`, in order. */
  readonly events: string[];
  readonly error: unknown;
  readonly completed: boolean;
  readonly subscription: Subscription;
}

/** Subscribes and keeps the events. */
export function record<T>(source: Observable<T>, next?: (value: T) => void): RecordedEvents<T> {
  const values: T[] = [];
  const events: string[] = [];
  const heard: { error?: unknown; completed: boolean } = { completed: false };
  const subscription = source.subscribe({
    next: (value) => {
      values.push(value);
      events.push('next');
      next?.(value);
    },
    error: (error: unknown) => {
      heard.error = error;
      events.push('error');
    },
    complete: () => {
      heard.completed = true;
      events.push('complete');
    },
  });
  return {
    values,
    events,
    subscription,
    get error() {
      return heard.error;
    },
    get completed() {
      return heard.completed;
    },
  };
}

/** The names in the inserts of messages or transactions. */
export function names(messages: readonly { readonly kind: string }[]): unknown[] {
  return messages.flatMap((message) => {
    if ('changes' in message && Array.isArray(message.changes)) return names(message.changes);
    if (message.kind !== 'insert' || !('new' in message)) return [];
    const { new: row } = message;
    return typeof row === 'object' && row !== null && 'name' in row ? [row.name] : [];
  });
}
