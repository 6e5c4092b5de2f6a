import { setTimeout as delay } from 'node:timers/promises';
import { formatLsn, parseLsn } from '../../lib/index';
import type { Consumer } from './consumer-under-test';
import type { StopCommand } from './events';
import type { Random } from './random';
import type { ChaosEnvironment } from './chaos-environment';

/** A way to stop a stream. */
interface Plan extends Omit<StopCommand, 'command'> {
  /** Brings about the state that the stop waits for. */
  readonly provoke?: (environment: ChaosEnvironment, consumer: Consumer, random: Random) => unknown;
  /** A fault during the stop. */
  readonly meanwhile?: (environment: ChaosEnvironment, consumer: Consumer, random: Random) => unknown;
  /** Cleans up after the end. */
  readonly restore?: (environment: ChaosEnvironment, consumer: Consumer) => unknown;
}

/** How long a stop waits for its state, in ms. Then it occurs immediately. */
const STATE_TIMEOUT = 3000;
/** The time in ms after which a stop without an end counts as missed. */
const END_TIMEOUT = 60_000;

/** Stops a consumer's stream, and starts the stream again when it has ended. */
export const STOPS: Readonly<
  Record<string, (environment: ChaosEnvironment, consumer: Consumer, random: Random) => Promise<void>>
> = {
  'stop, any time': stop({ moment: 'now', provoke: (_scene, _consumer, random) => delay(random.between(0, 300)) }),
  'stop in a transaction': stop({ moment: 'transaction' }),
  'stop in a streamed block': stop({ moment: 'block' }),
  'stop while a work runs': stop({ moment: 'working' }),
  'stop, then the work fails': stop({ moment: 'working', fails: true }),
  'stop as a work fails': stop({ moment: 'failing' }),
  'stop while waiting after a failed work': stop({
    moment: 'waiting',
    provoke: (_scene, consumer) => consumer.send({ command: 'fail', stored: false }),
  }),
  'stop while waiting after a failed work that was stored': stop({
    moment: 'waiting',
    provoke: (_scene, consumer) => consumer.send({ command: 'fail', stored: true }),
  }),
  'stop while waiting after a lost connection': stop({
    moment: 'waiting',
    provoke: (_scene, { proxy }) => proxy.cut('rst'),
  }),
  'stop while the server is down': stop({
    moment: 'waiting',
    provoke: async ({ server }, consumer, random) => {
      await server.stop('immediate');
      if (random.chance(0.5)) await consumer.waitForEvent(STATE_TIMEOUT, 'attempt');
    },
    restore: ({ server }) => server.start(),
  }),
  'stop while connecting': stop({
    moment: 'connecting',
    provoke: (_scene, { proxy }) => {
      proxy.delay = 30;
      proxy.cut('rst');
    },
    restore: (_scene, { proxy }) => (proxy.delay = 0),
  }),
  'stop, then the connection is lost': stop({
    moment: 'working',
    meanwhile: async (_scene, { proxy }, random) => {
      await delay(random.between(0, 60));
      proxy.cut('rst');
    },
  }),
  'stop twice': stop({
    moment: 'working',
    meanwhile: (_scene, consumer) => consumer.send({ command: 'stop', moment: 'now' }),
  }),
  'stop before the subscription': async (_scene, consumer) => {
    await consumer.kill();
    const ended = consumer.waitForEvent(END_TIMEOUT, 'completed', 'ended');
    consumer.start(true);
    await goOn(_scene, consumer, await ended, false);
  },
};

function stop({ moment, fails = false, provoke, meanwhile, restore }: Plan) {
  return async (environment: ChaosEnvironment, consumer: Consumer, random: Random): Promise<void> => {
    // A stream that is just being subscribed to would miss the stop.
    await consumer.subscribed(STATE_TIMEOUT);
    const ended = consumer.waitForEvent(STATE_TIMEOUT + END_TIMEOUT, 'completed', 'ended');
    const stopping = consumer.waitForEvent(STATE_TIMEOUT, 'stopping');
    if (moment !== 'now') consumer.send({ command: 'stop', moment, fails });
    await provoke?.(environment, consumer, random);
    if (moment === 'now' || !(await stopping)) {
      const late = consumer.waitForEvent(STATE_TIMEOUT, 'stopping');
      consumer.send({ command: 'stop', moment: 'now' });
      await late;
    }
    await meanwhile?.(environment, consumer, random);
    const end = await ended;
    await restore?.(environment, consumer);
    await goOn(environment, consumer, end, random.chance(0.5));
  };
}

/** @param again whether the same process may subscribe again */
async function goOn(
  environment: ChaosEnvironment,
  consumer: Consumer,
  end: { readonly event: 'completed' | 'ended' } | undefined,
  again: boolean,
): Promise<void> {
  if (!end) {
    consumer.checker.addViolation(`did not end within ${END_TIMEOUT} ms after it was told to stop`);
    await consumer.kill();
  } else {
    if (end.event === 'completed') await checkSlot(environment, consumer);
    // A stop that failed would be retried.
    if (again && end.event === 'completed' && consumer.signal === 'subject') {
      consumer.subscribeAgain();
      return;
    }
    await consumer.exit();
  }
  consumer.start();
}

/** After completion, the server has received all confirmations, and the slot is at the position of the store. */
async function checkSlot({ source }: ChaosEnvironment, { slot, store, checker }: Consumer): Promise<void> {
  const [row] = await source.query<{ lsn: string }>(
    `SELECT confirmed_flush_lsn::text AS lsn FROM pg_replication_slots WHERE slot_name = '${slot}'`,
  );
  const position = parseLsn(row?.lsn ?? '');
  const { furthestDone, lastStop } = checker;
  const what = `completed after a stop (${lastStop}) with the slot at ${formatLsn(position)}`;
  if (position < furthestDone) checker.addViolation(`${what}, and was done up to ${formatLsn(furthestDone)}`);
  if (!store || !checker.hasOpened) return;
  const [stored] = await store.query<{ lsn: string }>(`SELECT checkpoint::json->>'endLsn' AS lsn FROM progress`);
  if (stored?.lsn && parseLsn(stored.lsn) !== position) checker.addViolation(`${what}, and the store at ${stored.lsn}`);
}
