import { runServer, type PostgresServer } from '../support/server';
import { round, type Outcome } from './reference/round';

/** `npm run test:reference` runs longer. */
const SEEDS = [4, 6, 12];

let server: PostgresServer;
const outcomes: Outcome[] = [];

beforeAll(async () => {
  server = await runServer();
});

it.each(SEEDS)('a copy made from a stream has the same rows, with seed %i', async (seed) => {
  const outcome = await round(server, seed);
  expect(outcome.differences).toEqual([]);
  outcomes.push(outcome);
});

it('all features occurred', () => {
  const sum = (of: (outcome: Outcome) => number | undefined): number =>
    outcomes.reduce((total, outcome) => total + (of(outcome) ?? 0), 0);
  // Otherwise the run would not be meaningful.
  expect(sum(({ rows }) => rows)).toBeGreaterThan(100);
  expect(sum(({ transactions }) => transactions)).toBeGreaterThan(50);
  expect(sum(({ failures, transactions }) => failures / transactions)).toBeLessThan(1);
  expect(sum(({ met }) => met.cuts)).toBeGreaterThan(0);
  expect(sum(({ met }) => met.messages['streamCommit'])).toBeGreaterThan(0);
  expect(sum(({ met }) => met.messages['streamAbort'])).toBeGreaterThan(0);
  expect(sum(({ applied }) => applied.spooled)).toBeGreaterThan(0);
  if (server.version >= 15) expect(sum(({ applied }) => applied.prepared)).toBeGreaterThan(0);
});
