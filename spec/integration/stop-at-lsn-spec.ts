import { bufferCount, firstValueFrom, from, lastValueFrom, map, mergeMap, tap, toArray, type Observable } from 'rxjs';
import {
  ackAfter,
  stopAtLsn,
  transactions,
  type Lsn,
  type ReplicationMessage,
  type StatusUpdate,
  type Transaction,
} from '../../lib/index';
import { uniqueName } from '../support/server';
import { TestBed, ofKind } from './support/bed';

/** The ids that transactions have inserted, as a list for each. */
function idsOf(changes: Transaction): unknown[] {
  return changes.changes.map((change) => (change.kind === 'insert' ? change.new['id'] : change.kind));
}

describe('stopAtLsn', () => {
  let bed: TestBed;
  /** Positioned before three transactions of three rows each. */
  let slot: string;
  let commits: { commitLsn: Lsn; endLsn: Lsn }[];
  let end: Lsn;

  const ALL = [1, 2, 3].map((id) => [id, id, id]);

  beforeAll(async () => {
    bed = await TestBed.make(
      'stop',
      `CREATE TABLE marks (id int);
       CREATE TABLE unpublished (id int);
       CREATE PUBLICATION pub FOR TABLE marks;
       CREATE PUBLICATION idle;`,
    );
    slot = await bed.slot();
    for (const id of [1, 2, 3]) {
      await bed.sql(`INSERT INTO marks VALUES (${id}), (${id}), (${id})`);
      // WAL between the transactions, so that there are positions that belong to neither.
      await bed.sql('INSERT INTO unpublished VALUES (1)');
    }
    end = await bed.position();
    // Before 15, the server also sends empty transactions; transactions() drops them.
    commits = await firstValueFrom(
      bed.stream(slot, { confirm: false }).pipe(stopAtLsn(end), transactions(), toArray()),
    );
    expect(commits).toHaveLength(3);
  });

  afterAll(() => bed.drop());

  /** A copy of the slot. */
  async function copy(): Promise<string> {
    const name = uniqueName('slot');
    await bed.sql('SELECT pg_copy_logical_replication_slot($1, $2)', [slot, name]);
    return name;
  }

  /** The transactions from a position, or from the slot's, up to another. The slot does not move. */
  function look(from: Lsn | undefined, to: Lsn): Promise<unknown[][]> {
    return firstValueFrom(
      bed.stream(slot, { confirm: false, startLsn: from }).pipe(stopAtLsn(to), transactions(), map(idsOf), toArray()),
    );
  }

  /** Resumes a slot up to a position, and confirms what is delivered. */
  function goOn(name: string, to: Lsn): Promise<unknown[][]> {
    return firstValueFrom(
      bed.stream(name).pipe(
        stopAtLsn(to),
        transactions(),
        ackAfter((transaction) => [idsOf(transaction)]),
        toArray(),
      ),
    );
  }

  /** Positions around the second transaction, with the number of transactions before each. */
  function positions(): [what: string, at: Lsn, before: number][] {
    const [first, second] = commits as [(typeof commits)[0], (typeof commits)[0]];
    return [
      ['the first commit’s end', first.endLsn, 1],
      ['between two transactions', first.endLsn + 8n, 1],
      ['inside the second transaction', second.commitLsn - 40n, 1],
      ['the second commit', second.commitLsn, 1],
      ['inside the second commit record', second.commitLsn + 8n, 2],
      ['the second commit’s end', second.endLsn, 2],
      ['after everything', end, 3],
    ];
  }

  it('neither omits nor repeats a transaction between [A, B) and [B, C)', async () => {
    for (const [what, at, before] of positions()) {
      const [left, right] = [await look(undefined, at), await look(at, end)];
      expect({ what, left }).toEqual({ what, left: ALL.slice(0, before) });
      expect({ what, right }).toEqual({ what, right: ALL.slice(before) });
    }
  });

  it('does not move the slot with confirm: false', async () => {
    const name = await copy();
    const before = await bed.confirmed(name);
    for (const at of [commits[0]!.endLsn, commits[1]!.commitLsn, end]) {
      await firstValueFrom(
        bed.stream(name, { confirm: false }).pipe(
          stopAtLsn(at),
          tap((message) => message.ack()),
          toArray(),
        ),
      );
      expect(await bed.confirmed(name)).toBe(before);
    }
  });

  it('resumes where it stopped, and has confirmed exactly what it delivered', async () => {
    for (const [what, at, before] of positions()) {
      const name = await copy();
      expect({ what, left: await goOn(name, at) }).toEqual({ what, left: ALL.slice(0, before) });
      const confirmed = await bed.confirmed(name);
      expect(confirmed).toBeGreaterThanOrEqual(commits[before - 1]!.endLsn);
      if (before < commits.length) expect(confirmed).toBeLessThanOrEqual(commits[before]!.commitLsn);
      expect({ what, right: await goOn(name, end) }).toEqual({ what, right: ALL.slice(before) });
    }
  });

  it('stops directly after a WAL segment switch', async () => {
    const name = await bed.slot();
    await bed.sql('INSERT INTO marks VALUES (4)');
    await bed.sql('SELECT pg_switch_wal()');
    const at = await bed.position();
    expect(await goOn(name, at)).toEqual([[4]]);
    await bed.sql('INSERT INTO marks VALUES (5)');
    expect(await goOn(name, await bed.position())).toEqual([[5]]);
  });

  it('stops on an idle publication, beyond everything that was published', async () => {
    const name = await copy();
    const messages = await bed.readTo(name, end, { publications: ['idle'] });
    expect(ofKind(messages, 'insert')).toEqual([]);
    expect(await bed.confirmed(name)).toBeGreaterThanOrEqual(end);
  });

  it('stops immediately at a position that is already confirmed', async () => {
    const name = await copy();
    await goOn(name, end);
    await goOn(name, end);
    const before = await bed.confirmed(name);
    const updates: StatusUpdate[] = [];
    const statusObserver = { next: (update: StatusUpdate) => updates.push(update) };
    const messages = await bed.readTo(name, commits[0]!.endLsn, { statusObserver });
    expect(ofKind(messages, 'insert')).toEqual([]);
    // Some server versions move a slot back for a position before its own.
    expect(updates.filter(({ confirmedLsn }) => confirmedLsn > 0n && confirmedLsn < before)).toEqual([]);
    expect(await bed.confirmed(name)).toBeGreaterThanOrEqual(before);
  });

  it('waits for a position that the server has not reached, and stops before the transaction that contains it', async () => {
    const name = await bed.slot();
    await bed.sql('INSERT INTO marks VALUES (6)');
    const at = (await bed.position()) + 4_000n;
    const reached = goOn(name, at);
    await bed.sql('INSERT INTO marks SELECT 7 FROM generate_series(1, 200)');
    expect(await bed.position()).toBeGreaterThan(at);
    expect(await reached).toEqual([[6]]);
    expect(await goOn(name, await bed.position())).toEqual([Array.from({ length: 200 }, () => 7)]);
  });

  it('lets later buffers flush, and completes when everything is confirmed', async () => {
    const name = await bed.slot();
    for (let id = 100; id < 220; id++) await bed.sql(`INSERT INTO marks VALUES (${id})`);
    const at = await bed.position();

    const sizes = await lastValueFrom(
      bed.stream(name).pipe(
        stopAtLsn(at),
        transactions(),
        bufferCount(50),
        ackAfter((batch) => Promise.resolve([batch.length])),
        toArray(),
      ),
    );
    expect(sizes).toEqual([[50], [50], [20]]);
    expect(await bed.confirmed(name)).toBeGreaterThanOrEqual(at);
  });

  it('lets a later toArray() collect everything first', async () => {
    const name = await bed.slot();
    for (let id = 300; id < 320; id++) await bed.sql(`INSERT INTO marks VALUES (${id})`);
    const at = await bed.position();
    const acknowledgeAll = (all: readonly ReplicationMessage[]): Observable<ReplicationMessage> =>
      from(all).pipe(tap((message) => message.ack()));

    const messages = await firstValueFrom(
      bed.stream(name).pipe(stopAtLsn(at), toArray(), mergeMap(acknowledgeAll), toArray()),
    );
    expect(ofKind(messages, 'insert')).toHaveLength(20);
    await bed.confirmedAtLeast(name, ofKind(messages, 'commit').at(-1)!.endLsn);

    const again = await bed.slot();
    await bed.sql('INSERT INTO marks VALUES (400)');
    const end = await bed.position();
    await lastValueFrom(
      bed.stream(again).pipe(
        stopAtLsn(end),
        toArray(),
        ackAfter(() => Promise.resolve([])),
      ),
      {
        defaultValue: undefined,
      },
    );
    expect(await bed.confirmed(again)).toBeGreaterThanOrEqual(end);
  });
});
