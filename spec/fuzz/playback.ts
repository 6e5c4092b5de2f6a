import { Subscription, VirtualTimeScheduler, type SchedulerLike } from 'rxjs';
import type { PgoutputConfig, PluginConfig } from '../../lib/config/stream-config';
import { createStream } from '../../lib/logical-replication';
import type { Connect, Transport, TransportEvents } from '../../lib/net/transport';
import type { StreamMessage } from '../../lib/pgoutput/messages/messages';
import { FakeBackend } from '../support/fake-backend';
import { CONNECTION } from '../support/streaming';

/** A connection whose server bytes are known in advance, and sent without waiting for requests. Time does not advance. */
class Playback implements Transport {
  readonly sent: Buffer[] = [];
  readonly #later: (() => void)[] = [];
  #held = false;
  #gone = false;

  constructor(private readonly events: TransportEvents) {}

  /** Sends bytes until the client pauses, and then closes the connection. */
  play(chunks: readonly Buffer[]): void {
    this.events.connected({ kind: 'clear' });
    for (const chunk of chunks) {
      this.#settle();
      // A client that pauses permanently, for example with a full window, receives no more.
      if (this.#gone || this.#held) return;
      this.events.data(chunk);
    }
    this.#settle();
    if (!this.#gone) this.events.closed();
  }

  write(bytes: Buffer): void {
    this.sent.push(bytes);
  }

  pause(): void {
    this.#held = true;
  }

  resume(): void {
    this.#held = false;
  }

  end(): void {
    this.#gone = true;
  }

  destroy(): void {
    this.#gone = true;
  }

  defer(callback: () => void): void {
    this.#later.push(callback);
  }

  timeout(): () => void {
    return () => undefined;
  }

  elapsed(): number {
    return 0;
  }

  #settle(): void {
    for (let next = this.#later.shift(); next; next = this.#later.shift()) next();
  }
}

/** The subscriber's handler. */
export type Handler = (message: StreamMessage, subscription: Subscription) => void;

export interface Played {
  readonly messages: readonly string[];
  readonly completed: boolean;
  readonly error: unknown;
  /** The flush positions of all status updates. */
  readonly flushed: readonly bigint[];
}

const STILL: SchedulerLike = { now: () => 0, schedule: () => new Subscription() };

const BASE = { connection: CONNECTION, slot: 'orders', scheduler: STILL };
/** Only one connection is played; a type lookup would open another one. */
export const PGOUTPUT: PgoutputConfig = { ...BASE, publications: ['orders_pub'], lookUpTypes: false };
export const RAW: PluginConfig = { ...BASE, plugin: 'test_decoding' };

/** Subscribes to a stream that receives these chunks, from the server's first byte on. */
export function play(config: PgoutputConfig | PluginConfig, chunks: readonly Buffer[], handler: Handler): Played {
  let transport: Playback | undefined;
  const connect: Connect = (_, events) => (transport = new Playback(events));
  const messages: string[] = [];
  const outcome = { completed: false, error: undefined as unknown };
  const subscription = new Subscription();
  subscription.add(
    createStream(connect, config).subscribe({
      next: (message) => {
        messages.push(JSON.stringify(message));
        handler(message, subscription);
      },
      error: (error: unknown) => {
        outcome.error = error;
      },
      complete: () => {
        outcome.completed = true;
      },
    }),
  );
  transport?.play(chunks);
  subscription.unsubscribe();
  const flushed = (transport?.sent ?? [])
    .filter((bytes) => bytes.toString('latin1', 0, 1) === 'd')
    .map((bytes) => bytes.readBigUInt64BE(14));
  return { messages, ...outcome, flushed };
}

/** The server's frames from start-up to CopyBoth. */
export function greetingOf(
  config: PgoutputConfig | PluginConfig,
  prepare: (server: FakeBackend) => void = () => {},
): Buffer[] {
  const scheduler = new VirtualTimeScheduler(undefined, 100);
  const server = new FakeBackend(scheduler);
  prepare(server);
  const chunks: Buffer[] = [];
  const connect: Connect = (target, events) =>
    server.connect(target, {
      ...events,
      data: (chunk) => {
        chunks.push(chunk);
        events.data(chunk);
      },
    });
  const subscription = createStream(connect, { ...config, scheduler }).subscribe();
  scheduler.flush();
  const greeting = framesOf(Buffer.concat(chunks));
  if (greeting.at(-1)?.toString('latin1', 0, 1) !== 'W') throw new Error('The server did not come to CopyBoth');
  subscription.unsubscribe();
  return greeting;
}

function framesOf(bytes: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 1 + bytes.readUInt32BE(at + 1);
    frames.push(bytes.subarray(at, end));
    at = end;
  }
  return frames;
}
