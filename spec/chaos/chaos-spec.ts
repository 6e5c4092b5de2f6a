import { runServer, startServer, type TestServer } from '../support/server';
import { runChaos } from './chaos';
import { FAULTS } from './faults';
import { formatTables } from './report';
import { SOURCE_SETTINGS } from './chaos-environment';
import { STOPS } from './stop-faults';
import type { ConsumerResult } from './invariant-checker';

/** `npm run test:chaos` runs more faults. */
const SEED = 1;
/** In ms. ChaosEnvironment itself detects a silent consumer after a minute, and names it. */
const TIMEOUT = 180_000;
/** All faults other than stops, and some stops. */
const KINDS = [
  ...Object.keys(FAULTS).filter((kind) => !(kind in STOPS)),
  'stop in a streamed block',
  'stop, then the work fails',
  'stop while waiting after a failed work',
  'stop twice',
];

let server: TestServer;

beforeAll(async () => {
  // Shorter than in the long run, so that a silent disconnection is detected sooner.
  server = await startServer({ settings: { ...SOURCE_SETTINGS, wal_sender_timeout: '1s' } });
});

afterAll(() => server.dispose());

it(
  'after every kind of fault and some stops, nothing is lost, duplicated, altered or confirmed too early, and every end is as reported',
  async () => {
    const result = await runChaos(server, await runServer(), { faults: KINDS.length, seed: SEED, kinds: KINDS });
    process.stdout.write(`${formatTables(result)}\n`);
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
    // Otherwise the run would not be meaningful.
    expect(result.summary.committed).toBeGreaterThan(100);
    const consumers = Object.values(result.consumers);
    for (const { redeliveries, sessions, struckAtWork, sessionsLost } of consumers) {
      // Each fault that ends a session does so while a transaction is being processed, which must then be redelivered.
      expect(struckAtWork).toBeGreaterThan(2);
      expect(redeliveries).toBeGreaterThanOrEqual(struckAtWork);
      expect(sessions).toBeGreaterThan(Math.max(5, sessionsLost));
    }
    const sum = (of: (consumer: ConsumerResult) => number): number => consumers.map(of).reduce((a, b) => a + b);
    expect(sum(({ streamed: { streamCommit = 0 } }) => streamCommit)).toBeGreaterThan(0);
    expect(sum(({ spooled }) => spooled)).toBeGreaterThan(0);
    if (server.version >= 15) expect(sum(({ prepared: { committed } }) => committed)).toBeGreaterThan(0);
    // One each, plus the second stop of "stop twice".
    const outcomes = Object.values(result.stops).flatMap((counts) => Object.values(counts));
    expect(outcomes.reduce((a, b) => a + b)).toBeGreaterThanOrEqual(4);
  },
  TIMEOUT,
);
