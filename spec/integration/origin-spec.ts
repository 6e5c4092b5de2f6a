import type { Client } from 'pg';
import { uniqueName } from '../support/server';
import { waitForFailure } from './support/life';
import { TestBed } from './support/bed';
import { insert, Live, MANY, read, streamingWays, STREAMED, streamOf, TABLES, tick, WHOLE } from './support/streamed';

let bed: TestBed;
let replica: Client;
// Replication origins are shared by the whole cluster.
const origin = uniqueName('origin');

beforeAll(async () => {
  bed = await TestBed.make('origin', TABLES);
  replica = await bed.database.client();
  await bed.sql('SELECT pg_replication_origin_create($1)', [origin]);
  await replica.query('SELECT pg_replication_origin_session_setup($1)', [origin]);
});

afterEach(() => Live.end());

afterAll(async () => {
  await replica.query('SELECT pg_replication_origin_session_reset()');
  await bed.sql('SELECT pg_replication_origin_drop($1)', [origin]);
  await bed.drop();
});

/** Transactions of this server, and of a replicated one: a small and a streamed one of each. */
async function mixed(step: () => Promise<void>): Promise<void> {
  await bed.sql('TRUNCATE rows');
  await bed.sql(insert(1, 3));
  await replica.query('BEGIN');
  await replica.query(`SELECT pg_replication_origin_xact_setup('0/ABC', '2020-02-02 02:02:02.5+00')`);
  await replica.query(insert(4, 6));
  await replica.query('COMMIT');
  await replica.query('BEGIN');
  await replica.query(insert(1001));
  await step();
  await replica.query(insert(2001));
  await replica.query('COMMIT');
  await bed.sql(insert(3001));
  await step();
}

const REPLICATED = [
  [3, origin],
  [2 * MANY, origin],
] as const;
const OWN = [
  [1, undefined],
  [3, undefined],
  [MANY, undefined],
] as const;

/** The transactions without keepalives, in commit order. */
const sizesOf = ({ transactions }: Pick<Live, 'transactions'>) =>
  transactions
    .filter(({ changes: [first] }) => !(first && 'table' in first && first.table === 'ticks'))
    .map((tx) => [tx.size, tx.origin]);

it('a replicated transaction has its origin, however it is sent', async () => {
  const slot = await bed.slot();
  const lives = await Live.inAllWays(bed);
  await mixed(() => tick(bed, lives));
  const whole = await read(bed, slot, WHOLE, await bed.position());
  expect(sizesOf(whole)).toEqual([OWN[0], OWN[1], ...REPLICATED, OWN[2]]);
  expect(whole.transactions.find(({ origin: from }) => from === origin)?.commitTime).toEqual(
    new Date('2020-02-02T02:02:02.5Z'),
  );
  for (const { transactions, counts } of lives) {
    expect(counts['streamCommit']).toBeGreaterThanOrEqual(2);
    expect(transactions).toStrictEqual(whole.transactions);
  }
});

it("origin: 'any' delivers it, and origin: 'none', from PostgreSQL 16 on, omits it", async () => {
  const any = await Live.of(bed, STREAMED, { config: { origin: 'any' } });
  if (bed.server.version < 16) {
    const error = await waitForFailure(streamOf(bed, await bed.slot(), STREAMED, { origin: 'none' }));
    expect(error).toMatchObject({ code: 'UNSUPPORTED', retryable: false });
    expect(error.message).toContain("origin: 'none' needs PostgreSQL 16");
    await mixed(() => tick(bed, [any]));
    expect(sizesOf(any)).toEqual([OWN[0], OWN[1], ...REPLICATED, OWN[2]]);
    return;
  }
  const lives: Live[] = [];
  for (const way of [WHOLE, ...streamingWays(bed.server.version)]) {
    lives.push(await Live.of(bed, way, { config: { origin: 'none' } }));
  }
  await mixed(() => tick(bed, [any, ...lives]));
  expect(sizesOf(any)).toEqual([OWN[0], OWN[1], ...REPLICATED, OWN[2]]);
  for (const live of lives) {
    expect(sizesOf(live)).toEqual(OWN);
    // Omitted transactions do not hold the slot back.
    await bed.confirmedAtLeast(live.slot, live.transactions.at(-1)!.endLsn);
  }
});
