import { Subscription, VirtualTimeScheduler, type SchedulerLike } from 'rxjs';
import type { PgoutputConfig, PluginConfig } from '../../lib/config/stream-config';
import { createStream } from '../../lib/logical-replication';
import type { Connect, Transport, TransportEvents } from '../../lib/net/transport';
import type { StreamMessage } from '../../lib/pgoutput/messages/messages';
import { FakeBackend } from '../support/fake-backend';
import { CONNECTION } from '../support/streaming';

/** A server whose bytes are known beforehand: it answers before it is asked. Time stands still. */
class Playback implements Transport {
  readonly sent: Buffer[] = [];
  readonly #later: (() => void)[] = [];
  #held = false;
  #gone = false;

  constructor(private readonly events: TransportEvents) {}

  /** Sends all that the client takes, and hangs up. */
  play(chunks: readonly Buffer[]): void {
    this.events.connected({ kind: 'clear' });
    for (const chunk of chunks) {
      this.#settle();
      // Whoever holds the socket for good, as a full window does, gets no more.
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

/** What a subscriber does with each message. */
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
/** There is one connection to be played; a look-up would make another one. */
export const PGOUTPUT: PgoutputConfig = { ...BASE, publications: ['orders_pub'], lookUpTypes: false };
export const RAW: PluginConfig = { ...BASE, plugin: 'test_decoding' };

/** Subscribes to what comes in these chunks, the server's first byte first. */
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

/** The frames that a server sends to whoever subscribes, up to CopyBoth. */
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
