import { setTimeout as delay } from 'node:timers/promises';
import type { Observable } from 'rxjs';
import { logicalReplication } from '../../lib/index';
import { getFlushPosition } from '../support/frame-splitter';
import type { FaultProxy } from '../support/proxy';
import type { StopMode } from '../support/server';
import type { Consumer } from './consumer-under-test';
import type { Random } from './random';
import type { ChaosEnvironment } from './chaos-environment';
import { STOPS } from './stop-faults';

/**
 * Injects a fault into a consumer, its connection or the server. Resolves when the fault is injected, not when the consumer
 * recovers.
 */
export type Fault = (environment: ChaosEnvironment, consumer: Consumer, random: Random) => Promise<void> | void;

/** How long a fault waits for its condition, in ms. */
const WAIT_TIMEOUT = 2000;
/** A fast shutdown waits until all clients have confirmed what was sent, or have timed out. */
const STOP = 60_000;

/** Faults that end the session of one consumer, if it has one. */
export const SESSION_FAULTS: Readonly<Record<string, Fault>> = {
  'process killed': async (_scene, consumer, random) => {
    await consumer.kill();
    await delay(random.between(0, 200));
    consumer.start();
  },
  'walsender terminated': (environment, { slot }) => signal(environment, slot, 'pg_terminate_backend'),
  'stream cancelled': (environment, { slot }) => signal(environment, slot, 'pg_cancel_backend'),
  'connection reset': (_scene, { proxy }) => proxy.cut('rst'),
  'connection closed': (_scene, { proxy }) => proxy.cut('fin'),
  'peer silently gone': (_scene, { proxy }) => proxy.stall(),
  'half closed by the server': (_scene, { proxy }) => proxy.halfClose('server'),
  'half closed by the client': (_scene, { proxy }) => proxy.halfClose('client'),
  'cut inside a message': (_scene, { proxy }, random) => proxy.cutAfter(random.between(1, 5000)),
  'slow and refused': async (_scene, { proxy }, random) => {
    proxy.delay = 50;
    await delay(300);
    proxy.refusing = true;
    proxy.cut('rst');
    await delay(random.between(50, 600));
    proxy.refusing = false;
    proxy.delay = 0;
  },
  'slot taken': (environment, consumer, random) => takeSlot(environment, consumer, random.between(200, 1000)),
};

/** Faults that end the sessions of all consumers. */
export const SERVER_FAULTS: Readonly<Record<string, Fault>> = {
  'server stopped fast': (environment, _consumer, random) => restart(environment, 'fast', random),
  'server stopped immediate': (environment, _consumer, random) => restart(environment, 'immediate', random),
};

export const FAULTS: Readonly<Record<string, Fault>> = {
  ...SESSION_FAULTS,
  ...SERVER_FAULTS,
  'work fails': (_scene, consumer) => consumer.send({ command: 'fail', stored: false }),
  'work fails once stored': (_scene, consumer) => consumer.send({ command: 'fail', stored: true }),
  'work hangs, connection cut': async (_scene, consumer, random) => {
    consumer.send({ command: 'hang', ms: random.between(200, 1500) });
    await delay(random.between(50, 300));
    consumer.proxy.cut('rst');
  },
  'cut before the status update': (_scene, { proxy }) => cutBeforeStatus(proxy),
  ...STOPS,
};

/** Signals one of the server's processes over a separate connection. */
async function signal(
  environment: ChaosEnvironment,
  slot: string,
  how: 'pg_terminate_backend' | 'pg_cancel_backend',
): Promise<void> {
  const sql = `SELECT ${how}(active_pid) FROM pg_replication_slots WHERE slot_name = '${slot}' AND active`;
  const deadline = performance.now() + WAIT_TIMEOUT;
  while ((await environment.source.query(sql)).length === 0 && performance.now() < deadline) await delay(10);
}

async function restart({ server, consumers }: ChaosEnvironment, mode: StopMode, random: Random): Promise<void> {
  const stopped = server.stop(mode);
  const inTime = await Promise.race([stopped.then(() => true), delay(STOP, false, { ref: false })]);
  if (!inTime) {
    for (const { checker } of consumers) checker.addViolation(`the server could not stop within ${STOP} ms`);
    await server.stop('immediate');
  }
  await delay(random.between(0, 300));
  await server.start();
}

/** The consumer acknowledges a transaction, and the connection ends before its status update is sent. */
async function cutBeforeStatus(proxy: FaultProxy): Promise<void> {
  const cut = new Promise<void>((resolve) => {
    let known: bigint | undefined;
    proxy.filter = (frame, from) => {
      const flush = from === 'client' ? getFlushPosition(frame) : undefined;
      if (flush === undefined || flush === 0n) return frame;
      if (known === undefined || flush <= known) {
        known = flush;
        return frame;
      }
      resolve();
      return 'cut';
    };
  });
  await Promise.race([cut, delay(WAIT_TIMEOUT)]);
  proxy.filter = undefined;
}

/** Another client streams from the slot for a while and confirms nothing. */
async function takeSlot(environment: ChaosEnvironment, { slot, kind }: Consumer, ms: number): Promise<void> {
  await signal(environment, slot, 'pg_terminate_backend');
  const deadline = performance.now() + WAIT_TIMEOUT;
  const taken = (): Promise<boolean> =>
    new Promise((resolve) => {
      const config = {
        connection: environment.source.url,
        slot,
        publications: ['bank'],
        confirm: false,
        openObserver: {
          next: () => {
            setTimeout(() => stream.unsubscribe(), ms);
          },
        },
        closeObserver: { next: () => resolve(true) },
      };
      const messages: Observable<unknown> = kind.twoPhase
        ? logicalReplication({ ...config, twoPhase: true })
        : logicalReplication(config);
      const stream = messages.subscribe({ error: () => resolve(false) });
    });
  while (!(await taken()) && performance.now() < deadline);
}
