import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { ackAfter, reconnect, ServerError, transactions } from '../../lib/index';
import { serverUser } from '../support/binaries';
import { startEmbedded, type EmbeddedServer } from '../support/embedded';
import { range } from './support/life';
import { TestBed, waitUntil, Recorder } from './support/bed';

/*
 * Shortages of a real server, each of one process of it (prlimit of util-linux lowers its limits) which
 * pass when that process has ended: a new one has the limits of the others.
 */

let server: EmbeddedServer;
let bed: TestBed;

beforeAll(async () => {
  server = await startEmbedded({ settings: { logical_decoding_work_mem: '64kB' } });
  bed = await TestBed.make(
    'shortages',
    `CREATE TABLE items (id int PRIMARY KEY, pad text); ALTER TABLE items ALTER pad SET STORAGE EXTERNAL;
     CREATE PUBLICATION pub FOR TABLE items`,
    server,
  );
});

afterAll(async () => {
  await bed.drop();
  await server.dispose();
});

beforeEach(() => bed.sql('TRUNCATE items'));

/** The process that streams from a slot. */
async function walsenderOf(slot: string): Promise<number> {
  const [row] = await waitUntil(
    () => bed.sql<{ pid: number }>('SELECT active_pid AS pid FROM pg_replication_slots WHERE slot_name = $1', [slot]),
    (rows) => typeof rows[0]?.pid === 'number',
  );
  return row?.pid ?? 0;
}

function limit(pid: number, option: string): void {
  execFileSync('prlimit', ['--pid', String(pid), option], { ...serverUser() });
}

function addressSpaceOf(pid: number): number {
  const [, kilobytes] = /^VmSize:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}

/** The ids that were inserted, as works are done with them; errors that were tried again are kept. */
function reading(slot: string): { ids: Recorder<number>; errors: ServerError[] } {
  const errors: ServerError[] = [];
  const ids = bed.stream(slot).pipe(
    transactions(),
    ackAfter((tx) => tx.changes.flatMap((change) => (change.kind === 'insert' ? [Number(change.new['id'])] : []))),
    reconnect({
      initialDelay: 20,
      maxDelay: 50,
      attemptObserver: {
        next: ({ error }) => {
          if (error instanceof ServerError) errors.push(error);
        },
      },
    }),
  );
  return { ids: new Recorder(ids), errors };
}

it.each([
  {
    what: 'memory',
    sqlState: '53200',
    lower: (pid: number) => limit(pid, `--as=${addressSpaceOf(pid) + 3_000_000}`),
    sql: "INSERT INTO items SELECT g, repeat('x', 10000000) FROM generate_series(1, 2) g",
    count: 2,
  },
])(
  'a walsender that runs out of $what is tried again, and nothing is missing',
  async ({ sqlState, lower, sql, count }) => {
    const slot = await bed.slot();
    const { ids, errors } = reading(slot);
    await bed.sql('INSERT INTO items VALUES (0)');
    await ids.take(1);
    lower(await walsenderOf(slot));
    await bed.sql(sql);
    expect(await ids.take(count + 1)).toEqual(range(0, count));
    ids.unsubscribe();
    expect(errors[0]).toMatchObject({ code: 'SERVER_RESOURCES', retryable: true, sqlState });
    expect(errors[0]?.remedy).toContain('reconnect()');
    await bed.released(slot);
  },
);
