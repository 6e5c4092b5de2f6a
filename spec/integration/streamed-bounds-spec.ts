import type { Client } from 'pg';
import { Subject, tap } from 'rxjs';
import { stopOn, type Lsn, type StreamAbortMessage } from '../../lib/index';
import { TestBed } from './support/bed';
import {
  insert,
  Live,
  watchSpools,
  read,
  STREAMED,
  streamingWays,
  TABLES,
  tick,
  type Reading,
  type StreamedMessage,
} from './support/streamed';

const SPOOLED = { transactions: { maxBytes: 1000 } };

let bed: TestBed;
let a: Client;
let b: Client;

beforeAll(async () => {
  bed = await TestBed.make('stream_bounds', TABLES);
  a = await bed.database.client();
  b = await bed.database.client();
});

afterEach(async () => {
  Live.end();
  for (const client of [a, b]) await client.query('ROLLBACK');
  await bed.sql('TRUNCATE rows');
});

afterAll(() => bed.drop());

const xidsOf = ({ transactions }: Pick<Reading, 'transactions'>): number[] => transactions.map(({ xid }) => xid);

it('stopAtLsn() separates streamed transactions by their commits, wherever their blocks are', async () => {
  const spools = watchSpools();
  const slots: string[] = [];
  for (let i = 0; i < 10; i++) slots.push(await bed.slot());
  const positions: Lsn[] = [];
  await a.query('BEGIN');
  await a.query(insert(1));
  await b.query('BEGIN');
  await b.query(insert(1001));
  positions.push(await bed.position());
  await bed.sql(insert(-1, -1));
  await b.query(insert(2001));
  await b.query('COMMIT');
  await bed.sql(insert(-2, -2));
  positions.push(await bed.position());
  await a.query(insert(3001));
  await a.query('COMMIT');
  const end = await bed.position();

  const whole = await read(bed, slots.pop()!, STREAMED, end, { ...SPOOLED, config: { confirm: false } });
  expect(whole.transactions.map(({ size }) => size)).toEqual([1, 800, 1, 800]);
  expect(whole.counts['streamStart']).toBeGreaterThan(3);
  positions.push(...whole.transactions.flatMap(({ commitLsn, endLsn }) => [commitLsn, endLsn]).slice(0, -1));
  expect(positions.length).toBeLessThanOrEqual(slots.length);
  for (const [i, position] of positions.entries()) {
    const before = await read(bed, slots[i]!, STREAMED, position, SPOOLED);
    expect(spools()).toBe(0);
    expect(xidsOf(before)).toEqual(
      xidsOf({ transactions: whole.transactions.filter((tx) => tx.commitLsn < position) }),
    );
    const after = await read(bed, slots[i]!, STREAMED, end, SPOOLED);
    expect([...xidsOf(before), ...xidsOf(after)]).toEqual(xidsOf(whole));
  }
});

it('stopOn() leaves an open streamed transaction to the next subscription', async () => {
  const spools = watchSpools();
  const asked = new Subject<void>();
  const live = await Live.of(bed, STREAMED, { ...SPOOLED, above: stopOn<StreamedMessage>(asked) });
  await a.query('BEGIN');
  await a.query(insert(1));
  await tick(bed, [live]);
  expect(spools()).toBe(1);
  asked.next();
  await live.completed();
  expect(spools()).toBe(0);
  await bed.confirmedAtLeast(live.slot, live.transactions.at(-1)!.endLsn);
  await a.query('COMMIT');
  const rest = await read(bed, live.slot, STREAMED, await bed.position());
  expect(rest.transactions.map(({ size }) => size)).toEqual([400]);
});

it("with streaming: 'parallel', an abort has its LSN and time", async () => {
  const ways = streamingWays(bed.server.version);
  const aborts = ways.map(() => [] as StreamAbortMessage[]);
  const lives: Live[] = [];
  for (const [i, way] of ways.entries()) {
    const above = tap<StreamedMessage>((message) => {
      if (message.kind === 'streamAbort') aborts[i]?.push(message);
    });
    lives.push(await Live.of(bed, way, { above }));
  }
  await a.query('BEGIN');
  await a.query(insert(1));
  await a.query('SAVEPOINT s');
  await a.query(insert(1001));
  await tick(bed, lives);
  const before = await bed.position();
  await a.query('ROLLBACK TO s');
  await a.query('ROLLBACK');
  await tick(bed, lives);
  for (const [i, { streaming }] of ways.entries()) {
    const told = aborts[i] ?? [];
    // First the savepoint, then the whole transaction.
    expect(told.map(({ xid, subxid }) => xid === subxid)).toEqual([false, true]);
    for (const { abortLsn, abortTime } of told) {
      expect(typeof abortLsn).toBe(streaming === 'parallel' ? 'bigint' : 'undefined');
      if (streaming !== 'parallel') continue;
      expect(abortLsn).toBeGreaterThanOrEqual(before);
      expect(Math.abs((abortTime?.getTime() ?? 0) - Date.now())).toBeLessThan(60_000);
    }
  }
});
