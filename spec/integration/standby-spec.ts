import { setTimeout as delay } from 'node:timers/promises';
import { firstValueFrom, tap } from 'rxjs';
import { createSlot, logicalReplication, parseLsn, slotStatus, type Checkpoint } from '../../lib/index';
import { startStandby } from '../support/replica';
import { startServer, uniqueName, type TestServer } from '../support/server';
import { Follower, type FollowerOptions } from './support/follower';
import { waitForFailure, marked, measureConnectTimeout, waitForNoBackends, NUMBERS } from './support/life';
import { TestBed, waitUntil } from './support/bed';

let primary: TestServer;
let standby: TestServer;
const followers: Follower[] = [];
/** On the primary. */
let bed: TestBed;
/** The same database, on the standby. */
let url: string;
/** A slot that was part of the copied data folder. */
let copied: string;

beforeAll(async () => {
  primary = await startServer({ localFiles: true });
  bed = await TestBed.make('standby', NUMBERS, primary);
  copied = await bed.slot();
  await bed.client.end();
  standby = await startStandby(primary);
  // The original slot would keep the rows that the conflict is about.
  await primary.query(`SELECT pg_drop_replication_slot('${copied}')`);
  url = bed.database.url.replace(`:${primary.port}/`, `:${standby.port}/`);
});

afterAll(async () => {
  for (const { recorder } of followers) recorder.unsubscribe();
  await standby.dispose();
  await primary.dispose();
});

/** From 16 on. */
const decodes = (): boolean => standby.version >= 16;

/** The errors of a stream before 16, with a slot and without. */
async function expectUnsupported(): Promise<void> {
  for (const slot of [copied, uniqueName('slot')]) {
    const config = { connection: url, slot, publications: ['pub'], ensureSlot: true };
    expect(await waitForFailure(logicalReplication(config))).toMatchObject({
      code: 'UNSUPPORTED',
      retryable: false,
      message: expect.stringMatching(/^Streaming from a standby needs PostgreSQL 16; this server is 1\d\.\d+\./),
    });
  }
}

async function commit(on: TestServer, ...ids: number[]): Promise<void> {
  for (const id of ids) await on.query(`INSERT INTO numbers VALUES (${id})`, bed.database.name);
}

/** Slot creation on a standby waits until the primary logs its running transactions. */
async function whileLogging<T>(outcome: Promise<T>): Promise<T> {
  const ended = outcome.then(() => true);
  while (!(await Promise.race([ended, delay(20, false)]))) await primary.query('SELECT pg_log_standby_snapshot()');
  return outcome;
}

/** Slots, named by their purpose. */
async function ownSlot(name: string): Promise<string> {
  const slot = uniqueName(name);
  await whileLogging(firstValueFrom(createSlot({ connection: url, slot })));
  return slot;
}

/** Promotes the standby, which then commits 11. */
async function promote(): Promise<void> {
  await primary.stop('fast');
  await standby.query('SELECT pg_promote()');
  await commit(standby, 11);
}

/** Resolves when the server has received a follower's confirmations. */
async function confirmed({ slot, checkpoint }: Follower): Promise<void> {
  const end = parseLsn(checkpoint!.endLsn);
  await waitUntil(
    () => firstValueFrom(slotStatus({ connection: url, slot })),
    (status) => (status?.confirmedFlushLsn ?? 0n) >= end,
  );
}

function follow(slot: string, options?: FollowerOptions): Follower {
  const follower = new Follower({ connection: url, slot, publications: ['pub'], ensureSlot: true }, options);
  followers.push(follower);
  return follower;
}

describe('a slot on a standby', () => {
  it('is created once the open transactions of the primary have ended, however long that takes', async () => {
    const slot = uniqueName('slot');
    const { name, connection } = marked(url);
    const connectTimeout = await measureConnectTimeout(url);
    const creation = createSlot({ connection, slot, connectTimeout });
    if (!decodes()) {
      expect(await waitForFailure(creation)).toMatchObject({ code: 'UNSUPPORTED', retryable: false });
      return;
    }
    const writer = await bed.database.client();
    await writer.query('BEGIN; CREATE TABLE scratch ()');
    const heard: string[] = [];
    const made = creation.pipe(tap(() => heard.push('made')));
    const abandoned = marked(url);
    const other = createSlot({ connection: abandoned.connection, slot: uniqueName('slot') }).subscribe();
    const outcome = firstValueFrom(made);
    await whileLogging(delay(connectTimeout * 1.5));
    expect(heard).toEqual([]);

    other.unsubscribe();
    await waitForNoBackends(standby, abandoned.name);
    await writer.query('COMMIT');
    expect(await whileLogging(outcome)).toMatchObject({ name: slot, plugin: 'pgoutput' });
    expect(await standby.query(`SELECT slot_name FROM pg_replication_slots ORDER BY slot_name`)).toEqual(
      [copied, slot].sort().map((slot_name) => ({ slot_name })),
    );
    await waitForNoBackends(standby, name);
  });

  it('is created by ensureSlot, delivers, and advances with acknowledgements', async () => {
    if (!decodes()) return expectUnsupported();
    const slot = uniqueName('ensured');
    const follower = follow(slot);
    await whileLogging(
      waitUntil(
        () => Promise.resolve(follower.opened),
        ({ length }) => length === 1,
      ),
    );
    expect(follower.opened[0]).toMatchObject({ slotCreated: true, standby: true, timeline: 1 });
    await commit(primary, 1, 2);
    expect(await follower.recorder.take(2)).toEqual([1, 2]);
    expect(follower.checkpoint).toEqual({
      systemId: follower.opened[0]!.systemId,
      timeline: 1,
      slot,
      standby: true,
      endLsn: expect.any(String),
    });
    await confirmed(follower);
    follower.recorder.unsubscribe();
  });

  it('is resumed when the standby has restarted, and still has to replay what was already delivered', async () => {
    if (!decodes()) return expectUnsupported();
    const consumers = [follow(await ownSlot('slot')), follow(await ownSlot('store'), { stores: true })];
    await commit(primary, 3);
    for (const { recorder } of consumers) await recorder.take(1);

    await standby.query(`ALTER SYSTEM SET recovery_min_apply_delay = '1h'`);
    await standby.restart('immediate');
    for (const consumer of consumers) await consumer.failed('SESSION_ATTRS_MISMATCH');
    await standby.query('ALTER SYSTEM RESET recovery_min_apply_delay');
    await standby.query('SELECT pg_reload_conf()');
    await commit(primary, 4);
    for (const { recorder } of consumers) {
      expect(await recorder.take(2)).toEqual([3, 4]);
      recorder.unsubscribe();
    }
  });

  it('that recovery invalidates is SLOT_INVALIDATED, during the stream and later', async () => {
    if (!decodes()) return expectUnsupported();
    const slot = await ownSlot('conflict');
    const follower = follow(slot);
    await commit(primary, 5);
    await follower.recorder.take(1);
    // Without hot_standby_feedback, the catalog rows required for decoding are removed.
    for (const sql of ['CREATE TABLE fleeting ()', 'DROP TABLE fleeting', 'VACUUM pg_class']) {
      await bed.database.query(sql);
    }
    await expect(follower.recorder.completed()).rejects.toMatchObject({ code: 'SLOT_INVALIDATED', retryable: false });
    expect(follower.codes).toEqual(['CANCELLED']);
    const later = await waitForFailure(logicalReplication({ connection: url, slot, publications: ['pub'] }));
    expect(later).toMatchObject({ code: 'SLOT_INVALIDATED', retryable: false });
    expect(later.message).toMatch(standby.version < 17 ? /conflicted with recovery/ : /\(rows_removed\)/);
  });
});

describe('a standby that is promoted', () => {
  /** A position beyond the timeline switch, as of a stream from before the promotion. */
  let stored: Checkpoint | undefined;
  let unread: string;

  it('is streamed from by an observable that resumes on its next subscription', async () => {
    if (!decodes()) {
      await expectUnsupported();
      await promote();
      const late = follow(copied);
      await late.recorder.find((id) => id === 11);
      expect(late.opened).toMatchObject([{ timeline: 2, standby: false, slotCreated: false }]);
      return;
    }
    unread = await ownSlot('unread');
    const bySlot = follow(await ownSlot('slot'));
    const byStore = follow(await ownSlot('store'), { stores: true });
    await commit(primary, 10);
    for (const { recorder } of [bySlot, byStore]) await recorder.take(1);
    await promote();
    for (const follower of [bySlot, byStore]) {
      expect(await follower.recorder.take(2)).toEqual([10, 11]);
      // The server does not notify a stream.
      expect([follower.timelines, follower.checkpoint]).toMatchObject([[1], { timeline: 1, standby: true }]);
      await confirmed(follower);
    }
    byStore.recorder.unsubscribe();
    stored = byStore.checkpoint;

    await standby.query(
      `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '${bySlot.slot}'`,
    );
    await commit(standby, 12);
    expect(await bySlot.recorder.take(3)).toEqual([10, 11, 12]);
    expect([bySlot.timelines, bySlot.codes]).toEqual([[1, 2], ['SERVER_SHUTDOWN']]);
    expect(bySlot.checkpoint).toMatchObject({ timeline: 2 });
    expect(bySlot.checkpoint).not.toHaveProperty('standby');
  });

  it('accepts a stored position of such a stream, but not one beyond the switch that was read elsewhere', async () => {
    expect(stored !== undefined).toBe(decodes());
    if (!stored) return;
    // Of a primary that the standby had not caught up with.
    const { standby: _, ...ofPrimary } = stored;
    // Of another standby with a slot of that name.
    const ofStandby = { ...stored, slot: unread };
    for (const from of [ofPrimary, ofStandby]) {
      const { recorder } = follow(from.slot, { stores: true, from });
      await expect(recorder.completed()).rejects.toMatchObject({
        code: 'CHECKPOINT_MISMATCH',
        message: expect.stringContaining('where this server switched from timeline 1 to the next'),
      });
    }
    const follower = follow(stored.slot, { stores: true, from: stored });
    await commit(standby, 13);
    expect(await follower.recorder.take(2)).toEqual([12, 13]);
    expect(follower.opened).toMatchObject([{ timeline: 2, standby: false }]);
  });
});
