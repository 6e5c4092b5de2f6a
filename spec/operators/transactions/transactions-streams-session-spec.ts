import { of, retry } from 'rxjs';
import { reconnect } from '../../../lib/operators/reconnect/reconnect';
import { transactions } from '../../../lib/operators/transactions/transactions';
import {
  buildBegin,
  buildCommit,
  buildInsert,
  buildLogicalMessage,
  buildRelation,
  buildStreamAbort,
  buildStreamCommit,
  buildStreamPrepare,
} from '../../../lib/testing/payloads';
import { block, firstBlock } from '../../pgoutput/support/blocks';
import { Clock } from '../../support/clock';
import { FakeBackend, transaction } from '../../support/fake-backend';
import { names, record, streamingAny } from '../../support/streaming';
import { captureError } from '../../support/capture-error';
import { Spools } from '../support/spools';

const row = (id: number, text = `row ${id}`): Buffer => buildInsert([String(id), text]);
const rows = (count: number): Buffer[] => Array.from({ length: count }, (_, id) => row(id));

let clock: Clock;
let server: FakeBackend;
let spools: Spools;

beforeEach(() => {
  clock = new Clock();
  server = new FakeBackend(clock);
  spools = new Spools();
});

afterEach(() => {
  spools.end();
});

function started(config: Parameters<typeof streamingAny>[1] = {}) {
  const heard = record(streamingAny(server, { streaming: 'on', ...config }).pipe(transactions(spools.options)));
  clock.advance();
  return heard;
}

/** The slot's position after feedback has been sent. */
function confirmed(): bigint {
  clock.advance(10);
  return server.slot().confirmed;
}

describe('transactions in blocks, in a session', () => {
  it('are requested', () => {
    for (const [streaming, options] of [
      ['on', "proto_version '2', publication_names '\"orders_pub\"', streaming 'on'"],
      ['parallel', "proto_version '4', publication_names '\"orders_pub\"', streaming 'parallel'"],
    ] as const) {
      const { subscription } = started({ streaming });
      expect(server.last.queries.at(-1)).toContain(`(${options})`);
      subscription.unsubscribe();
      clock.advance(100);
    }
  });

  it('are confirmed in the order of their commits, each as a whole', () => {
    const { values, subscription } = started();
    server.last.push(
      ...firstBlock(700, buildRelation(), row(1)),
      ...firstBlock(800, buildRelation(), row(2)),
      ...transaction({ commitLsn: 0x100n }).payloads,
      buildStreamCommit({ xid: 800, commitLsn: 0x200n }),
      buildStreamCommit({ xid: 700, commitLsn: 0x300n }),
    );
    expect(values.map(({ xid }) => xid)).toEqual([700, 800, 700]);
    expect(values[2]?.ack()).toBe(true);
    expect(confirmed()).toBe(0x80n);
    values[0]?.ack();
    expect(confirmed()).toBe(0x130n);
    const { ack } = values[1]!;
    expect(ack()).toBe(true);
    expect(confirmed()).toBe(0x330n);
    expect([spools.open, spools.made]).toEqual([[], 1]);
    subscription.unsubscribe();
  });

  it('hold back nothing while they are open: other transactions, messages and keepalives are confirmed', () => {
    const { values, subscription } = started();
    server.last.push(...firstBlock(700, buildRelation(), row(1)));
    server.commit(transaction({ commitLsn: 0x100n }));
    values[0]?.ack();
    expect(confirmed()).toBe(0x130n);
    server.last.push(buildLogicalMessage({ transactional: false, lsn: 0x180n }));
    expect(confirmed()).toBe(0x180n);
    server.last.keepalive(0x200n);
    expect(confirmed()).toBe(0x200n);
    server.last.push(buildStreamCommit({ commitLsn: 0x300n }));
    server.last.keepalive(0x400n);
    expect(confirmed()).toBe(0x200n);
    values[1]?.ack();
    expect(confirmed()).toBe(0x400n);
    subscription.unsubscribe();
  });

  it('are acknowledged automatically if they have no remaining changes', () => {
    const { values, subscription } = started();
    server.last.push(...firstBlock(700), buildStreamCommit({ commitLsn: 0x100n }));
    expect(confirmed()).toBe(0x130n);
    server.last.push(...firstBlock(700, buildRelation(), [701, row(1)]), buildStreamAbort({ subxid: 701 }));
    server.last.push(buildStreamCommit({ commitLsn: 0x200n }));
    expect(confirmed()).toBe(0x230n);
    server.last.push(...firstBlock(700, buildRelation(), row(1)), buildStreamAbort());
    server.last.keepalive(0x300n);
    expect(confirmed()).toBe(0x300n);
    expect(values).toEqual([]);
    expect(spools.open).toEqual([]);
    subscription.unsubscribe();
  });

  it('are received completely although they exceed the window, and then count with the part that is in memory', () => {
    const bytes: number[] = [];
    const heard = record(
      streamingAny(server, {
        streaming: 'on',
        maxUnacked: 2,
        maxUnackedBytes: 10_000,
        statusInterval: 5,
        statusObserver: { next: ({ unackedBytes }) => bytes.push(unackedBytes) },
      }).pipe(transactions({ maxBytes: 100_000, spoolDirectory: spools.folder })),
    );
    clock.advance();
    server.last.push(
      ...firstBlock(700, buildRelation(), ...rows(10)),
      ...firstBlock(800, buildRelation(), ...rows(20_000)),
    );
    clock.advance(1000);
    expect([heard.values.length, spools.open.length, bytes.at(-1)]).toEqual([0, 1, 0]);
    server.last.push(buildStreamCommit({ xid: 700, commitLsn: 0x100n }));
    clock.advance(10);
    expect(bytes.at(-1)).toBeGreaterThan(300);
    expect(bytes.at(-1)).toBeLessThan(1000);
    heard.values[0]?.ack();
    server.last.push(buildStreamCommit({ xid: 800, commitLsn: 0x200n }));
    clock.advance(10);
    expect(heard.values.map((unit) => 'size' in unit && unit.size)).toEqual([10, 20_000]);
    // A block of the file, not its size of a megabyte.
    expect(bytes.at(-1)).toBeGreaterThan(250_000);
    expect(bytes.at(-1)).toBeLessThan(300_000);
    heard.values[1]?.ack();
    clock.advance(10);
    expect([bytes.at(-1), confirmed()]).toEqual([0, 0x230n]);
    heard.subscription.unsubscribe();
  });

  it('count with the size of a change that is larger than a block of the file', () => {
    const bytes: number[] = [];
    const statusObserver = { next: ({ unackedBytes }: { unackedBytes: number }) => bytes.push(unackedBytes) };
    const { values, subscription } = started({ statusInterval: 5, statusObserver });
    server.last.push(...firstBlock(700, buildRelation(), row(1, 'x'.repeat(600_000)), row(2)), buildStreamCommit());
    clock.advance(10);
    expect([spools.open.length, bytes.at(-1)]).toEqual([1, expect.closeTo(600_200, -3)]);
    values[0]?.ack();
    subscription.unsubscribe();
  });

  it('fill the window if they are not acknowledged, so that reading pauses', () => {
    const { values, subscription } = started({ maxUnacked: 2 });
    const one = (xid: number) => [...firstBlock(xid, buildRelation(), row(xid)), buildStreamCommit({ xid })];
    server.last.push(...one(1), ...one(2), ...one(3));
    clock.advance(10);
    expect(values.map(({ xid }) => xid)).toEqual([1, 2]);
    values[0]?.ack();
    clock.advance(10);
    expect(values.map(({ xid }) => xid)).toEqual([1, 2, 3]);
    subscription.unsubscribe();
  });

  it('can neither be acknowledged nor read from their file after the end, and leave no file', () => {
    const { values, subscription } = started();
    server.last.push(
      ...firstBlock(700, buildRelation(), row(1)),
      buildStreamCommit(),
      ...firstBlock(800, buildRelation(), row(2)),
    );
    expect(names([...(values[0] && 'changes' in values[0] ? values[0] : [])])).toEqual(['row 1']);
    subscription.unsubscribe();
    expect(spools.open).toEqual([]);
    clock.advance(100);
    expect(captureError(() => [...(values[0] && 'changes' in values[0] ? values[0] : [])])).toMatchObject({
      code: 'CHANGES_RELEASED',
    });
    expect(values[0]?.ack()).toBe(false);
    expect([spools.open, server.slot().confirmed]).toEqual([[], 0x80n]);
  });

  it('are confirmed only by the consumer if it owns the position, and progress is beyond open ones', () => {
    const { values, subscription } = started({ startLsn: () => of(null) });
    server.last.push(...firstBlock(700, buildRelation(), row(1)));
    server.last.keepalive(0x200n);
    expect(values).toMatchObject([{ kind: 'progress', endLsn: 0x200n }]);
    values[0]?.ack();
    expect(confirmed()).toBe(0x200n);
    server.last.push(...firstBlock(800, buildRelation(), [801, row(2)]), buildStreamAbort({ xid: 800, subxid: 801 }));
    server.last.push(buildStreamCommit({ xid: 800, commitLsn: 0x300n }));
    expect(confirmed()).toBe(0x200n);
    server.last.push(buildStreamCommit({ xid: 700, commitLsn: 0x400n }));
    values[1]?.ack();
    expect(confirmed()).toBe(0x430n);
    subscription.unsubscribe();
  });
});

describe('a new session', () => {
  const half = [...firstBlock(700, buildRelation(), ...rows(1000)), ...firstBlock(800, buildRelation(), ...rows(1000))];

  it.each<[what: string, payloads: Buffer[], ids: unknown[]]>([
    [
      'streams it again',
      [...firstBlock(700, buildRelation(), row(1)), buildStreamCommit({ commitLsn: 0x100n })],
      ['row 1'],
    ],
    ['sends it without streaming', [buildBegin({ xid: 700 }), buildRelation(), row(2), buildCommit()], ['row 2']],
    [
      'streams another transaction with that xid',
      [...firstBlock(700, buildRelation(), row(3)), buildStreamPrepare()],
      ['row 3'],
    ],
    ['sends nothing of it', transaction({ rows: ['other'] }).payloads.slice(), ['other']],
  ])('drops what the previous one has half received, and its file: the server %s', (_, payloads, ids) => {
    const source = streamingAny(server, { streaming: 'on', twoPhase: true });
    const heard = record(source.pipe(retry(1), transactions(spools.options)));
    clock.advance();
    server.last.push(...half, ...block(700, ...rows(1000)));
    expect(spools.open).toHaveLength(1);
    server.last.close(new Error('reset'));
    clock.advance();
    server.last.push(...payloads);
    expect(
      names(heard.values.map((unit) => ({ kind: unit.kind, changes: 'changes' in unit ? unit.changes : [] }))),
    ).toEqual(ids);
    for (const unit of heard.values) expect(unit.ack()).toBe(true);
    expect([confirmed(), spools.open]).toEqual([0x130n, []]);
    heard.subscription.unsubscribe();
  });

  it('after transactions() ends the subscription, and with it its file', () => {
    const source = streamingAny(server, { streaming: 'on' });
    const heard = record(
      source.pipe(transactions(spools.options), reconnect({ initialDelay: 1000, scheduler: clock })),
    );
    clock.advance();
    server.last.push(...half);
    expect(spools.open).toHaveLength(1);
    server.last.close(new Error('reset'));
    expect(spools.open).toEqual([]);
    clock.advance(2000);
    server.last.push(...firstBlock(700, buildRelation(), row(1)), buildStreamCommit());
    expect(heard.values).toHaveLength(1);
    heard.values[0]?.ack();
    expect([confirmed(), spools.open]).toEqual([0x130n, []]);
    heard.subscription.unsubscribe();
  });

  it('makes the acknowledgement of earlier transactions return false, and they are redelivered', () => {
    const source = streamingAny(server, { streaming: 'on' });
    const heard = record(source.pipe(retry(1), transactions(spools.options)));
    clock.advance();
    const payloads = [...firstBlock(700, buildRelation(), row(1)), buildStreamCommit()];
    server.last.push(...payloads);
    server.last.close(new Error('reset'));
    clock.advance();
    expect([heard.values[0]?.ack(), spools.open]).toEqual([false, []]);
    server.last.push(...payloads);
    expect(heard.values[1]?.ack()).toBe(true);
    expect(confirmed()).toBe(0x130n);
    heard.subscription.unsubscribe();
  });
});
