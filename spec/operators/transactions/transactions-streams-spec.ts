import { from, map } from 'rxjs';
import { inspect } from 'node:util';
import { Transaction } from '../../../lib/operators/transactions/transaction';
import { transactions } from '../../../lib/operators/transactions/transactions';
import type { AnyReplicationMessage } from '../../../lib/pgoutput/messages/messages';
import {
  begin,
  commit,
  deletion,
  insert,
  encodeLogicalMessage,
  origin,
  relation,
  streamAbort,
  streamCommit,
  truncate,
  UNCHANGED,
  update,
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

const row = (id: number) => insert([String(id), `row ${id}`]);

describe('transactions, with transactions in blocks', () => {
  const seven = { xid: 700, commitLsn: 0x700n };
  const eight = { xid: 800, commitLsn: 0x800n };
  const t = asWholeTransaction([relation(), row(1), row(2)], seven);
  const u = asWholeTransaction([relation(), row(3)], eight);
  const w = asWholeTransaction([relation(), row(4)], { xid: 9, commitLsn: 0x100n });
  const values = { t, u, w };

  it('emits one value for the blocks, at the Stream Commit, equal to the whole transaction', () => {
    // Start, Relation, Insert, Stop; Start, Insert, Stop; Commit
    const sent = assignLetters([...firstBlock(700, relation(), row(1)), ...block(700, row(2)), streamCommit(seven)]);
    runMarbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('-a-b-c-d--e-f-g--h-|', sent);
      expectObservable(source.pipe(transactions(), map(describeTransactions))).toBe('-----------------t-|', values);
      expectSubscriptions(source.subscriptions).toBe('^------------------!');
    });
  });

  it('emits in the order of the commits, with whole transactions in between, however blocks are interleaved', () => {
    const sent = assignLetters([
      ...firstBlock(700, relation(), row(1)), // a b c d
      ...firstBlock(800, relation(), row(3)), // e f g h
      begin({ xid: 9, commitLsn: 0x100n }), // i
      relation(), // j
      row(4), // k
      commit({ xid: 9, commitLsn: 0x100n }), // l
      ...block(700, row(2)), // m n o
      streamCommit(eight), // p
      streamCommit(seven), // q
    ]);
    runMarbles(({ cold, expectObservable }) => {
      const source = cold('abcdefghijklmnopq|', sent);
      const expected = '   -----------w---ut|';
      expectObservable(source.pipe(transactions(), map(describeTransactions))).toBe(expected, values);
    });
  });

  it('emits errors and completion immediately, and drops half-received transactions', () => {
    const sent = assignLetters([...firstBlock(700, relation(), row(1)), streamCommit(seven)]);
    runMarbles(({ cold, expectObservable }) => {
      for (const marbles of ['-ab-|', '-abc-#', '-abcd-|', '-abcd--#']) {
        const ends = marbles.replaceAll(/[a-z]/g, '-');
        expectObservable(cold(marbles, sent).pipe(transactions())).toBe(ends);
      }
    });
  });

  it('unsubscribes from its source within a block', () => {
    const sent = assignLetters([...firstBlock(700, relation(), row(1)), streamCommit(seven)]);
    runMarbles(({ hot, expectObservable, expectSubscriptions }) => {
      const source = hot('-ab-c-d-e-', sent);
      expectObservable(source.pipe(transactions()), '-----!').toBe('------');
      expectSubscriptions(source.subscriptions).toBe('^----!');
    });
  });

  it('holds no state between subscriptions, and emits nothing without its beginning', () => {
    const messages = decodeAny([...firstBlock(700, relation(), row(1)), ...block(700, row(2)), streamCommit(seven)]);
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
      ...firstBlock(700, relation(), row(1), [701, row(2)], [702, row(3)], row(4)),
      streamAbort({ subxid: 701 }),
      ...block(700, relation(), [703, row(5)], row(6), [702, row(7)]),
      streamAbort({ subxid: 703, abortLsn: 0x666n }),
      streamCommit(),
    ];
    expect(assemble(payloads)).toEqual([asWholeTransaction([relation(), row(1), row(3), row(4), row(6), row(7)])]);
  });

  it('is never emitted as part of the transaction, whatever else is open', () => {
    const payloads = [
      ...firstBlock(700, relation(), row(1)),
      ...firstBlock(800, relation(), row(2)),
      streamAbort({ xid: 700 }),
      streamCommit({ xid: 800 }),
    ];
    expect(assemble(payloads)).toEqual([asWholeTransaction([relation(), row(2)], { xid: 800 })]);
  });

  it('does not affect a subtransaction of the same number in another transaction', () => {
    const payloads = [
      ...firstBlock(700, relation(), [5, row(1)]),
      ...firstBlock(800, relation(), [5, row(2)]),
      streamAbort({ xid: 700, subxid: 5 }),
      streamCommit({ xid: 800 }),
      ...block(700, row(3)),
      streamCommit({ xid: 700 }),
    ];
    expect(assemble(payloads)).toEqual([
      asWholeTransaction([relation(), row(2)], { xid: 800 }),
      asWholeTransaction([relation(), row(3)], { xid: 700 }),
    ]);
  });

  it('may never have been streamed', () => {
    const payloads = [
      streamAbort({ xid: 5 }),
      ...firstBlock(700, relation(), row(1)),
      streamAbort({ subxid: 705 }),
      streamAbort({ xid: 5, subxid: 700 }),
      streamCommit(),
    ];
    expect(assemble(payloads)).toEqual([asWholeTransaction([relation(), row(1)])]);
  });

  it('does not include the logical messages of a rolled-back savepoint, which have the top-level xid', () => {
    const payloads = [
      ...firstBlock(700, relation(), [701, row(1)], encodeLogicalMessage()),
      streamAbort({ subxid: 701 }),
      streamCommit(),
    ];
    expect(assemble(payloads)).toEqual([asWholeTransaction([encodeLogicalMessage()])]);
  });
});

describe('transactions, with blocks without remaining changes', () => {
  it.each<[what: string, payloads: Buffer[]]>([
    ['an empty block', [...firstBlock(700), streamCommit()]],
    ['empty blocks', [...firstBlock(700), ...block(700), ...block(700), streamCommit()]],
    ['only Relation messages', [...firstBlock(700, relation()), streamCommit()]],
    ['only aborted changes', [...firstBlock(700, [701, row(1)]), streamAbort({ subxid: 701 }), streamCommit()]],
  ])('emits nothing: %s', (_, payloads) => {
    const described = [begin(), relation(), commit()];
    expect(assemble([...described, ...payloads])).toEqual([]);
  });
});

describe('a transaction sent in blocks', () => {
  const everything = [
    relation(),
    row(1),
    update(['1', UNCHANGED], { key: ['7', null] }),
    deletion({ key: ['1', null] }),
    truncate({ cascade: true }),
    encodeLogicalMessage({ content: 'ab' }),
  ];

  it('has everything that a whole transaction has, including the origin', () => {
    const payloads = [origin('node_b', 0n), ...everything];
    expect(assemble([...firstBlock(700, ...payloads), streamCommit()])).toStrictEqual([asWholeTransaction(payloads)]);
    const [unit] = assemble([...firstBlock(700, ...payloads), ...block(700, origin('node_b'), row(2)), streamCommit()]);
    expect(unit).toMatchObject({ origin: 'node_b', size: 6 });
  });

  it('does not use the origin of another one', () => {
    const units = assemble([
      begin(),
      origin('whole'),
      relation(),
      row(1),
      commit(),
      ...firstBlock(700, origin('streamed'), relation(), row(2)),
      ...firstBlock(800, relation(), row(3)),
      streamCommit({ xid: 800 }),
      begin(),
      row(4),
      commit(),
      streamCommit({ xid: 700 }),
    ]);
    expect(units.map(({ origin }) => origin)).toEqual(['whole', undefined, undefined, 'streamed']);
  });

  it('equals the whole transaction, and has the same JSON form and inspection', () => {
    const [streamed] = group([...firstBlock(700, ...everything), streamCommit()]);
    const [whole] = group([begin(), ...everything, commit()]);
    expect(streamed).toBeInstanceOf(Transaction);
    expect(streamed).toStrictEqual(whole);
    expect(JSON.stringify(streamed)).toBe(JSON.stringify(whole));
    expect(inspect(streamed, { depth: 9 })).toBe(inspect(whole, { depth: 9 }));
    expect(Reflect.ownKeys(streamed ?? {}).sort()).toEqual(Reflect.ownKeys(whole ?? {}).sort());
  });

  it('can be read any number of times, also as an array', () => {
    const [unit] = group([...firstBlock(700, ...everything), streamCommit()]);
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
    const alone = encodeLogicalMessage({ transactional: false, lsn: 0x50n });
    const payloads = [...firstBlock(700, relation(), row(1)), alone, ...block(700, row(2)), streamCommit()];
    expect(assemble(payloads)).toEqual([asWholeTransaction([relation(), row(1), row(2)])]);
    const passed = record(
      from(decodeAny(payloads)).pipe(transactions({ includeNonTransactionalMessages: true })),
    ).values;
    expect(passed.map(({ kind }) => kind)).toEqual(['message', 'transaction']);
  });

  it('requires the original messages: copies do not have the data it uses', () => {
    const copied = from(decodeAny([...firstBlock(700, relation(), row(1)), streamCommit()])).pipe(
      map((message) => (message.kind === 'insert' ? ({ ...message } as AnyReplicationMessage) : message)),
    );
    const { error, values } = record(copied.pipe(transactions()));
    expect([error, values]).toMatchObject([{ code: 'NOT_STREAMED' }, []]);
  });

  it('keeps no reference to the messages that it was created from', () => {
    const messages = decodeAny([...firstBlock(700, relation(), row(1)), streamCommit()]);
    const { values } = record(from(messages).pipe(transactions(), map(describeTransactions)));
    const [, , change] = messages;
    if (change?.kind !== 'insert') throw new Error('Expected an insert');
    change.new['name'] = 'changed';
    expect(values[0]?.changes).toMatchObject([{ new: { id: 1, name: 'row 1' } }]);
    expect(change).toMatchObject({ xid: 700, commitLsn: undefined });
  });
});
