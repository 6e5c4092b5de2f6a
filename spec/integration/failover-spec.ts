import type { Client } from 'pg';
import { firstValueFrom } from 'rxjs';
import {
  createSlot,
  logicalReplication,
  slotStatus,
  type ConnectionOptions,
  type PgoutputConfig,
} from '../../lib/index';
import { startStandby } from '../support/replica';
import { startServer, type TestServer } from '../support/server';
import { Follower, type FollowerOptions } from './support/follower';
import { waitForFailure, NUMBERS } from './support/life';
import { TestBed, waitUntil } from './support/bed';

/** Whether the consumer owns the position, the value of target_session_attrs, and whether a new process resumes. */
const CASES = [
  { slot: 'store_primary', stores: true, attrs: 'primary', later: false },
  { slot: 'slot_primary', stores: false, attrs: 'primary', later: false },
  { slot: 'slot_any', stores: false, attrs: 'any', later: false },
  { slot: 'store_read_write', stores: true, attrs: 'read-write', later: true },
  { slot: 'slot_read_write', stores: false, attrs: 'read-write', later: true },
];

/** The last number that is committed. */
const LAST = 1_000_000;

let primary: TestServer;
let standby: TestServer;
/** On the primary. */
let bed: TestBed;
const followers = new Map<string, Follower>();
const all: Follower[] = [];

/** From 17 on, standbys can synchronize slots. */
const copies = (): boolean => primary.version >= 17;

beforeAll(async () => {
  primary = await startServer({ localFiles: true });
  await primary.query(`SELECT pg_create_physical_replication_slot('standby')`);
  bed = await TestBed.make('failover', NUMBERS, primary);
  await bed.client.end();
  standby = await startStandby(primary, {
    primary_slot_name: 'standby',
    hot_standby_feedback: 'on',
    ...(copies() && { sync_replication_slots: 'on' }),
  });
  if (copies()) {
    // The walsender waits until the standby has received a commit.
    await primary.query(`ALTER SYSTEM SET synchronized_standby_slots = 'standby'`);
    await primary.query('SELECT pg_reload_conf()');
  }
  for (const { slot, stores, attrs } of CASES) {
    const ensureSlot = copies() ? { failover: true } : true;
    const config = { connection: hosts([primary, standby], attrs), slot, publications: ['pub'], statusInterval: 100 };
    followers.set(slot, follow({ ...config, ensureSlot }, { stores }));
  }
  await waitUntil(
    () => Promise.resolve([...followers.values()].map(({ opened }) => opened.length)),
    (counts) => counts.every((count) => count === 1),
  );
  await commit(primary, 1, 2, 3);
  for (const { recorder } of followers.values()) await recorder.take(3);
});

afterAll(async () => {
  for (const { recorder } of all) recorder.unsubscribe();
  await standby.dispose();
  await primary.dispose();
});

function follow(config: PgoutputConfig, options: FollowerOptions): Follower {
  const follower = new Follower(config, options);
  all.push(follower);
  return follower;
}

function hosts(servers: readonly TestServer[], attrs: string): ConnectionOptions {
  return {
    host: servers.map(({ host }) => host).join(','),
    port: servers.map(({ port }) => port).join(','),
    user: 'postgres',
    database: bed.database.name,
    target_session_attrs: attrs,
  };
}

const only = (server: TestServer): string => bed.database.url.replace(`:${primary.port}/`, `:${server.port}/`);

async function commit(on: TestServer, ...ids: number[]): Promise<void> {
  for (const id of ids) await on.query(`INSERT INTO numbers VALUES (${id})`, bed.database.name);
}

/** Waits until the standby has replayed everything that the primary has written. */
async function awaitStandby(): Promise<void> {
  const [written] = await primary.query<{ lsn: string }>('SELECT pg_current_wal_lsn() AS lsn');
  await waitUntil(
    () => standby.query<{ there: boolean }>(`SELECT pg_last_wal_replay_lsn() >= '${written!.lsn}' AS there`),
    ([row]) => row?.there === true,
  );
}

/** Commits increasing numbers, until the server stops, or the client is closed. */
async function commitAll(client: Client, from: number): Promise<void> {
  for (let id = from; ; id++) {
    try {
      await client.query('INSERT INTO numbers VALUES ($1)', [id]);
    } catch {
      return;
    }
  }
}

describe('target_session_attrs', () => {
  const [P, S] = ['primary', 'standby'] as const;
  const server = (name: typeof P | typeof S): TestServer => (name === P ? primary : standby);

  beforeAll(async () => {
    // Only one of them has the slot.
    await standby.query(`SELECT pg_create_physical_replication_slot('landmark')`);
  });

  async function reached(names: readonly (typeof P | typeof S)[], attrs: string): Promise<string> {
    const connection = hosts(names.map(server), attrs);
    const landmark = await firstValueFrom(slotStatus({ connection, slot: 'landmark' }));
    return landmark ? S : P;
  }

  it.each([
    ['any', P, S],
    ['read-write', P, P],
    ['read-only', S, S],
    ['primary', P, P],
    ['standby', S, S],
    ['prefer-standby', S, S],
  ])('%s selects the %s, or the %s if the standby is listed first', async (attrs, primaryFirst, standbyFirst) => {
    expect(await reached([P, S], attrs)).toBe(primaryFirst);
    expect(await reached([S, P], attrs)).toBe(standbyFirst);
  });

  it.each([
    ['any', S, ' will do'],
    ['read-write', S, ' is read-only'],
    ['read-only', P, ' is not read-only'],
    ['primary', S, ' is a standby'],
    ['standby', P, ' is not a standby'],
    ['prefer-standby', P, ' will do'],
  ] as const)('%s: if there is only the %s, it%s', async (attrs, name, otherwise) => {
    if (otherwise === ' will do') {
      expect(await reached([name], attrs)).toBe(name);
      return;
    }
    const { host, port } = server(name);
    const connection = hosts([server(name)], attrs);
    expect(await waitForFailure(slotStatus({ connection, slot: 'landmark' }))).toMatchObject({
      code: 'SESSION_ATTRS_MISMATCH',
      retryable: true,
      message: expect.stringContaining(`${host}:${port}${otherwise}.`),
    });
  });

  it('read-write skips a primary whose transactions are read-only, primary does not', async () => {
    const { name } = bed.database;
    await primary.query(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
    expect(
      await waitForFailure(slotStatus({ connection: hosts([primary], 'read-write'), slot: 'landmark' })),
    ).toMatchObject({
      code: 'SESSION_ATTRS_MISMATCH',
    });
    expect(await reached([P, S], 'primary')).toBe(P);
    expect(await reached([P, S], 'read-only')).toBe(P);
    await primary.query(`ALTER DATABASE ${name} RESET default_transaction_read_only`);
  });
});

describe('a failover slot', () => {
  it.each(CASES)('is synchronized to the standby, where it cannot be used: $slot', async ({ slot }) => {
    const config = { connection: only(standby), slot };
    if (!copies()) {
      const made = createSlot({ ...config, slot: 'other', failover: true });
      expect(await waitForFailure(made)).toMatchObject({ code: 'UNSUPPORTED' });
      expect(await firstValueFrom(slotStatus(config))).toBeUndefined();
      return;
    }
    await waitUntil(
      async () => {
        // Move the slot, so that the standby synchronizes it immediately.
        await primary.query('SELECT pg_log_standby_snapshot()');
        await standby.query('SELECT pg_reload_conf()');
        return firstValueFrom(slotStatus(config));
      },
      (copy) => copy?.temporary === false,
    );
    expect(await firstValueFrom(slotStatus(config))).toMatchObject({ failover: true, synced: true });
    expect(await waitForFailure(logicalReplication({ ...config, publications: ['pub'] }))).toMatchObject({
      code: 'SESSION_ATTRS_MISMATCH',
      retryable: true,
      message: expect.stringMatching(/ belongs to the primary and cannot be used while this server is a standby\. /),
    });
  });

  it('is waited for until the standby is promoted', async () => {
    const writer = await bed.database.client();
    const writing = commitAll(writer, 4);
    for (const { recorder } of followers.values()) await recorder.take(20);
    if (!copies()) {
      // Without synchronized_standby_slots, a stream can be ahead of the standby. Its checkpoint is then a mismatch after the
      // promotion.
      await writer.end();
      await writing;
      await awaitStandby();
    }
    await primary.stop('immediate');
    await writing;
    for (const { slot, attrs, later } of CASES) {
      const follower = followers.get(slot)!;
      const error = await follower.failed(attrs === 'any' ? 'SESSION_ATTRS_MISMATCH' : 'NO_SUITABLE_HOST');
      expect(error.retryable).toBe(true);
      if (later) follower.recorder.unsubscribe();
    }
    await standby.query('SELECT pg_promote()');
    await commit(standby, LAST - 1, LAST);
  });

  it.each(CASES)('resumes after the promotion, and nothing is lost: $slot', async ({ slot, stores, later }) => {
    const before = followers.get(slot)!;
    const { ensureSlot: _, ...config } = before.config;
    const follower = later ? follow(config, { stores, from: before.checkpoint! }) : before;
    followers.set(slot, follower);
    if (!copies()) {
      // The slot of the primary is gone, and with it the WAL that it kept.
      const code = later && !stores ? 'SLOT_MISSING' : 'SLOT_LOST';
      await expect(follower.recorder.completed()).rejects.toMatchObject({ code, retryable: false });
      return;
    }
    await follower.recorder.find((id) => id === LAST);
    const rows = await standby.query<{ id: number }>('SELECT id FROM numbers ORDER BY id', bed.database.name);
    const { values } = follower.recorder;
    const all = later ? [...before.recorder.values, ...values] : values;
    // The slot alone does not include the last acknowledgements.
    const once = stores || !later ? all : [...new Set(all)];
    expect(once).toEqual(rows.map(({ id }) => id));
    expect(follower.timelines).toEqual(later ? [2] : [1, 2]);
    expect(follower.checkpoint).toMatchObject({ timeline: 2 });
  });

  it('that was streamed from on the new timeline is rejected on the old one', async () => {
    const { config, checkpoint } = followers.get('store_primary')!;
    for (const { recorder } of all) recorder.unsubscribe();
    await primary.start();
    const connection = hosts([primary, standby], 'primary');
    const follower = follow({ ...config, connection }, { stores: true, from: checkpoint! });
    if (copies()) {
      await expect(follower.recorder.completed()).rejects.toMatchObject({
        code: 'CHECKPOINT_MISMATCH',
        message: expect.stringContaining("is of timeline 2, which is not in the history of this server's timeline 1"),
      });
    } else {
      await commit(primary, LAST + 1);
      await follower.recorder.find((id) => id === LAST + 1);
    }
  });
});
