import { firstValueFrom, map, retry, Subject, take, tap } from 'rxjs';
import {
  ackAfter,
  createSlot,
  dropSlot,
  identifySystem,
  logicalReplication,
  ServerError,
  slotStatus,
  stopAtLsn,
  stopOn,
  transactions,
  type PgoutputConfig,
  type ReplicationMessage,
  type Transaction,
} from '../../lib/index';
import { startServer, uniqueName, type TestDatabase, type TestServer } from '../support/server';
import {
  acknowledging,
  waitForCompletion,
  waitForFailure,
  marked,
  waitForNoBackends,
  NUMBERS,
  Observed,
  range,
} from './support/life';
import { TestBed, Recorder } from './support/bed';
import { LoopClock } from '../support/loop-clock';

let server: TestServer;
let database: TestDatabase;

beforeAll(async () => {
  server = await startServer();
  database = await server.createDatabase('life');
  await database.query(NUMBERS);
});

afterAll(() => server.dispose());

async function makeSlot(): Promise<string> {
  const slot = uniqueName('slot');
  await database.query('SELECT pg_create_logical_replication_slot($1, $2)', [slot, 'pgoutput']);
  return slot;
}

const stream = (slot: string, more: Partial<PgoutputConfig> = {}) =>
  logicalReplication({ connection: database.url, slot, publications: ['pub'], ...more });

const insert = (from: number, to: number) =>
  // Each in a separate transaction.
  database.query(`DO $$ BEGIN FOR i IN ${from}..${to} LOOP INSERT INTO numbers VALUES (i); COMMIT; END LOOP; END $$`);

const idsOf = (tx: Transaction): number[] =>
  tx.changes.map((change) => (change.kind === 'insert' ? Number(change.new['id']) : NaN));

/** A stream that retries all retryable errors. */
function persistent(slot: string, codes: string[] = []): Recorder<number[]> {
  return new Recorder(
    stream(slot).pipe(
      transactions(),
      ackAfter((tx) => [idsOf(tx)]),
      tap({ error: (error: { code: string }) => codes.push(error.code) }),
      retry({ delay: 20 }),
    ),
  );
}

/** Messages that must not be in the log after clean endings. */
const COMPLAINTS =
  /unexpected EOF|connection to client lost|could not (?:send|receive)|Connection reset|Broken pipe|(?:ERROR|FATAL|PANIC|WARNING): /;

it('clean endings leave no error in the log of the server', async () => {
  const bed = await TestBed.make('clean', NUMBERS, server);
  const { name, connection } = marked(bed.database.url);
  const before = (await server.log()).length;
  const clean = async (run: (slot: string, observed: Observed) => Promise<unknown>): Promise<void> => {
    const slot = await bed.slot();
    const observed = new Observed();
    await bed.sql('INSERT INTO numbers SELECT coalesce(max(id), 0) + 1 FROM numbers');
    await run(slot, observed);
    await observed.closed();
  };
  const on = (slot: string, observed: Observed, more: Partial<PgoutputConfig> = {}) =>
    bed.stream(slot, { connection, ...observed.observers, ...more });

  await clean((slot, observed) => firstValueFrom(on(slot, observed)));
  await clean((slot, observed) => firstValueFrom(on(slot, observed).pipe(transactions(), acknowledging(), take(1))));
  await clean(async (slot, observed) =>
    waitForCompletion(on(slot, observed).pipe(stopAtLsn(await bed.position()), acknowledging())),
  );
  await clean((slot, observed) => {
    const asked = new Subject<void>();
    const work = () => asked.next();
    return waitForCompletion(
      on(slot, observed).pipe(stopOn<ReplicationMessage>(asked), transactions(), ackAfter(work)),
    );
  });
  await clean(async (slot, observed) => {
    const recorder = new Recorder(on(slot, observed));
    await recorder.find((message) => message.kind === 'commit');
    recorder.unsubscribe();
  });
  await clean(async (slot, observed) => {
    // The rest of a large transaction is drained.
    await bed.sql(`INSERT INTO numbers SELECT 1000 + g, repeat('x', 100) FROM generate_series(1, 20000) g`);
    const recorder = new Recorder(on(slot, observed, { maxUnacked: 10 }));
    await recorder.find((message) => message.kind === 'insert' && message.ordinal === 3);
    recorder.unsubscribe();
  });
  const slot = uniqueName('slot');
  await firstValueFrom(createSlot({ connection, slot }));
  await firstValueFrom(slotStatus({ connection, slot }));
  await firstValueFrom(identifySystem({ connection }));
  await firstValueFrom(dropSlot({ connection, slot }));

  await waitForNoBackends(server, name);
  const lines = (await server.log()).slice(before).split('\n');
  expect(lines.length).toBeGreaterThan(10);
  expect(lines.filter((line) => COMPLAINTS.test(line))).toEqual([]);
  await bed.drop();
});

it('pg_terminate_backend is a retryable error, and with retry() nothing is lost', async () => {
  const slot = await makeSlot();
  const codes: string[] = [];
  const recorder = persistent(slot, codes);
  for (const start of [1, 11, 21]) {
    await insert(start, start + 9);
    await recorder.take(start + 9);
    await server.query(`SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '${slot}'`);
  }
  await insert(31, 40);
  await recorder.take(40);
  recorder.unsubscribe();
  expect(recorder.values.flat()).toEqual(range(1, 40));
  expect(new Set(codes)).toEqual(new Set(['SERVER_SHUTDOWN']));
});

it("an error includes the server's message when it terminated the stream", async () => {
  const slot = await makeSlot();
  const failure = waitForFailure(
    stream(slot, {
      openObserver: {
        next: () =>
          void server.query(
            `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '${slot}'`,
          ),
      },
    }),
  );
  const error = await failure;
  expect(error).toBeInstanceOf(ServerError);
  expect(error).toMatchObject({ code: 'SERVER_SHUTDOWN', retryable: true, sqlState: '57P01' });
});

it('pg_cancel_backend is a retryable error', async () => {
  const slot = await makeSlot();
  const error = await waitForFailure(
    stream(slot, {
      openObserver: {
        next: () =>
          void server.query(
            `SELECT pg_cancel_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '${slot}'`,
          ),
      },
    }),
  );
  expect(error).toMatchObject({ code: 'CANCELLED', retryable: true, sqlState: '57014' });
});

it('a fast shutdown of the server is quick with a client that has caught up', async () => {
  const slot = await makeSlot();
  await insert(101, 110);
  const recorder = new Recorder(stream(slot).pipe(acknowledging(), transactions(), map(idsOf)));
  await recorder.take(10);
  const clock = new LoopClock();
  await server.stop('fast');
  expect(clock.stop()).toBeLessThan(5000);
  await expect(recorder.completed()).rejects.toMatchObject({ code: 'SERVER_SHUTDOWN', retryable: true });
  expect(await waitForFailure(stream(slot))).toMatchObject({ code: 'CONNECTION_REFUSED', retryable: true });
  await server.start();
});

it('with retry(), nothing is lost over fast and immediate restarts of the server', async () => {
  const slot = await makeSlot();
  const recorder = persistent(slot);
  await insert(201, 220);
  await recorder.take(20);
  await server.restart('fast');
  await insert(221, 240);
  await recorder.take(30);
  await server.restart('immediate');
  await insert(241, 260);
  await recorder.take(60);
  recorder.unsubscribe();
  expect(recorder.values.flat()).toEqual(range(201, 260));
});
