import { COMMIT_TIME } from '../../../lib/testing/defaults';
import {
  buildBegin,
  buildBeginPrepare,
  buildCommit,
  buildCommitPrepared,
  buildDelete,
  insertXid,
  buildInsert,
  buildLogicalMessage,
  buildOrigin,
  buildPrepare,
  buildRelation,
  buildRollbackPrepared,
  buildStreamAbort,
  buildStreamCommit,
  buildStreamPrepare,
  buildStreamStart,
  buildStreamStop,
  buildTruncate,
  buildType,
  buildUpdate,
} from '../../../lib/testing/payloads';
import { PgoutputDecoder } from '../../../lib/pgoutput/decode/decoder';
import { readExpectedTables } from '../../../lib/pgoutput/types/expected-tables';
import { defaultTypes } from '../../../lib/pgoutput/values/values';
import { captureError } from '../../support/capture-error';
import { block, firstBlock } from '../support/blocks';
import { decodeAny, decodeError } from '../support/decode';

const ONE = buildInsert(['1', 'a']);

describe('the messages of a stream', () => {
  it('are decoded with all their fields', () => {
    const max = 0xffff_ffff;
    expect(
      decodeAny([
        ...firstBlock(max),
        ...block(max),
        buildStreamAbort({ xid: max, subxid: 7 }),
        buildStreamAbort({ xid: 5, subxid: 5, abortLsn: 0xffff_ffff_ffff_ffffn, abortTime: COMMIT_TIME }),
        buildStreamCommit({ xid: max, commitLsn: 0x500n, endLsn: 0x530n }),
      ]),
    ).toStrictEqual(
      [
        { kind: 'streamStart', xid: max, first: true },
        { kind: 'streamStop', xid: max },
        { kind: 'streamStart', xid: max, first: false },
        { kind: 'streamStop', xid: max },
        { kind: 'streamAbort', xid: max, subxid: 7, abortLsn: undefined, abortTime: undefined },
        { kind: 'streamAbort', xid: 5, subxid: 5, abortLsn: 0xffff_ffff_ffff_ffffn, abortTime: COMMIT_TIME },
        { kind: 'streamCommit', xid: max, commitLsn: 0x500n, endLsn: 0x530n, commitTime: COMMIT_TIME },
      ].map((members) => expect.objectContaining(members) as unknown),
    );
  });

  it('have no position, which is not known yet, and have the xid of their subtransaction', () => {
    const changes = decodeAny(
      firstBlock(
        700,
        buildRelation(),
        ONE,
        [701, buildUpdate(['2', 'b'], { key: ['1', null] })],
        [702, buildDelete({ key: ['2', null] })],
        [701, buildTruncate()],
        buildLogicalMessage({ lsn: 0x90n }),
      ),
    ).slice(2, -1);
    expect(changes.map((change) => ({ ...change }))).toMatchObject([
      { kind: 'insert', xid: 700, commitLsn: undefined, ordinal: undefined, new: { id: 1, name: 'a' } },
      { kind: 'update', xid: 701, commitLsn: undefined, ordinal: undefined, new: { id: 2 }, key: { id: 1 } },
      { kind: 'delete', xid: 702, commitLsn: undefined, ordinal: undefined, key: { id: 2 } },
      { kind: 'truncate', xid: 701, commitLsn: undefined, ordinal: undefined, tables: ['users'] },
      { kind: 'message', xid: 700, commitLsn: undefined, ordinal: undefined, transactional: true, lsn: 0x90n },
    ]);
  });

  it('include the origin within a block, without an xid', () => {
    const [, found] = decodeAny(firstBlock(700, buildOrigin('node_b')));
    expect(found).toMatchObject({ kind: 'origin', name: 'node_b', originLsn: 0n });
  });

  it('may have a non-transactional message between blocks, without an xid', () => {
    const alone = buildLogicalMessage({ transactional: false, lsn: 0x77n });
    const [, , found] = decodeAny([...firstBlock(700), alone, ...block(700)]);
    expect({ ...found }).toMatchObject({ kind: 'message', lsn: 0x77n, commitLsn: undefined });
    expect(found).not.toHaveProperty('xid');
  });

  it('may be empty, and abort a subtransaction of which nothing was streamed', () => {
    const kinds = decodeAny([...firstBlock(700), ...block(700), buildStreamAbort({ xid: 700, subxid: 705 })]);
    expect(kinds.map(({ kind }) => kind)).toEqual([
      'streamStart',
      'streamStop',
      'streamStart',
      'streamStop',
      'streamAbort',
    ]);
    expect(decodeAny([buildStreamAbort({ xid: 9, subxid: 10 }), buildStreamAbort({ xid: 9 })])).toHaveLength(2);
  });

  it('are interleaved with whole transactions and each other, and each transaction keeps its ordinals and its end', () => {
    const messages = decodeAny([
      ...firstBlock(700, buildRelation(), ONE),
      ...firstBlock(800, buildRelation({ oid: 9, name: 'others' }), buildInsert(['2', 'b'], 9)),
      buildBegin({ commitLsn: 0x100n }),
      buildRelation({ oid: 8, name: 'whole' }),
      buildInsert(['3', 'c'], 8),
      buildInsert(['4', 'd'], 8),
      buildCommit({ commitLsn: 0x100n }),
      ...block(700, buildInsert(['5', 'e'])),
      buildStreamCommit({ xid: 800, commitLsn: 0x200n }),
      ...block(700, buildInsert(['6', 'f'])),
      buildStreamCommit({ xid: 700, commitLsn: 0x300n }),
    ]);
    const changes = messages.flatMap((message) =>
      message.kind === 'insert' ? [[message.new['id'], message.xid, message.commitLsn, message.ordinal]] : [],
    );
    expect(changes).toEqual([
      [1, 700, undefined, undefined],
      [2, 800, undefined, undefined],
      [3, undefined, 0x100n, 0],
      [4, undefined, 0x100n, 1],
      [5, 700, undefined, undefined],
      [6, 700, undefined, undefined],
    ]);
  });

  it('may start again with an xid of a transaction that has ended', () => {
    for (const end of [buildStreamCommit(), buildStreamAbort(), buildStreamPrepare()]) {
      expect(decodeAny([...firstBlock(700), end, ...firstBlock(700), end])).toHaveLength(6);
    }
  });
});

describe('an invalid message at this point of a stream', () => {
  const open = firstBlock(700, buildRelation(), ONE);
  const inside = open.slice(0, -1);
  const within = /expected Stream Stop of transaction 700 before it/;
  const whole = /expected the end of the transaction at 0\/100 before it/;
  const unknown = /expected a Stream Start of transaction 700 before it/;

  it.each<[what: string, payloads: Buffer[], problem: RegExp]>([
    ['a block in a block', [...inside, buildStreamStart({ xid: 800 })], within],
    ['a block of the same transaction inside its block', [...inside, buildStreamStart({ first: false })], within],
    ['a block in a transaction that is not streamed', [buildBegin(), buildStreamStart()], whole],
    ['a block in a prepared transaction', [buildBeginPrepare(), buildStreamStart()], whole],
    ['a first block that is not the first', [...open, buildStreamStart()], /of transaction 700 that is not its first/],
    ['a block whose first is missing', [buildStreamStart({ first: false })], /of transaction 700 that is its first/],
    [
      'a block that goes on after the commit',
      [...open, buildStreamCommit(), buildStreamStart({ first: false })],
      /that is its first/,
    ],
    [
      'a block that goes on after the abort',
      [...open, buildStreamAbort(), buildStreamStart({ first: false })],
      /that is its first/,
    ],
    [
      'a block that goes on after the prepare',
      [...open, buildStreamPrepare(), buildStreamStart({ first: false })],
      /that is its first/,
    ],
    [
      'the end of a block outside a block',
      [buildStreamStop()],
      /^Stream Stop message: expected Stream Start before it/,
    ],
    ['a second end of a block', [...open, buildStreamStop()], /expected Stream Start before it/],
    [
      'the end of a block in a transaction that is not streamed',
      [buildBegin(), buildStreamStop()],
      /expected Stream Start before it/,
    ],
    ['the commit of an unknown transaction', [buildStreamCommit()], unknown],
    ['a second commit', [...open, buildStreamCommit(), buildStreamCommit()], unknown],
    ['a commit after the abort', [...open, buildStreamAbort(), buildStreamCommit()], unknown],
    ['a commit after the prepare', [...open, buildStreamPrepare(), buildStreamCommit()], unknown],
    ['a commit in the block', [...inside, buildStreamCommit()], within],
    ['a stream commit in a transaction that is not streamed', [...open, buildBegin(), buildStreamCommit()], whole],
    ['an abort in the block', [...inside, buildStreamAbort({ subxid: 701 })], within],
    [
      'an abort in a transaction that is not streamed',
      [...open, buildBegin(), buildStreamAbort({ subxid: 701 })],
      whole,
    ],
    ['the prepare of an unknown transaction', [buildStreamPrepare()], unknown],
    ['a prepare of the stream in the block', [...inside, buildStreamPrepare()], within],
    ['the Begin of another transaction in a block', [...inside, buildBegin()], within],
    ['a Commit in a block', [...inside, buildCommit()], within],
    ['a prepared transaction in a block', [...inside, buildBeginPrepare()], within],
    ['a Prepare in a block', [...inside, buildPrepare()], within],
    ['the commit of a prepared transaction in a block', [...inside, buildCommitPrepared()], within],
    ['the rollback of a prepared transaction in a block', [...inside, buildRollbackPrepared()], within],
    ['a change between blocks', [...open, ONE], /^Insert message: it came outside a transaction/],
    ['a change with an xid between blocks', [...open, insertXid(700, ONE)], /it came outside a transaction/],
    ['an origin between blocks', [...open, buildOrigin('node_b')], /it came outside a transaction/],
    ['a transactional message between blocks', [...open, buildLogicalMessage()], /it came outside a transaction/],
    ['a commit with flags', [...open, buildStreamCommit({ flags: 1 })], /flags of 0 at byte 5, found 0x01/],
    ['a prepare with flags', [...open, buildStreamPrepare({ flags: 1 })], /flags of 0 at byte 1, found 0x01/],
  ])('%s', (_, payloads, problem) => {
    expect(decodeError(payloads).message).toMatch(problem);
  });

  it('a change in a block without its xid is never decoded as one with it', () => {
    // The OID of its table would be used as the xid, and the next bytes as the OID.
    expect(decodeError([...inside, ONE]).message).toMatch(/^Insert message: expected the Relation with OID \d+ before/);
  });
});

describe('an abort', () => {
  const [, , ...rest] = [...buildStreamAbort({ subxid: 701, abortLsn: 7n })];

  it('has both LSN and time, or neither', () => {
    const whole = Buffer.from([0x41, 0, ...rest]);
    expect(rest).toHaveLength(23);
    for (let end = 1; end < whole.length; end++) {
      const payload = buildStreamAbort({ subxid: 701, abortLsn: 7n }).subarray(0, end);
      if (end === 9) expect(decodeAny([payload])).toMatchObject([{ subxid: 701, abortLsn: undefined }]);
      else expect(decodeError([payload]).message).toMatch(/^Stream Abort message: expected /);
    }
  });

  it('must end at the end of its payload', () => {
    const longer = Buffer.concat([buildStreamAbort({ abortLsn: 7n }), Buffer.of(0)]);
    expect(decodeError([longer]).message).toMatch(/^Stream Abort message: .* at byte 25/);
  });
});

describe('a table that is described in a block', () => {
  const named = (name: string, ...columns: string[]) => buildRelation({ name, columns });

  /** The positions of the tables of inserts, and their decoded rows. */
  function rowsOf(payloads: readonly Buffer[]): unknown[] {
    return decodeAny(payloads).flatMap((message) =>
      message.kind === 'insert' ? [`${message.table} ${JSON.stringify(message.new)}`] : [],
    );
  }

  it('is unknown to other transactions until its transaction is committed', () => {
    const start = firstBlock(700, named('mine', 'a'), buildInsert(['1']));
    const others = [buildBegin(), buildInsert(['1']), buildCommit()];
    expect(decodeError([...start, ...others.slice(0, 2)]).message).toMatch(/expected the Relation with OID 16384/);
    expect(decodeError([...start, ...firstBlock(800, buildInsert(['1'])).slice(0, 2)]).message).toMatch(
      /the Relation with/,
    );
    expect(rowsOf([...start, buildStreamCommit(), ...others])).toEqual(['mine {"a":"1"}', 'mine {"a":"1"}']);
    expect(rowsOf([...start, buildStreamCommit(), ...firstBlock(800, buildInsert(['2']))])).toHaveLength(2);
  });

  it.each<[how: string, end: Buffer, code: string | undefined]>([
    ['is committed', buildStreamCommit(), 'SCHEMA_DRIFT'],
    ['is prepared', buildStreamPrepare(), 'SCHEMA_DRIFT'],
    ['is aborted', buildStreamAbort(), undefined],
    ['is aborted in part', buildStreamAbort({ subxid: 701 }), undefined],
  ])('may differ from the expected table until the transaction %s', (_, end, code) => {
    const check = readExpectedTables({ mine: { a: 'int8' } });
    const decoder = new PgoutputDecoder(defaultTypes, { check });
    const decode = (payload: Buffer) => decoder.decode(payload, 0, payload.length);
    for (const payload of firstBlock(700, named('mine', 'a'), buildInsert(['1']), named('mine', 'b'))) decode(payload);
    if (code) expect(captureError(() => decode(end))).toMatchObject({ code, retryable: false });
    else expect(decode(end)).toMatchObject({ kind: 'streamAbort' });
    // As decoded from the whole transaction.
    const whole = new PgoutputDecoder(defaultTypes, { check });
    whole.decode(buildBegin(), 0, buildBegin().length);
    const described = named('mine', 'b');
    expect(captureError(() => whole.decode(described, 0, described.length))).toMatchObject({ code: 'SCHEMA_DRIFT' });
  });

  it('is known to later blocks of the transaction', () => {
    const payloads = [
      ...firstBlock(700, named('mine', 'a')),
      ...firstBlock(800),
      ...block(700, buildInsert(['1'])),
      ...block(700, [705, buildInsert(['2'])]),
    ];
    expect(rowsOf(payloads)).toEqual(['mine {"a":"1"}', 'mine {"a":"2"}']);
  });

  it('keeps its earlier description for all other transactions while the transaction is open', () => {
    const before = [buildBegin(), named('old', 'a'), buildCommit()];
    const payloads = [
      ...before,
      ...firstBlock(700, buildInsert(['1']), named('new', 'b', 'c'), buildInsert(['2', '3'])),
      buildBegin(),
      buildInsert(['4']),
      buildCommit(),
      ...firstBlock(800, buildInsert(['5'])),
      ...block(700, buildInsert(['6', '7'])),
    ];
    expect(rowsOf(payloads)).toEqual([
      'old {"a":"1"}',
      'new {"b":"2","c":"3"}',
      'old {"a":"4"}',
      'old {"a":"5"}',
      'new {"b":"6","c":"7"}',
    ]);
  });

  it.each([
    ['aborted', buildStreamAbort()],
    ['prepared', buildStreamPrepare()],
  ])('has its earlier description again once the transaction is %s', (_, end) => {
    const payloads = [
      buildBegin(),
      named('old', 'a'),
      buildCommit(),
      ...firstBlock(700, named('new', 'b', 'c'), buildInsert(['2', '3'])),
      end,
      buildBegin(),
      buildInsert(['4']),
      buildCommit(),
      ...firstBlock(700, buildInsert(['5'])),
    ];
    expect(rowsOf(payloads)).toEqual(['new {"b":"2","c":"3"}', 'old {"a":"4"}', 'old {"a":"5"}']);
  });

  it('is kept when a subtransaction is aborted: the server describes it again', () => {
    const payloads = [
      ...firstBlock(700, named('mine', 'a'), [701, named('mine', 'b')]),
      buildStreamAbort({ subxid: 701 }),
      ...block(700, named('mine', 'a'), buildInsert(['1'])),
    ];
    expect(rowsOf(payloads)).toEqual(['mine {"a":"1"}']);
  });

  it('may be described differently by several open transactions, and the latest description of a committed one is used', () => {
    const payloads = [
      ...firstBlock(700, named('seven', 'a'), buildInsert(['1'])),
      ...firstBlock(800, named('eight', 'b'), buildInsert(['2'])),
      ...block(700, buildInsert(['3'])),
      ...block(800, buildInsert(['4'])),
      buildStreamCommit({ xid: 800 }),
      ...block(700, buildInsert(['5'])),
      buildBegin(),
      buildInsert(['6']),
      buildCommit(),
      buildStreamCommit({ xid: 700 }),
      buildBegin(),
      buildInsert(['7']),
      buildCommit(),
    ];
    expect(rowsOf(payloads)).toEqual([
      'seven {"a":"1"}',
      'eight {"b":"2"}',
      'seven {"a":"3"}',
      'eight {"b":"4"}',
      'seven {"a":"5"}',
      'eight {"b":"6"}',
      'eight {"b":"7"}',
    ]);
  });

  it('has the committed description in an open transaction, unless that has described it itself', () => {
    const payloads = [
      ...firstBlock(700),
      buildBegin(),
      named('whole', 'a'),
      buildCommit(),
      ...block(700, buildInsert(['1'])),
      ...firstBlock(800, named('eight', 'b')),
      buildStreamCommit({ xid: 800 }),
      ...block(700, buildInsert(['2'])),
    ];
    expect(rowsOf(payloads)).toEqual(['whole {"a":"1"}', 'eight {"b":"2"}']);
  });

  it('determines domains only for its own transaction, until that is committed', () => {
    const table = buildRelation({ columns: [{ name: 'a', typeOid: 16400 }] });
    const described = [buildBegin(), table, buildInsert(['1']), buildCommit()];
    const payloads = [...firstBlock(700, buildType(16400, 'int4', ''), table, buildInsert(['1'])), ...described];
    expect(rowsOf(payloads)).toEqual(['users {"a":1}', 'users {"a":"1"}']);
    expect(rowsOf([...payloads, buildStreamCommit(), ...described]).at(-1)).toBe('users {"a":1}');
    expect(rowsOf([...payloads, buildStreamAbort(), ...described]).at(-1)).toBe('users {"a":"1"}');
    expect(rowsOf([...described, ...firstBlock(700, buildType(16400, 'int4', ''), buildInsert(['1']))]).at(-1)).toBe(
      'users {"a":"1"}',
    );
    const renamed = [
      buildType(16400, 'int4', ''),
      ...firstBlock(700, buildType(16400, 'mood'), table, buildInsert(['1'])),
    ];
    expect(rowsOf([...renamed, ...described])).toEqual(['users {"a":"1"}', 'users {"a":1}']);
  });

  it('keeps the description that its emitted changes have', () => {
    const messages = decodeAny(
      firstBlock(700, named('old', 'a'), buildInsert(['1']), named('new', 'b'), buildInsert(['2']), buildTruncate()),
    );
    const [, first, one, second, two, truncated] = messages;
    if (one?.kind !== 'insert' || two?.kind !== 'insert' || truncated?.kind !== 'truncate') throw new Error('Expected');
    expect([one.relation, two.relation, truncated.relations]).toEqual([first, second, [second]]);
    expect(one.relation).toBe(first);
    expect(two.relation).toBe(second);
  });
});
