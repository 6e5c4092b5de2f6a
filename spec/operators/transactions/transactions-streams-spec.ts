import { from, map } from 'rxjs';
import { inspect } from 'node:util';
import { Transaction } from '../../../lib/operators/transactions/transaction';
import { transactions } from '../../../lib/operators/transactions/transactions';
import type { AnyReplicationMessage } from '../../../lib/pgoutput/messages/messages';
import {
  buildBegin,
  buildCommit,
  buildDelete,
  buildInsert,
  buildLogicalMessage,
  buildOrigin,
  buildRelation,
  buildStreamAbort,
  buildStreamCommit,
  buildTruncate,
  UNCHANGED,
  buildUpdate,
} from '../../../lib/testing/payloads';
import { block, firstBlock } from '../../pgoutput/support/blocks';
import { decodeAny } from '../../pgoutput/support/decode';
import { record } from '../../support/streaming';
import {
  assemble,
  group,
  asWholeTransaction,
  assignLetters,
  runMarbles,
  describeTransactions,
} from '../support/streamed';

const row = (id: number) => buildInsert([String(id), `row ${id}`]);

describe('transactions, with transactions in blocks', () => {
  const seven = { xid: 700, commitLsn: 0x700n };
  const eight = { xid: 800, commitLsn: 0x800n };
  const t = asWholeTransaction([buildRelation(), row(1), row(2)], seven);
  const u = asWholeTransaction([buildRelation(), row(3)], eight);
  const w = asWholeTransaction([buildRelation(), row(4)], { xid: 9, commitLsn: 0x100n });
  const values = { t, u, w };

  it('emits one value for the blocks, at the Stream Commit, equal to the whole transaction', () => {
    // Start, Relation, Insert, Stop; Start, Insert, Stop; Commit
    const sent = assignLetters([
      ...firstBlock(700, buildRelation(), row(1)),
      ...block(700, row(2)),
      buildStreamCommit(seven),
    ]);
    runMarbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('-a-b-c-d--e-f-g--h-|', sent);
      expectObservable(source.pipe(transactions(), map(describeTransactions))).toBe('-----------------t-|', values);
      expectSubscriptions(source.subscriptions).toBe('^------------------!');
    });
  });

  it('emits in the order of the commits, with whole transactions in between, however blocks are interleaved', () => {
    const sent = assignLetters([
      ...firstBlock(700, buildRelation(), row(1)), // a b c d
      ...firstBlock(800, buildRelation(), row(3)), // e f g h
      buildBegin({ xid: 9, commitLsn: 0x100n }), // i
      buildRelation(), // j
      row(4), // k
      buildCommit({ xid: 9, commitLsn: 0x100n }), // l
      ...block(700, row(2)), // m n o
      buildStreamCommit(eight), // p
      buildStreamCommit(seven), // q
    ]);
    runMarbles(({ cold, expectObservable }) => {
      const source = cold('abcdefghijklmnopq|', sent);
      const expected = '   -----------w---ut|';
      expectObservable(source.pipe(transactions(), map(describeTransactions))).toBe(expected, values);
    });
  });

  it('emits errors and completion immediately, and drops half-received transactions', () => {
    const sent = assignLetters([...firstBlock(700, buildRelation(), row(1)), buildStreamCommit(seven)]);
    runMarbles(({ cold, expectObservable }) => {
      for (const marbles of ['-ab-|', '-abc-#', '-abcd-|', '-abcd--#']) {
        const ends = marbles.replaceAll(/[a-z]/g, '-');
        expectObservable(cold(marbles, sent).pipe(transactions())).toBe(ends);
      }
    });
  });

  it('unsubscribes from its source within a block', () => {
    const sent = assignLetters([...firstBlock(700, buildRelation(), row(1)), buildStreamCommit(seven)]);
    runMarbles(({ hot, expectObservable, expectSubscriptions }) => {
      const source = hot('-ab-c-d-e-', sent);
      expectObservable(source.pipe(transactions()), '-----!').toBe('------');
      expectSubscriptions(source.subscriptions).toBe('^----!');
    });
  });

  it('holds no state between subscriptions, and emits nothing without its beginning', () => {
    const messages = decodeAny([
      ...firstBlock(700, buildRelation(), row(1)),
      ...block(700, row(2)),
      buildStreamCommit(seven),
    ]);
    expect(record(from(messages.slice(4)).pipe(transactions())).values).toEqual([]);
    const grouped = from(messages).pipe(transactions());
    expect([
      record(grouped).values.map(describeTransactions),
      record(grouped).values.map(describeTransactions),
    ]).toEqual([[t], [t]]);
  });
});

describe('an aborted change', () => {
  it('is excluded, subtransaction by subtransaction, and the others are kept', () => {
    const payloads = [
      ...firstBlock(700, buildRelation(), row(1), [701, row(2)], [702, row(3)], row(4)),
      buildStreamAbort({ subxid: 701 }),
      ...block(700, buildRelation(), [703, row(5)], row(6), [702, row(7)]),
      buildStreamAbort({ subxid: 703, abortLsn: 0x666n }),
      buildStreamCommit(),
    ];
    expect(assemble(payloads)).toEqual([asWholeTransaction([buildRelation(), row(1), row(3), row(4), row(6), row(7)])]);
  });

  it('is never emitted as part of the transaction, whatever else is open', () => {
    const payloads = [
      ...firstBlock(700, buildRelation(), row(1)),
      ...firstBlock(800, buildRelation(), row(2)),
      buildStreamAbort({ xid: 700 }),
      buildStreamCommit({ xid: 800 }),
    ];
    expect(assemble(payloads)).toEqual([asWholeTransaction([buildRelation(), row(2)], { xid: 800 })]);
  });

  it('does not affect a subtransaction of the same number in another transaction', () => {
    const payloads = [
      ...firstBlock(700, buildRelation(), [5, row(1)]),
      ...firstBlock(800, buildRelation(), [5, row(2)]),
      buildStreamAbort({ xid: 700, subxid: 5 }),
      buildStreamCommit({ xid: 800 }),
      ...block(700, row(3)),
      buildStreamCommit({ xid: 700 }),
    ];
    expect(assemble(payloads)).toEqual([
      asWholeTransaction([buildRelation(), row(2)], { xid: 800 }),
      asWholeTransaction([buildRelation(), row(3)], { xid: 700 }),
    ]);
  });

  it('may never have been streamed', () => {
    const payloads = [
      buildStreamAbort({ xid: 5 }),
      ...firstBlock(700, buildRelation(), row(1)),
      buildStreamAbort({ subxid: 705 }),
      buildStreamAbort({ xid: 5, subxid: 700 }),
      buildStreamCommit(),
    ];
    expect(assemble(payloads)).toEqual([asWholeTransaction([buildRelation(), row(1)])]);
  });

  it('does not include the logical messages of a rolled-back savepoint, which have the top-level xid', () => {
    const payloads = [
      ...firstBlock(700, buildRelation(), [701, row(1)], buildLogicalMessage()),
      buildStreamAbort({ subxid: 701 }),
      buildStreamCommit(),
    ];
    expect(assemble(payloads)).toEqual([asWholeTransaction([buildLogicalMessage()])]);
  });
});

describe('transactions, with blocks without remaining changes', () => {
  it.each<[what: string, payloads: Buffer[]]>([
    ['an empty block', [...firstBlock(700), buildStreamCommit()]],
    ['empty blocks', [...firstBlock(700), ...block(700), ...block(700), buildStreamCommit()]],
    ['only Relation messages', [...firstBlock(700, buildRelation()), buildStreamCommit()]],
    [
      'only aborted changes',
      [...firstBlock(700, [701, row(1)]), buildStreamAbort({ subxid: 701 }), buildStreamCommit()],
    ],
  ])('emits nothing: %s', (_, payloads) => {
    const described = [buildBegin(), buildRelation(), buildCommit()];
    expect(assemble([...described, ...payloads])).toEqual([]);
  });
});

describe('a transaction sent in blocks', () => {
  const everything = [
    buildRelation(),
    row(1),
    buildUpdate(['1', UNCHANGED], { key: ['7', null] }),
    buildDelete({ key: ['1', null] }),
    buildTruncate({ cascade: true }),
    buildLogicalMessage({ content: 'ab' }),
  ];

  it('has everything that a whole transaction has, including the origin', () => {
    const payloads = [buildOrigin('node_b', 0n), ...everything];
    expect(assemble([...firstBlock(700, ...payloads), buildStreamCommit()])).toStrictEqual([
      asWholeTransaction(payloads),
    ]);
    const [unit] = assemble([
      ...firstBlock(700, ...payloads),
      ...block(700, buildOrigin('node_b'), row(2)),
      buildStreamCommit(),
    ]);
    expect(unit).toMatchObject({ origin: 'node_b', size: 6 });
  });

  it('does not use the origin of another one', () => {
    const units = assemble([
      buildBegin(),
      buildOrigin('whole'),
      buildRelation(),
      row(1),
      buildCommit(),
      ...firstBlock(700, buildOrigin('streamed'), buildRelation(), row(2)),
      ...firstBlock(800, buildRelation(), row(3)),
      buildStreamCommit({ xid: 800 }),
      buildBegin(),
      row(4),
      buildCommit(),
      buildStreamCommit({ xid: 700 }),
    ]);
    expect(units.map(({ origin }) => origin)).toEqual(['whole', undefined, undefined, 'streamed']);
  });

  it('equals the whole transaction, and has the same JSON form and inspection', () => {
    const [streamed] = group([...firstBlock(700, ...everything), buildStreamCommit()]);
    const [whole] = group([buildBegin(), ...everything, buildCommit()]);
    expect(streamed).toBeInstanceOf(Transaction);
    expect(streamed).toStrictEqual(whole);
    expect(JSON.stringify(streamed)).toBe(JSON.stringify(whole));
    expect(inspect(streamed, { depth: 9 })).toBe(inspect(whole, { depth: 9 }));
    expect(Reflect.ownKeys(streamed ?? {}).sort()).toEqual(Reflect.ownKeys(whole ?? {}).sort());
  });

  it('can be read any number of times, also as an array', () => {
    const [unit] = group([...firstBlock(700, ...everything), buildStreamCommit()]);
    if (!unit) throw new Error('Expected a transaction');
    const first = [...unit];
    expect([...unit]).toStrictEqual(first);
    expect(unit.changes).toStrictEqual(first);
    expect(unit.changes).toBe(unit.changes);
    expect(unit.size).toBe(5);
    // Iterations are independent.
    const [one, other] = [unit[Symbol.iterator](), unit[Symbol.iterator]()];
    expect([one.next().value, other.next().value, one.next().value]).toStrictEqual([first[0], first[0], first[1]]);
  });

  it('drops messages outside a transaction between its blocks, or emits them in order', () => {
    const alone = buildLogicalMessage({ transactional: false, lsn: 0x50n });
    const payloads = [...firstBlock(700, buildRelation(), row(1)), alone, ...block(700, row(2)), buildStreamCommit()];
    expect(assemble(payloads)).toEqual([asWholeTransaction([buildRelation(), row(1), row(2)])]);
    const passed = record(
      from(decodeAny(payloads)).pipe(transactions({ includeNonTransactionalMessages: true })),
    ).values;
    expect(passed.map(({ kind }) => kind)).toEqual(['message', 'transaction']);
  });

  it('requires the original messages: copies do not have the data it uses', () => {
    const copied = from(decodeAny([...firstBlock(700, buildRelation(), row(1)), buildStreamCommit()])).pipe(
      map((message) => (message.kind === 'insert' ? ({ ...message } as AnyReplicationMessage) : message)),
    );
    const { error, values } = record(copied.pipe(transactions()));
    expect([error, values]).toMatchObject([{ code: 'NOT_STREAMED' }, []]);
  });

  it('keeps no reference to the messages that it was created from', () => {
    const messages = decodeAny([...firstBlock(700, buildRelation(), row(1)), buildStreamCommit()]);
    const { values } = record(from(messages).pipe(transactions(), map(describeTransactions)));
    const [, , change] = messages;
    if (change?.kind !== 'insert') throw new Error('Expected an insert');
    change.new['name'] = 'changed';
    expect(values[0]?.changes).toMatchObject([{ new: { id: 1, name: 'row 1' } }]);
    expect(change).toMatchObject({ xid: 700, commitLsn: undefined });
  });
});
