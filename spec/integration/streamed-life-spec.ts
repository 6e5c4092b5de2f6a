import type { Client } from 'pg';
import { parseLsn, reconnect } from '../../lib/index';
import { FaultProxy } from '../support/proxy';
import { marked } from './support/life';
import { TestBed, waitUntil } from './support/bed';
import {
  connectionOf,
  insert,
  Live,
  watchSpools,
  read,
  STREAMED,
  TABLES,
  tick,
  WHOLE,
  type StreamedMessage,
} from './support/streamed';

/** Settings with which every streamed transaction is spooled. */
const SPOOLED = { transactions: { maxBytes: 1000 } };

let bed: TestBed;
let proxy: FaultProxy;
let a: Client;
let spools: () => number;

beforeAll(async () => {
  bed = await TestBed.make('stream_life', TABLES);
  proxy = await FaultProxy.before(bed.database.url);
  a = await bed.database.client();
  spools = watchSpools();
});

afterEach(async () => {
  Live.end();
  await a.query('ROLLBACK');
  await bed.sql('TRUNCATE rows');
});

afterAll(async () => {
  await proxy.close();
  await bed.drop();
});

/** The xid of the transaction. */
async function begin(): Promise<number> {
  await a.query('BEGIN');
  const { rows } = await a.query<{ xid: string }>('SELECT pg_current_xact_id()::xid::text AS xid');
  return Number(rows[0]?.xid);
}

const ofRows = ({ transactions }: Live): number[] =>
  transactions
    .filter(({ changes: [first] }) => first && 'table' in first && first.table === 'rows')
    .map(({ size }) => size);

it('an open streamed transaction does not hold back confirmation of others', async () => {
  const live = await Live.of(bed, STREAMED, SPOOLED);
  const xid = await begin();
  await a.query(insert(1));
  const start = await bed.position();
  for (let i = 0; i < 3; i++) {
    await tick(bed, [live]);
    const { commitLsn } = live.transactions.at(-1)!;
    await bed.confirmedAtLeast(live.slot, commitLsn);
    await a.query(insert(1001 + i * 1000));
  }
  expect(live.counts['streamStart']).toBeGreaterThan(2);
  expect(spools()).toBe(1);
  const [slot] = await bed.sql<{ restart: string }>(
    'SELECT restart_lsn::text AS restart FROM pg_replication_slots WHERE slot_name = $1',
    [live.slot],
  );
  // Its WAL is kept, because it must be sent again after a lost connection.
  expect(parseLsn(slot?.restart ?? '')).toBeLessThan(start);

  await a.query('COMMIT');
  await live.came(xid);
  await bed.confirmedAtLeast(live.slot, live.transactions.at(-1)!.endLsn);
  expect(spools()).toBe(0);
});

it('a transaction that is aborted as a whole leaves no spool file', async () => {
  const live = await Live.of(bed, STREAMED, SPOOLED);
  await begin();
  await a.query(insert(1));
  await tick(bed, [live]);
  expect(spools()).toBe(1);
  await a.query('ROLLBACK');
  await tick(bed, [live]);
  expect(live.counts['streamAbort']).toBe(1);
  expect(spools()).toBe(0);
  expect(ofRows(live)).toEqual([]);
  await bed.confirmedAtLeast(live.slot, live.transactions.at(-1)!.endLsn);
});

it('unsubscribing during a transaction leaves no spool file', async () => {
  const live = await Live.of(bed, STREAMED, SPOOLED);
  await begin();
  await a.query(insert(1));
  await tick(bed, [live]);
  expect(spools()).toBe(1);
  live.unsubscribe();
  expect(spools()).toBe(0);
});

const again = { initialDelay: 1, attemptObserver: { next: () => undefined } };

const PLACES = [
  ['after ackAfter', { below: reconnect<Live['transactions'][number]>(again) }],
  ['on the flat stream', { above: reconnect<StreamedMessage>(again) }],
] as const;

describe.each(PLACES)('reconnect() %s', (_place, options) => {
  /** A stream within an open transaction, and a function that ends its connection. */
  async function midway() {
    const { name, connection } = marked(proxy.through(bed.database.url), connectionOf(bed, STREAMED));
    // Operators before transactions() do not see the end of a session; the next message reveals it.
    const live = await Live.of(bed, STREAMED, {
      ...SPOOLED,
      ...options,
      config: { connection: { ...connection, connectionString: proxy.through(bed.database.url) }, statusInterval: 50 },
    });
    const xid = await begin();
    await a.query(insert(1));
    await tick(bed, [live]);
    expect(live.counts['streamStart']).toBeGreaterThan(0);
    expect(spools()).toBe(1);
    const cuts = {
      terminated: () =>
        bed.sql('SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1', [live.slot]),
      destroyed: () => {
        proxy.cut('rst');
        return Promise.resolve();
      },
    };
    return { live, xid, cuts, name };
  }

  it.each(['terminated', 'destroyed'] as const)(
    'delivers it whole, and once, after a connection is %s within it',
    async (how) => {
      const { live, xid, cuts } = await midway();
      await cuts[how]();
      await a.query(insert(1001));
      await tick(bed, [live]);
      await cuts[how]();
      await a.query(insert(2001));
      await a.query('COMMIT');
      await live.came(xid);
      await tick(bed, [live]);
      expect(ofRows(live)).toEqual([1200]);
      expect(new Set(live.transactions.map((tx) => tx.xid)).size).toBe(live.transactions.length);
      expect(spools()).toBe(0);
    },
  );

  it('delivers it whole if it is committed while disconnected', async () => {
    const { live, xid } = await midway();
    proxy.refusing = true;
    proxy.cut('rst');
    await a.query(insert(1001));
    await a.query('COMMIT');
    proxy.refusing = false;
    await live.came(xid);
    expect(ofRows(live)).toEqual([800]);
    expect(spools()).toBe(0);
  });

  it('leaves nothing of it if it is aborted while disconnected', async () => {
    const { live } = await midway();
    proxy.refusing = true;
    proxy.cut('rst');
    await a.query('ROLLBACK');
    proxy.refusing = false;
    // Only keepalives are received.
    await waitUntil(
      () => Promise.resolve(spools()),
      (count) => count === 0,
    );
    await tick(bed, [live]);
    expect(ofRows(live)).toEqual([]);
  });
});

it('logical messages of a rolled-back savepoint are emitted where they were streamed, because the server does not mark them', async () => {
  const config = { messages: true };
  const live = await Live.of(bed, STREAMED, { config });
  const slot = await bed.slot();
  const xid = await begin();
  await a.query('SAVEPOINT s');
  await a.query(`SELECT pg_logical_emit_message(true, 'p', 'rolled back')`);
  await a.query(insert(1));
  await tick(bed, [live]);
  await a.query('ROLLBACK TO s');
  await a.query(`SELECT pg_logical_emit_message(true, 'p', 'kept')`);
  await a.query('COMMIT');
  await live.came(xid);
  const whole = await read(bed, slot, WHOLE, await bed.position(), { config });
  const contents = ({ transactions }: Pick<Live, 'transactions'>): (string | number)[] =>
    transactions
      .filter((tx) => tx.xid === xid)
      .flatMap(({ changes }) =>
        changes.map((change) => (change.kind === 'message' ? change.content.toString() : change.ordinal)),
      );
  expect(contents(whole)).toEqual(['kept']);
  expect(contents(live)).toEqual(['rolled back', 'kept']);
});
