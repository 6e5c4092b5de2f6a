import fc from 'fast-check';
import { concat, from, NEVER } from 'rxjs';
import { stopAtLsn } from '../../lib/operators/stop-at-lsn';
import { transactions } from '../../lib/operators/transactions/transactions';
import type { AnyReplicationMessage } from '../../lib/pgoutput/messages/messages';
import {
  buildBegin,
  buildBeginPrepare,
  buildCommit,
  buildCommitPrepared,
  buildInsert,
  buildLogicalMessage,
  buildPrepare,
  buildRelation,
  buildRollbackPrepared,
  buildStreamAbort,
  buildStreamCommit,
  buildStreamPrepare,
} from '../../lib/testing/payloads';
import { block, firstBlock } from '../pgoutput/support/blocks';
import { decodeAny } from '../pgoutput/support/decode';
import { Clock } from '../support/clock';
import { FakeBackend } from '../support/fake-backend';
import { record, streamingAny } from '../support/streaming';
import { createKeepalive } from './support/messages';

const row = (id: number) => buildInsert([String(id), `row ${id}`]);

/** The messages that are emitted from a source that does not complete, and whether the result completes. */
function through(lsn: bigint, messages: readonly AnyReplicationMessage[]): [kinds: string, completed: boolean] {
  const heard = record(concat(from(messages), NEVER).pipe(stopAtLsn(lsn)));
  heard.subscription.unsubscribe();
  return [heard.values.map(({ kind }) => kind).join(' '), heard.completed];
}

const OPEN = [...firstBlock(700, buildRelation(), row(1)), ...block(700, row(2))];
const STREAMED = decodeAny([...OPEN, buildStreamCommit({ commitLsn: 0x100n, endLsn: 0x130n })]);
const PREPARED = decodeAny([
  buildBeginPrepare({ prepareLsn: 0x100n, endLsn: 0x130n }),
  buildRelation(),
  row(1),
  buildPrepare({ prepareLsn: 0x100n, endLsn: 0x130n }),
]);
const STREAM_PREPARED = decodeAny([...OPEN, buildStreamPrepare({ prepareLsn: 0x100n, endLsn: 0x130n })]);
const COMMITTED = decodeAny([buildCommitPrepared({ commitLsn: 0x100n, endLsn: 0x130n })]);
const ROLLED_BACK = decodeAny([buildRollbackPrepared({ endLsn: 0x130n })]);

const kindsOf = (messages: readonly AnyReplicationMessage[]): string => messages.map(({ kind }) => kind).join(' ');
const blocks = kindsOf(decodeAny(OPEN));

describe('stopAtLsn, with transactions in blocks or prepared ones', () => {
  const units: [what: string, messages: AnyReplicationMessage[], before: string][] = [
    ['a streamed transaction', STREAMED, blocks],
    ['a prepared transaction', PREPARED, ''],
    ['a streamed and prepared transaction', STREAM_PREPARED, blocks],
    ['the commit of a prepared transaction', COMMITTED, ''],
  ];

  describe.each(units)('%s', (_, messages, before) => {
    it.each<[what: string, lsn: bigint, kinds: string, completed: boolean]>([
      ['before its commit record', 0x90n, before, true],
      ['at the start of the record', 0x100n, before, true],
      ['just after the start of the record', 0x101n, kindsOf(messages), true],
      ['inside the record', 0x118n, kindsOf(messages), true],
      ['at the end of the record', 0x130n, kindsOf(messages), true],
      ['after the end of the record', 0x131n, kindsOf(messages), false],
    ])('%s', (_, lsn, kinds, completed) => {
      expect(through(lsn, messages)).toEqual([kinds, completed]);
    });

    it('emits nothing after the stop', () => {
      expect(through(0x130n, [...messages, ...STREAMED])).toEqual([kindsOf(messages), true]);
      expect(through(0x100n, [...messages, ...STREAMED])).toEqual([before, true]);
    });
  });

  it('the rollback of a prepared transaction has an end LSN only', () => {
    expect(through(0x12fn, ROLLED_BACK)).toEqual(['', true]);
    expect(through(0x130n, ROLLED_BACK)).toEqual(['rollbackPrepared', true]);
    expect(through(0x131n, ROLLED_BACK)).toEqual(['rollbackPrepared', false]);
  });

  it('an abort never stops, whatever its position', () => {
    const messages = decodeAny([
      ...OPEN,
      buildStreamAbort({ subxid: 701, abortLsn: 0x900n }),
      buildStreamAbort({ abortLsn: 0x900n }),
    ]);
    expect(through(0x100n, messages)).toEqual([kindsOf(messages), false]);
  });

  it('a keepalive within a block does not stop; one between blocks does, because open transactions commit after it', () => {
    const [start, described, ...rest] = decodeAny(OPEN);
    if (!start || !described) throw new Error('Expected a block');
    const keepalive = createKeepalive(0x900n);
    expect(through(0x150n, [start, keepalive, described, ...rest])[1]).toBe(false);
    expect(through(0x150n, [start, described, ...rest, keepalive])).toEqual([`${blocks} keepalive`, true]);
    const [begun, ...prepared] = PREPARED.slice(0, -1);
    if (!begun) throw new Error('Expected a transaction');
    expect(through(0x150n, [begun, keepalive, ...prepared])[1]).toBe(false);
    expect(through(0x150n, [...PREPARED, keepalive])).toEqual([`${kindsOf(PREPARED)} keepalive`, true]);
  });

  it('a non-transactional message after the position stops between blocks', () => {
    const messages = decodeAny([...OPEN, buildLogicalMessage({ transactional: false, lsn: 0x151n })]);
    expect(through(0x150n, messages)).toEqual([blocks, true]);
  });

  it('a streamed transactional message does not stop: its position is not that of a commit', () => {
    const messages = decodeAny(firstBlock(700, buildLogicalMessage({ lsn: 0x900n })));
    expect(through(0x150n, messages)).toEqual(['streamStart message streamStop', false]);
  });
});

describe('stopAtLsn', () => {
  /** A transaction or its end in the WAL: its messages, and the positions of its record. */
  interface Unit {
    readonly kind: 'whole' | 'streamed' | 'prepared' | 'streamPrepared' | 'commitPrepared' | 'rollbackPrepared';
    readonly lsn: bigint;
    readonly endLsn: bigint;
    readonly xid: number;
    /** The unit that its blocks precede. */
    readonly blocksAt: number;
  }

  function endOf({ kind, lsn, endLsn, xid }: Unit): Buffer[] {
    const fields = { xid, gid: String(xid), commitLsn: lsn, prepareLsn: lsn, endLsn };
    switch (kind) {
      case 'whole':
        return [buildBegin(fields), buildRelation(), row(xid), buildCommit(fields)];
      case 'streamed':
        return [buildStreamCommit(fields)];
      case 'prepared':
        return [buildBeginPrepare(fields), buildRelation(), row(xid), buildPrepare(fields)];
      case 'streamPrepared':
        return [buildStreamPrepare(fields)];
      case 'commitPrepared':
        return [buildCommitPrepared(fields)];
      case 'rollbackPrepared':
        return [buildRollbackPrepared(fields)];
    }
  }

  /** The messages from a start position on: units that end at or after it, and their blocks. */
  function from(units: readonly Unit[], start: bigint): Buffer[] {
    const sent = units.filter(({ lsn }) => lsn >= start);
    return units.flatMap((unit, at) => [
      ...sent
        .filter(({ kind, blocksAt }) => blocksAt === at && (kind === 'streamed' || kind === 'streamPrepared'))
        .flatMap(({ xid }) => firstBlock(xid, buildRelation(), row(xid))),
      ...(sent.includes(unit) ? endOf(unit) : []),
    ]);
  }

  it('divides the stream into ranges that are disjoint and complete, for any positions', () => {
    const kinds = ['whole', 'streamed', 'prepared', 'streamPrepared', 'commitPrepared', 'rollbackPrepared'] as const;
    const lengths = fc.array(
      fc.record({
        kind: fc.constantFrom(...kinds),
        gap: fc.integer({ min: 0, max: 0x800 }),
        length: fc.integer({ min: 8, max: 0x60 }),
        early: fc.nat(3),
      }),
      { minLength: 1, maxLength: 12 },
    );
    const cuts = fc.array(fc.integer({ min: 0, max: 0x4000 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(lengths, cuts, (all, cutPoints) => {
        let at = 0x300_0100n;
        const units = all.map(({ kind, gap, length, early }, i): Unit => {
          const lsn = at + BigInt(gap);
          at = lsn + BigInt(length);
          return { kind, lsn, endLsn: at, xid: i + 1, blocksAt: Math.max(0, i - early) };
        });
        const last = at + 1000n;
        const ends = [...cutPoints.map((cut) => 0x300_0100n + BigInt(cut)), last]
          // As on the server, a position in a page header counts as the start of the page.
          .filter((lsn) => lsn <= last && lsn % 0x2000n > 0x40n)
          .sort((a, b) => (a < b ? -1 : 1));
        const clock = new Clock();
        const server = new FakeBackend(clock);
        const seen: number[] = [];
        for (const end of ends) {
          const start = server.slot().confirmed;
          const source = streamingAny(server, { streaming: 'on', twoPhase: true });
          const heard = record(source.pipe(stopAtLsn(end), transactions()), (unit) => unit.ack());
          clock.advance();
          server.last.push(...from(units, start));
          server.connections.at(-1)?.keepalive(last);
          clock.advance(100);
          expect([heard.completed, server.last.closed]).toEqual([true, true]);
          seen.push(...heard.values.map(({ xid }) => xid));
          // Everything delivered, or the stop position, is confirmed, and nothing higher.
          const reached = server.slot().confirmed;
          const delivered = units.findLast(({ xid }) => seen.includes(xid))?.endLsn ?? 0n;
          expect(reached >= delivered && reached <= (delivered > end ? delivered : end)).toBe(true);
        }
        // The start of a rollback is unknown, so a rollback that contains the position is delivered in the next range.
        const beyond = ends.at(-1) ?? 0n;
        const expected = units.filter(({ kind, lsn, endLsn }) =>
          kind === 'rollbackPrepared' ? endLsn <= beyond : lsn < beyond,
        );
        expect(seen).toEqual(expected.map(({ xid }) => xid));
      }),
      { numRuns: 150 },
    );
  });
});

describe('stopAtLsn, in a session', () => {
  let clock: Clock;
  let server: FakeBackend;

  beforeEach(() => {
    clock = new Clock();
    server = new FakeBackend(clock);
  });

  it('waits for what ended before it, and not for open transactions', () => {
    const heard = record(streamingAny(server, { streaming: 'on' }).pipe(stopAtLsn(0x200n), transactions()));
    clock.advance();
    server.last.push(...firstBlock(800, buildRelation(), row(8)), ...OPEN, buildStreamCommit({ commitLsn: 0x100n }));
    server.last.push(buildStreamCommit({ xid: 800, commitLsn: 0x200n }));
    expect([heard.events, server.last.closed]).toEqual([['next', 'complete'], false]);
    clock.advance(60_000);
    expect([server.slot().confirmed, server.last.closed]).toEqual([0x80n, false]);
    heard.values[0]?.ack();
    clock.advance(10);
    expect([server.slot().confirmed, server.last.closed]).toEqual([0x200n, true]);
  });

  it('on the flat stream leaves changes of later transactions unconfirmed, although they were sent before', () => {
    const heard = record(streamingAny(server, { streaming: 'on' }).pipe(stopAtLsn(0x200n)));
    clock.advance();
    server.last.push(...OPEN, buildStreamCommit({ commitLsn: 0x200n }));
    clock.advance(100);
    expect([heard.completed, server.slot().confirmed, server.last.closed]).toEqual([true, 0x200n, true]);
    const changes = heard.values.filter(({ kind }) => kind === 'insert');
    expect(changes.map((change) => change.ack())).toEqual([false, false]);
  });
});
