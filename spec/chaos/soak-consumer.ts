/**
 * A consumer in a process of its own that measures itself, in a JSON line each time:
 *
 *   soak-consumer.ts <connection> <slot> <ms between two samples>
 */
import { subscribe } from 'node:diagnostics_channel';
import type { EventEmitter } from 'node:events';
import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { ackAfter, logicalReplication, reconnect, transactions } from '../../lib/index';

/** What the soak measures. */
export interface Sample {
  /** In MB, after a collection of garbage. */
  readonly rss: number;
  readonly heap: number;
  readonly buffers: number;
  /** Handles and requests that keep the process alive. */
  readonly resources: number;
  /** On the process and on all sockets that are open. */
  readonly listeners: number;
  /** Since the start. */
  readonly transactions: number;
  readonly sessions: number;
}

const [, , connection = '', slot = '', interval = ''] = process.argv;
/** How likely a work is a slow one. */
const SLOW = 0.01;

const sockets = new Set<Socket>();
subscribe('net.client.socket', (message) => {
  if (typeof message === 'object' && message && 'socket' in message && message.socket instanceof Socket) {
    sockets.add(message.socket);
  }
});

function listenersOf(emitter: Pick<EventEmitter, 'eventNames' | 'listenerCount'>): number {
  return emitter.eventNames().reduce((sum, event) => sum + emitter.listenerCount(event), 0);
}

let done = 0;
let sessions = 0;

logicalReplication({
  connection,
  slot,
  publications: ['bank'],
  statusInterval: 1000,
  openObserver: { next: () => sessions++ },
})
  .pipe(
    transactions(),
    ackAfter(async () => {
      if (Math.random() < SLOW) await delay(Math.random() * 1000);
      done++;
    }, 4),
    reconnect({ initialDelay: 50, maxDelay: 500 }),
  )
  .subscribe();

setInterval(() => {
  globalThis.gc?.();
  for (const socket of sockets) if (socket.destroyed) sockets.delete(socket);
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
  const sample: Sample = {
    rss: rss / 1e6,
    heap: heapUsed / 1e6,
    buffers: arrayBuffers / 1e6,
    resources: process.getActiveResourcesInfo().length,
    listeners: [process, ...sockets].reduce((sum, emitter) => sum + listenersOf(emitter), 0),
    transactions: done,
    sessions,
  };
  process.stdout.write(`${JSON.stringify(sample)}\n`);
}, Number(interval));
