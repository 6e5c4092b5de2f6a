import { inspect } from 'node:util';
import { from, map } from 'rxjs';
import { PreparedTransaction } from '../../../lib/operators/transactions/transaction';
import { transactions } from '../../../lib/operators/transactions/transactions';
import { COMMIT_TIME } from '../../../lib/testing/defaults';
import {
  buildBegin,
  buildBeginPrepare,
  buildCommit,
  buildCommitPrepared,
  buildInsert,
  buildLogicalMessage,
  buildOrigin,
  buildPrepare,
  buildRelation,
  buildRollbackPrepared,
  buildStreamAbort,
  buildStreamCommit,
  buildStreamPrepare,
} from '../../../lib/testing/payloads';
import { block, firstBlock } from '../../pgoutput/support/blocks';
import { decodeAny } from '../../pgoutput/support/decode';
import { Clock } from '../../support/clock';
import { FakeBackend } from '../../support/fake-backend';
import { record, streamingAny } from '../../support/streaming';
import { assemble, asWholeTransaction, assignLetters, runMarbles, describeTransactions } from '../support/streamed';

const row = (id: number) => buildInsert([String(id), `row ${id}`]);
/** The changes of a prepared transaction, at its prepare LSN. */
const changesAt = (prepareLsn: bigint, ...payloads: Buffer[]) =>
  asWholeTransaction(payloads, { commitLsn: prepareLsn }).changes;

const PREPARED = {
  kind: 'preparedTransaction',
  gid: 'gid',
  xid: 700,
  prepareLsn: 0x100n,
  endLsn: 0x130n,
  prepareTime: COMMIT_TIME,
  origin: undefined,
};

describe('transactions, with prepared transactions', () => {
  const p = { ...PREPARED, size: 2, changes: changesAt(0x100n, buildRelation(), row(1), row(2)) };
  const o = { ...PREPARED, size: 0, changes: [] };
  const [k, r] = assemble([buildCommitPrepared(), buildRollbackPrepared()]);
  if (!k || !r) throw new Error('Expected two messages');
  const values = { p, o, k, r };

  it('emits one with its changes at the Prepare, and its end as it is received', () => {
    const sent = assignLetters([
      buildBeginPrepare(), // a
      buildRelation(), // b
      row(1), // c
      row(2), // d
      buildPrepare(), // e
      buildCommitPrepared(), // f
      buildRollbackPrepared(), // g
    ]);
    runMarbles(({ cold, expectObservable }) => {
      const source = cold('-a-b-c-d-e--f-g-|', sent);
      const expected = '   ---------p--k-r-|';
      expectObservable(source.pipe(transactions(), map(describeTransactions))).toBe(expected, values);
    });
  });

  it('emits one at the Stream Prepare if it is sent in blocks, without aborted changes', () => {
    const sent = assignLetters([
      ...firstBlock(700, buildRelation(), row(1), [701, row(9)]), // a b c d e
      buildStreamAbort({ subxid: 701 }), // f
      ...block(700, row(2)), // g h i
      buildStreamPrepare(), // j
      buildCommitPrepared(), // k
    ]);
    runMarbles(({ cold, expectObservable }) => {
      expectObservable(cold('abcdefghijk|', sent).pipe(transactions(), map(describeTransactions))).toBe(
        '---------pk|',
        values,
      );
    });
  });

  it('emits an empty one, too, because its end follows', () => {
    const sent = assignLetters([
      buildBeginPrepare(),
      buildPrepare(),
      ...firstBlock(700),
      buildStreamPrepare(),
      buildRollbackPrepared(),
    ]);
    runMarbles(({ cold, expectObservable }) => {
      expectObservable(cold('ab-cd-ef|', sent).pipe(transactions(), map(describeTransactions))).toBe(
        '-o----or|',
        values,
      );
    });
    const aborted = [
      ...firstBlock(700, buildRelation(), [701, row(1)]),
      buildStreamAbort({ subxid: 701 }),
      buildStreamPrepare(),
    ];
    expect(assemble(aborted)).toEqual([o]);
  });

  it('emits one among others, in the order in which they are complete', () => {
    const units = assemble([
      ...firstBlock(7, buildRelation(), row(1)),
      buildBeginPrepare({ xid: 5, gid: 'five' }),
      buildRelation(),
      row(2),
      buildPrepare({ xid: 5, gid: 'five' }),
      buildBegin({ xid: 6 }),
      row(3),
      buildCommit(),
      buildCommitPrepared({ xid: 5, gid: 'five' }),
      ...block(7, row(4)),
      buildStreamPrepare({ gid: 'seven', xid: 7 }),
      ...firstBlock(8, buildRelation(), row(5)),
      buildRollbackPrepared({ gid: 'seven', xid: 7 }),
      buildStreamCommit({ xid: 8 }),
    ]);
    expect(units.map(({ kind, xid, gid, size }) => [kind, xid, gid, size])).toEqual([
      ['preparedTransaction', 5, 'five', 1],
      ['transaction', 6, undefined, 1],
      ['commitPrepared', 5, 'five', undefined],
      ['preparedTransaction', 7, 'seven', 2],
      ['rollbackPrepared', 7, 'seven', undefined],
      ['transaction', 8, undefined, 1],
    ]);
  });

  it('has its origin, and logical messages among its changes', () => {
    const payloads = [buildOrigin('node_b'), buildRelation(), row(1), buildLogicalMessage()];
    const expected = { ...PREPARED, origin: 'node_b', size: 2, changes: changesAt(0x100n, ...payloads) };
    expect(assemble([buildBeginPrepare(), ...payloads, buildPrepare()])).toStrictEqual([expected]);
    expect(assemble([...firstBlock(700, ...payloads), buildStreamPrepare()])).toStrictEqual([expected]);
  });

  it('is dropped if it is half received when another begins, or if its beginning was not received', () => {
    const [, second, third] = decodeAny([buildBeginPrepare(), buildRelation(), row(1)]);
    const [end] = decodeAny([buildBeginPrepare(), buildPrepare()]).slice(1);
    const whole = decodeAny([buildBegin(), buildRelation(), row(2), buildCommit()]);
    if (!second || !third || !end) throw new Error('Expected messages');
    expect(record(from([second, third, end]).pipe(transactions())).values).toEqual([]);
    const half = decodeAny([buildBeginPrepare(), buildRelation(), row(1)]);
    expect(record(from([...half, ...whole]).pipe(transactions(), map(describeTransactions))).values).toEqual([
      asWholeTransaction([buildRelation(), row(2)]),
    ]);
  });

  it('has a JSON form and inspection like a transaction', () => {
    const payloads = [buildRelation(), row(1)];
    const forms = [
      [buildBeginPrepare(), ...payloads, buildPrepare()],
      [...firstBlock(700, ...payloads), buildStreamPrepare()],
    ];
    const [one, other] = forms.map((form) => record(from(decodeAny(form)).pipe(transactions())).values[0]);
    expect(one).toBeInstanceOf(PreparedTransaction);
    expect(one).toStrictEqual(other);
    expect(inspect(one, { depth: 9 })).toBe(inspect(other, { depth: 9 }));
    expect(inspect(one)).toMatch(/^PreparedTransaction \{\n {2}kind: 'preparedTransaction',/);
    for (const unit of [one, other]) {
      expect(JSON.parse(JSON.stringify(unit))).toEqual({
        kind: 'preparedTransaction',
        gid: 'gid',
        xid: 700,
        prepareLsn: '0/100',
        endLsn: '0/130',
        prepareTime: COMMIT_TIME.toISOString(),
        size: 1,
        changes: [expect.objectContaining({ kind: 'insert', commitLsn: '0/100', ordinal: 0 })],
      });
    }
  });
});

describe('prepared transactions, in a session', () => {
  let clock: Clock;
  let server: FakeBackend;

  beforeEach(() => {
    clock = new Clock();
    server = new FakeBackend(clock);
  });

  function started(config: Parameters<typeof streamingAny>[1] = {}) {
    const heard = record(streamingAny(server, { twoPhase: true, ...config }).pipe(transactions()));
    clock.advance();
    return heard;
  }

  const one = [buildBeginPrepare(), buildRelation(), row(1), buildPrepare()];

  it('are requested', () => {
    const { subscription } = started({ streaming: 'on' });
    expect(server.last.queries.at(-1)).toContain(
      `(proto_version '3', publication_names '"orders_pub"', streaming 'on', two_phase 'true')`,
    );
    subscription.unsubscribe();
  });

  it('are confirmed one by one, and so are their ends', () => {
    const { values, subscription } = started();
    server.last.push(...one, buildCommitPrepared());
    clock.advance(10);
    const confirmed = values.map((unit) => {
      expect(unit.ack()).toBe(true);
      clock.advance(10);
      return server.slot().confirmed;
    });
    expect(confirmed).toEqual([0x130n, 0x230n]);
    subscription.unsubscribe();
  });

  it('hold back what follows them, but not reading, when they are held until their end', () => {
    const { values, subscription } = started({ maxUnacked: 1 });
    server.last.push(
      ...one,
      buildBeginPrepare({ gid: 'other', prepareLsn: 0x150n }),
      row(2),
      buildPrepare({ prepareLsn: 0x150n }),
    );
    server.last.push(buildCommitPrepared({ commitLsn: 0x200n }));
    expect(values.map(({ kind }) => kind)).toEqual(['preparedTransaction', 'preparedTransaction', 'commitPrepared']);
    values[2]?.ack();
    clock.advance(10);
    expect(server.slot().confirmed).toBe(0x80n);
    values[0]?.ack();
    clock.advance(10);
    expect(server.slot().confirmed).toBe(0x130n);
    values[1]?.ack();
    clock.advance(10);
    expect(server.slot().confirmed).toBe(0x230n);
    subscription.unsubscribe();
  });

  it('fill the window once their end has been read, so that a slow consumer does not have all of them in memory', () => {
    const { values, subscription } = started({ maxUnackedBytes: 50_000 });
    for (let xid = 1; xid <= 100; xid++) {
      const at = { xid, gid: `gid ${xid}`, prepareLsn: BigInt(xid) * 0x100n };
      server.last.push(
        buildBeginPrepare(at),
        buildRelation(),
        buildInsert([String(xid), 'x'.repeat(10_000)]),
        buildPrepare(at),
      );
      server.last.push(buildCommitPrepared({ xid, gid: at.gid, commitLsn: at.prepareLsn + 0x80n }));
    }
    clock.advance(10);
    expect(values).toHaveLength(10);
    // More of them are received in the meantime.
    for (const unit of values) {
      unit.ack();
      clock.advance(10);
    }
    expect([values.length, server.slot().confirmed]).toEqual([200, 0x64b0n]);
    subscription.unsubscribe();
  });

  it('have a checkpoint that never goes back, even if their prepare is before the start', () => {
    const { values, subscription } = started({ startLsn: () => [0x150n] });
    server.last.push(...one, buildCommitPrepared(), buildBeginPrepare(), buildRelation(), row(1), buildPrepare());
    const endOf = (unit: (typeof values)[number] | undefined) => unit && 'checkpoint' in unit && unit.checkpoint.endLsn;
    expect(values.map(endOf)).toEqual(['0/150', '0/230', '0/150']);
    for (const unit of values.slice(0, 2)) unit.ack();
    expect(endOf(values[2])).toBe('0/230');
    subscription.unsubscribe();
  });

  it('have a checkpoint at their end, and so do their ends', () => {
    const { values, subscription } = started();
    server.last.push(...one, buildCommitPrepared(), buildRollbackPrepared());
    expect(values.map((unit) => 'checkpoint' in unit && unit.checkpoint.endLsn)).toEqual(['0/130', '0/230', '0/230']);
    subscription.unsubscribe();
  });

  it('are waited for even if they are empty: only the subscriber acknowledges them', () => {
    const { values, subscription } = started();
    server.last.push(buildBeginPrepare(), buildPrepare());
    clock.advance(10);
    expect(server.slot().confirmed).toBe(0x80n);
    values[0]?.ack();
    clock.advance(10);
    expect(server.slot().confirmed).toBe(0x130n);
    subscription.unsubscribe();
  });

  it('cannot be acknowledged after the end', () => {
    const { values, subscription } = started();
    server.last.push(...one);
    subscription.unsubscribe();
    clock.advance(100);
    expect(values[0]?.ack()).toBe(false);
    expect(server.slot().confirmed).toBe(0x80n);
  });
});
