import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { runServer, type PostgresServer } from '../support/server';
import { SCENARIOS } from './scenarios/all';
import { copyOf, read } from './scenarios/reading';
import type { Scenario } from './scenarios/scenario';
import { BASELINE, everyWay, isThorough, nameOf, waysInTurn, type Way } from './scenarios/ways';
import { TestBed, Gate, ofKind, Recorder } from './support/bed';

let server: PostgresServer;

beforeAll(async () => {
  server = await runServer();
});

/** The scenarios that the server supports, with the ways in which this run reads each. */
function plan(): { scenario: Scenario; ways: Way[] }[] {
  return SCENARIOS.filter(({ since = 0 }) => server.version >= since).map((scenario, i) => ({
    scenario,
    ways: isThorough() ? everyWay(server.version) : waysInTurn(server.version, i),
  }));
}

function setupOf({ setup, published = 'FOR ALL TABLES' }: Scenario): string {
  return `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET logical_decoding_work_mem = ''64kB''', current_database()); END $$;
    CREATE TABLE padding (id int, filler text);
    ${setup};
    CREATE PUBLICATION pub ${published}`;
}

/** toStrictEqual shows differences well, but takes ten times as long without one. */
function expectSame(way: string, actual: unknown, expected: unknown): void {
  if (isDeepStrictEqual(actual, expected)) return;
  expect({ way, actual }).toStrictEqual({ way, actual: expected });
  throw new Error(`${way}: there is a difference`);
}

it('each way is used by some scenario', () => {
  const names = plan().flatMap(({ ways }) => [BASELINE, ...ways].map(nameOf));
  expect([...new Set(names)].sort()).toEqual(everyWay(server.version).map(nameOf).sort());
});

it.each(SCENARIOS)('$name', async (scenario) => {
  const ways = plan().find((each) => each.scenario === scenario)?.ways;
  // Unsupported features are omitted.
  if (!ways) return;
  const bed = await TestBed.make('scenario', setupOf(scenario), server);
  try {
    const slot = await bed.slot();
    for (const transaction of scenario.work) await bed.sql(`BEGIN; ${transaction}; COMMIT`);
    const end = await bed.position();
    const copies: { way: Way; copy: string }[] = [];
    for (const way of ways) copies.push({ way, copy: await copyOf(bed, slot) });

    const baseline = await read(bed, slot, end, BASELINE, scenario.config);
    expect(baseline.seen).toStrictEqual(scenario.seen);

    for (const { way, copy } of copies) {
      const { units, flat, counts } = await read(bed, copy, end, way, scenario.config);
      expectSame(nameOf(way), units, baseline.units);
      if (way.streaming === 'off') expectSame(nameOf(way), flat, baseline.flat);
      else expect(counts).toMatchObject({ streamStart: expect.any(Number), streamCommit: expect.any(Number) });
    }
  } finally {
    if (scenario.leave !== undefined) await bed.sql(scenario.leave);
    await bed.drop();
  }
});

it('a stream starts while a published table is locked', async () => {
  const bed = await TestBed.make('scenario', 'CREATE TABLE t (id int); CREATE PUBLICATION pub FOR ALL TABLES', server);
  try {
    const slot = await bed.slot();
    await bed.sql('BEGIN; LOCK TABLE t');
    const started = new Gate();
    const stream = new Recorder(bed.stream(slot, { openObserver: { next: started.open } }));
    await started.opened;
    stream.unsubscribe();
    await bed.sql('ROLLBACK');
  } finally {
    await bed.drop();
  }
});

it('values of 80 MB', async () => {
  const bed = await TestBed.make('scenario', 'CREATE TABLE large (id int, v text, b bytea); CREATE PUBLICATION pub FOR ALL TABLES', server); // prettier-ignore
  try {
    const changes = await bed.messagesOf(() =>
      bed.sql(`
        INSERT INTO large VALUES (1, repeat('0123456789abcdeß', 5 * 1024 * 1024));
        INSERT INTO large VALUES (2, NULL, sha256('') || convert_to(repeat('0123456789abcdeß', 5 * 1024 * 1024), 'UTF8'))`),
    );
    const found = ofKind(changes, 'insert').map(({ new: { id, v, b } }) => ({
      id,
      v: typeof v === 'string' ? digest(v) : v,
      b: Buffer.isBuffer(b) ? digest(b) : b,
    }));
    const expected = await bed.sql(`
      SELECT id, encode(sha256(convert_to(v, 'UTF8')), 'hex') AS v, encode(sha256(b), 'hex') AS b FROM large ORDER BY id`);
    expect(found).toEqual(expected);
  } finally {
    await bed.drop();
  }
});

function digest(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}
