import { runServer, startServer, type TestServer } from '../support/server';
import { chaos } from './chaos';
import { FAULTS } from './faults';
import { asTables } from './report';

/** The long form is `npm run test:chaos`. */
const SEED = 1;

let server: TestServer;

beforeAll(async () => {
  // Who is silently gone is to be missed sooner than in the long form.
  server = await startServer({ settings: { wal_sender_timeout: '1s' } });
});

afterAll(() => server.dispose());

it('every kind of fault once: nothing lost, nothing twice in the exactly-once store, no promise broken', async () => {
  const kinds = Object.keys(FAULTS);
  const result = await chaos(server, await runServer(), { faults: kinds.length, seed: SEED });
  process.stdout.write(`${asTables(result)}\n`);
  expect(result.violations).toEqual([]);
  expect(result.reckoning).toMatchObject({ losses: 0, duplicates: 0, strangers: 0, disorder: 0 });
  expect(Object.keys(result.faults).sort()).toEqual([...kinds].sort());
  // Otherwise it would have shown little.
  expect(result.reckoning.committed).toBeGreaterThan(100);
  for (const { redeliveries, sessions } of Object.values(result.consumers)) {
    expect(redeliveries).toBeGreaterThan(0);
    expect(sessions).toBeGreaterThan(5);
  }
});
