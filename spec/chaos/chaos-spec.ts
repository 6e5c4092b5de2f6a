import { runServer, startServer, type TestServer } from '../support/server';
import { chaos } from './chaos';
import { FAULTS } from './faults';
import { asTables } from './report';
import { SOURCE_SETTINGS } from './scene';
import { STOPS } from './stop-faults';
import type { ConsumerResult } from './invariant-checker';

/** The long form is `npm run test:chaos`. */
const SEED = 1;
/** In ms: the scene itself notices a consumer that is silent, and says which, after a minute. */
const LONGEST = 180_000;
/** All faults from outside, and some stops. */
const KINDS = [
  ...Object.keys(FAULTS).filter((kind) => !(kind in STOPS)),
  'stop in a streamed block',
  'stop, then the work fails',
  'stop while waiting after a failed work',
  'stop twice',
];

let server: TestServer;

beforeAll(async () => {
  // Who is silently gone is to be missed sooner than in the long form.
  server = await startServer({ settings: { ...SOURCE_SETTINGS, wal_sender_timeout: '1s' } });
});

afterAll(() => server.dispose());

it(
  'every kind of fault once, and some stops: nothing lost, doubled, altered or confirmed too early, no end untrue',
  async () => {
    const result = await chaos(server, await runServer(), { faults: KINDS.length, seed: SEED, kinds: KINDS });
    process.stdout.write(`${asTables(result)}\n`);
    expect(result.violations).toEqual([]);
    expect(result.summary).toMatchObject({
      losses: 0,
      duplicates: 0,
      strangers: 0,
      disorder: 0,
      altered: 0,
      unended: 0,
    });
    expect(Object.keys(result.faults).sort()).toEqual([...KINDS].sort());
    // Otherwise it would have shown little.
    expect(result.summary.committed).toBeGreaterThan(100);
    const consumers = Object.values(result.consumers);
    for (const { redeliveries, sessions, struckAtWork, sessionsLost } of consumers) {
      // Each fault that ends a session finds it with a work in hand, whose transaction has to come again.
      expect(struckAtWork).toBeGreaterThan(2);
      expect(redeliveries).toBeGreaterThanOrEqual(struckAtWork);
      expect(sessions).toBeGreaterThan(Math.max(5, sessionsLost));
    }
    const sum = (of: (consumer: ConsumerResult) => number): number => consumers.map(of).reduce((a, b) => a + b);
    expect(sum(({ streamed: { streamCommit = 0 } }) => streamCommit)).toBeGreaterThan(0);
    expect(sum(({ spooled }) => spooled)).toBeGreaterThan(0);
    if (server.version >= 15) expect(sum(({ prepared: { committed } }) => committed)).toBeGreaterThan(0);
    // One each, and the second one of "stop twice".
    const outcomes = Object.values(result.stops).flatMap((counts) => Object.values(counts));
    expect(outcomes.reduce((a, b) => a + b)).toBeGreaterThanOrEqual(4);
  },
  LONGEST,
);
