/**
 * A consumer in a separate process that measures itself, and reports each sample as a JSON line:
 *
 *   soak-consumer.ts <connection> <slot> <ms between two samples> <major version of the server>
 *
 * On `stop`, it stops its stream, and subscribes again when the stream has ended.
 */
import { subscribe } from 'node:diagnostics_channel';
import type { EventEmitter } from 'node:events';
import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { pipe, Subject, type Observable } from 'rxjs';
import {
  ackAfter,
  logicalReplication,
  reconnect,
  stopOn,
  transactions,
  type AnyReplicationMessage,
} from '../../lib/index';
import { openSpools } from '../support/open-spools';

/** A sample of the soak test. */
export interface Sample {
  /** In MB, after a garbage collection. */
  readonly rss: number;
  readonly heap: number;
  readonly buffers: number;
  /** Handles and requests that keep the process running. */
  readonly resources: number;
  /** On the process and on all open sockets. */
  readonly listeners: number;
  /** Open spool files. */
  readonly spools: number;
  /** Since the start. */
  readonly transactions: number;
  readonly sessions: number;
  /** Transactions that were read from a spool file. */
  readonly spooled: number;
  readonly prepared: number;
  /** Stops that ended with completion, and with an error. */
  readonly completed: number;
  readonly failed: number;
}

const [, , connection = '', slot = '', interval = '', version = ''] = process.argv;
/** The size in bytes from which a streamed transaction is spooled. */
const MAX_BYTES = 100_000;
/** The probability of slow work. */
const SLOW = 0.01;

const sockets = new Set<Socket>();
subscribe('net.client.socket', (message) => {
  if (typeof message === 'object' && message && 'socket' in message && message.socket instanceof Socket) {
    sockets.add(message.socket);
  }
});

function countListeners(emitter: Pick<EventEmitter, 'eventNames' | 'listenerCount'>): number {
  return emitter.eventNames().reduce((sum, event) => sum + emitter.listenerCount(event), 0);
}

const count = { transactions: 0, sessions: 0, spooled: 0, prepared: 0, completed: 0, failed: 0 };
let stopping = false;
const stop = new Subject<void>();

function messages(): Observable<AnyReplicationMessage> {
  const config = {
    connection,
    slot,
    publications: ['bank'],
    statusInterval: 1000,
    openObserver: { next: () => count.sessions++ },
  };
  if (Number(version) < 15) return logicalReplication({ ...config, streaming: 'on' });
  return logicalReplication({ ...config, streaming: Number(version) < 16 ? 'on' : 'parallel', twoPhase: true });
}

const source = messages();
const works = pipe(
  transactions<AnyReplicationMessage>({ maxBytes: MAX_BYTES }),
  ackAfter(async (unit) => {
    if (Math.random() < SLOW) await delay(Math.random() * 1000);
    // Read the whole spool file.
    const size = 'size' in unit ? Array.from(unit).length : 0;
    if (size > 0 && !('changes' in unit.toJSON())) count.spooled++;
    if (unit.kind === 'preparedTransaction') count.prepared++;
    count.transactions++;
  }, 4),
  reconnect({ initialDelay: 50, maxDelay: 500, attemptObserver: { next: () => undefined } }),
);

/** Only a stop may end it. */
function goOn(outcome: 'completed' | 'failed', error?: unknown): void {
  if (!stopping) throw new Error('The stream ended by itself', { cause: error });
  stopping = false;
  count[outcome]++;
  setImmediate(begin);
}

/** A new `stopOn` each time, because the stop of a failed one still applies to it. */
function begin(): void {
  source
    .pipe(stopOn(stop), works)
    .subscribe({ error: (error: unknown) => goOn('failed', error), complete: () => goOn('completed') });
}

process.on('message', () => {
  stopping = true;
  stop.next();
});
process.on('disconnect', () => process.exit());
begin();

setInterval(() => {
  globalThis.gc?.();
  for (const socket of sockets) if (socket.destroyed) sockets.delete(socket);
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
  const sample: Sample = {
    rss: rss / 1e6,
    heap: heapUsed / 1e6,
    buffers: arrayBuffers / 1e6,
    resources: process.getActiveResourcesInfo().length,
    listeners: [process, ...sockets].reduce((sum, emitter) => sum + countListeners(emitter), 0),
    spools: openSpools(),
    ...count,
  };
  process.stdout.write(`${JSON.stringify(sample)}\n`);
}, Number(interval));
