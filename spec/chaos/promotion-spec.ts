import { Follower, type FollowerOptions } from '../integration/support/follower';
import { FaultProxy } from '../support/proxy';
import { startServer, type TestDatabase, type TestServer } from '../support/server';
import { promoteCopy } from './promote';

/** A consumer, with the proxy through which it connects to a server. */
class RedirectedFollower extends Follower {
  private constructor(
    readonly proxy: FaultProxy,
    connection: string,
    slot: string,
    options: FollowerOptions,
  ) {
    super({ connection, slot, publications: ['pub'] }, options);
    all.push(this);
  }

  static async start(database: TestDatabase, slot: string, options: FollowerOptions): Promise<RedirectedFollower> {
    const proxy = await FaultProxy.before(database.url);
    return new RedirectedFollower(proxy, proxy.through(database.url), slot, options);
  }

  /** Redirects the proxy to another server. */
  redirect(to: TestServer): void {
    this.proxy.target = to;
    this.proxy.refusing = false;
    this.proxy.cut('rst');
  }
}

let server: TestServer;
let promoted: TestServer;
let database: TestDatabase;
const followers = new Map<string, RedirectedFollower>();
const all: RedirectedFollower[] = [];

/** Where the position is stored, and whether the consumer switches before anything is written on the old timeline. */
const CASES = [
  { slot: 'slot_below', stores: false, below: true },
  { slot: 'store_below', stores: true, below: true },
  { slot: 'slot_above', stores: false, below: false },
  { slot: 'store_above', stores: true, below: false },
];

async function commit(on: TestServer, ...ids: number[]): Promise<void> {
  for (const id of ids) await on.query(`INSERT INTO numbers VALUES (${id})`, database.name);
}

beforeAll(async () => {
  server = await startServer({ localFiles: true });
  database = await server.createDatabase('promotion');
  await database.query('CREATE TABLE numbers (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE numbers');
  for (const { slot, stores } of CASES) {
    await database.query('SELECT pg_create_logical_replication_slot($1, $2)', [slot, 'pgoutput']);
    followers.set(slot, await RedirectedFollower.start(database, slot, { stores }));
  }
  await commit(server, 1, 2, 3);
  await Promise.all([...followers.values()].map(({ recorder }) => recorder.take(3)));
  // The new timeline begins after 3. Consumers that must be beyond it continue with the old server for a while.
  for (const { slot, below } of CASES) if (below) followers.get(slot)!.proxy.refusing = true;
  promoted = await promoteCopy(server);
  await commit(server, 4, 5);
  for (const { slot, below } of CASES) if (!below) await followers.get(slot)!.recorder.take(5);
  await commit(promoted, 6, 7);
  // Makes its WAL longer than that of the old timeline.
  await promoted.query('CREATE TABLE scratch AS SELECT generate_series(1, 1000)', database.name);
});

afterAll(async () => {
  for (const { recorder, proxy } of all) {
    recorder.unsubscribe();
    await proxy.close();
  }
  await Promise.all([server.dispose(), promoted.dispose()]);
});

const casesWhere = (below: boolean) => CASES.filter((one) => one.below === below);

it.each(casesWhere(true))(
  'a position before the timeline switch is resumed on the new timeline: $slot',
  async ({ slot }) => {
    const follower = followers.get(slot)!;
    follower.redirect(promoted);
    await follower.recorder.take(5);
    expect(follower.recorder.values).toEqual([1, 2, 3, 6, 7]);
    expect(follower.timelines).toEqual([1, 2]);
    expect(follower.checkpoint).toMatchObject({ timeline: 2, slot });
  },
);

it.each(casesWhere(false))(
  'a position beyond the timeline switch is an error, not a gap: $slot',
  async ({ slot, stores }) => {
    const follower = followers.get(slot)!;
    follower.redirect(promoted);
    await expect(follower.recorder.completed()).rejects.toMatchObject({
      code: stores ? 'CHECKPOINT_MISMATCH' : 'SLOT_LOST',
      retryable: false,
    });
    expect(follower.recorder.values).toEqual([1, 2, 3, 4, 5]);
  },
);

it('a stored checkpoint beyond the switch is CHECKPOINT_MISMATCH in a new process, too', async () => {
  const { checkpoint } = followers.get('store_above')!;
  const follower = await RedirectedFollower.start(database, 'store_above', { stores: true, from: checkpoint! });
  follower.redirect(promoted);
  await expect(follower.recorder.completed()).rejects.toMatchObject({ code: 'CHECKPOINT_MISMATCH', retryable: false });
  expect(follower.recorder.values).toEqual([]);
});
