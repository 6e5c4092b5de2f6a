import { COMMIT_TIME } from '../../../lib/testing/defaults';
import {
  begin,
  beginPrepare,
  commit,
  commitPrepared,
  deletion,
  inBlock,
  insert,
  encodeLogicalMessage,
  origin,
  prepare,
  relation,
  rollbackPrepared,
  streamAbort,
  streamCommit,
  streamPrepare,
  streamStart,
  streamStop,
  truncate,
  type,
  update,
} from '../../../lib/testing/payloads';
import { PgoutputDecoder } from '../../../lib/pgoutput/decode/decoder';
import { readExpectedTables } from '../../../lib/pgoutput/types/expected-tables';
import { defaultTypes } from '../../../lib/pgoutput/values/values';
import { captureError } from '../../support/capture-error';
import { block, firstBlock } from '../support/blocks';
import { decodeAny, decodeError } from '../support/decode';

const ONE = insert(['1', 'a']);

describe('the messages of a stream', () => {
  it('are decoded with all their fields', () => {
    const max = 0xffff_ffff;
    expect(
      decodeAny([
        ...firstBlock(max),
        ...block(max),
        streamAbort({ xid: max, subxid: 7 }),
        streamAbort({ xid: 5, subxid: 5, abortLsn: 0xffff_ffff_ffff_ffffn, abortTime: COMMIT_TIME }),
        streamCommit({ xid: max, commitLsn: 0x500n, endLsn: 0x530n }),
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
        relation(),
        ONE,
        [701, update(['2', 'b'], { key: ['1', null] })],
        [702, deletion({ key: ['2', null] })],
        [701, truncate()],
        encodeLogicalMessage({ lsn: 0x90n }),
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
    const [, found] = decodeAny(firstBlock(700, origin('node_b')));
    expect(found).toMatchObject({ kind: 'origin', name: 'node_b', originLsn: 0n });
  });

  it('may have a non-transactional message between blocks, without an xid', () => {
    const alone = encodeLogicalMessage({ transactional: false, lsn: 0x77n });
    const [, , found] = decodeAny([...firstBlock(700), alone, ...block(700)]);
    expect({ ...found }).toMatchObject({ kind: 'message', lsn: 0x77n, commitLsn: undefined });
    expect(found).not.toHaveProperty('xid');
  });

  it('may be empty, and abort a subtransaction of which nothing was streamed', () => {
    const kinds = decodeAny([...firstBlock(700), ...block(700), streamAbort({ xid: 700, subxid: 705 })]);
    expect(kinds.map(({ kind }) => kind)).toEqual([
      'streamStart',
      'streamStop',
      'streamStart',
      'streamStop',
      'streamAbort',
    ]);
    expect(decodeAny([streamAbort({ xid: 9, subxid: 10 }), streamAbort({ xid: 9 })])).toHaveLength(2);
  });

  it('are interleaved with whole transactions and each other, and each transaction keeps its ordinals and its end', () => {
    const messages = decodeAny([
      ...firstBlock(700, relation(), ONE),
      ...firstBlock(800, relation({ oid: 9, name: 'others' }), insert(['2', 'b'], 9)),
      begin({ commitLsn: 0x100n }),
      relation({ oid: 8, name: 'whole' }),
      insert(['3', 'c'], 8),
      insert(['4', 'd'], 8),
      commit({ commitLsn: 0x100n }),
      ...block(700, insert(['5', 'e'])),
      streamCommit({ xid: 800, commitLsn: 0x200n }),
      ...block(700, insert(['6', 'f'])),
      streamCommit({ xid: 700, commitLsn: 0x300n }),
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
    for (const end of [streamCommit(), streamAbort(), streamPrepare()]) {
      expect(decodeAny([...firstBlock(700), end, ...firstBlock(700), end])).toHaveLength(6);
    }
  });
});

describe('an invalid message at this point of a stream', () => {
  const open = firstBlock(700, relation(), ONE);
  const inside = open.slice(0, -1);
  const within = /expected Stream Stop of transaction 700 before it/;
  const whole = /expected the end of the transaction at 0\/100 before it/;
  const unknown = /expected a Stream Start of transaction 700 before it/;

  it.each<[what: string, payloads: Buffer[], problem: RegExp]>([
    ['a block in a block', [...inside, streamStart({ xid: 800 })], within],
    ['a block of the same transaction inside its block', [...inside, streamStart({ first: false })], within],
    ['a block in a transaction that is not streamed', [begin(), streamStart()], whole],
    ['a block in a prepared transaction', [beginPrepare(), streamStart()], whole],
    ['a first block that is not the first', [...open, streamStart()], /of transaction 700 that is not its first/],
    ['a block whose first is missing', [streamStart({ first: false })], /of transaction 700 that is its first/],
    [
      'a block that goes on after the commit',
      [...open, streamCommit(), streamStart({ first: false })],
      /that is its first/,
    ],
    [
      'a block that goes on after the abort',
      [...open, streamAbort(), streamStart({ first: false })],
      /that is its first/,
    ],
    [
      'a block that goes on after the prepare',
      [...open, streamPrepare(), streamStart({ first: false })],
      /that is its first/,
    ],
    ['the end of a block outside a block', [streamStop()], /^Stream Stop message: expected Stream Start before it/],
    ['a second end of a block', [...open, streamStop()], /expected Stream Start before it/],
    [
      'the end of a block in a transaction that is not streamed',
      [begin(), streamStop()],
      /expected Stream Start before it/,
    ],
    ['the commit of an unknown transaction', [streamCommit()], unknown],
    ['a second commit', [...open, streamCommit(), streamCommit()], unknown],
    ['a commit after the abort', [...open, streamAbort(), streamCommit()], unknown],
    ['a commit after the prepare', [...open, streamPrepare(), streamCommit()], unknown],
    ['a commit in the block', [...inside, streamCommit()], within],
    ['a stream commit in a transaction that is not streamed', [...open, begin(), streamCommit()], whole],
    ['an abort in the block', [...inside, streamAbort({ subxid: 701 })], within],
    ['an abort in a transaction that is not streamed', [...open, begin(), streamAbort({ subxid: 701 })], whole],
    ['the prepare of an unknown transaction', [streamPrepare()], unknown],
    ['a prepare of the stream in the block', [...inside, streamPrepare()], within],
    ['the Begin of another transaction in a block', [...inside, begin()], within],
    ['a Commit in a block', [...inside, commit()], within],
    ['a prepared transaction in a block', [...inside, beginPrepare()], within],
    ['a Prepare in a block', [...inside, prepare()], within],
    ['the commit of a prepared transaction in a block', [...inside, commitPrepared()], within],
    ['the rollback of a prepared transaction in a block', [...inside, rollbackPrepared()], within],
    ['a change between blocks', [...open, ONE], /^Insert message: it came outside a transaction/],
    ['a change with an xid between blocks', [...open, inBlock(700, ONE)], /it came outside a transaction/],
    ['an origin between blocks', [...open, origin('node_b')], /it came outside a transaction/],
    ['a transactional message between blocks', [...open, encodeLogicalMessage()], /it came outside a transaction/],
    ['a commit with flags', [...open, streamCommit({ flags: 1 })], /flags of 0 at byte 5, found 0x01/],
    ['a prepare with flags', [...open, streamPrepare({ flags: 1 })], /flags of 0 at byte 1, found 0x01/],
  ])('%s', (_, payloads, problem) => {
    expect(decodeError(payloads).message).toMatch(problem);
  });

  it('a change in a block without its xid is never decoded as one with it', () => {
    // The OID of its table would be used as the xid, and the next bytes as the OID.
    expect(decodeError([...inside, ONE]).message).toMatch(/^Insert message: expected the Relation with OID \d+ before/);
  });
});

describe('an abort', () => {
  const [, , ...rest] = [...streamAbort({ subxid: 701, abortLsn: 7n })];

  it('has both LSN and time, or neither', () => {
    const whole = Buffer.from([0x41, 0, ...rest]);
    expect(rest).toHaveLength(23);
    for (let end = 1; end < whole.length; end++) {
      const payload = streamAbort({ subxid: 701, abortLsn: 7n }).subarray(0, end);
      if (end === 9) expect(decodeAny([payload])).toMatchObject([{ subxid: 701, abortLsn: undefined }]);
      else expect(decodeError([payload]).message).toMatch(/^Stream Abort message: expected /);
    }
  });

  it('must end at the end of its payload', () => {
    const longer = Buffer.concat([streamAbort({ abortLsn: 7n }), Buffer.of(0)]);
    expect(decodeError([longer]).message).toMatch(/^Stream Abort message: .* at byte 25/);
  });
});

describe('a table that is described in a block', () => {
  const named = (name: string, ...columns: string[]) => relation({ name, columns });

  /** The positions of the tables of inserts, and their decoded rows. */
  function rowsOf(payloads: readonly Buffer[]): unknown[] {
    return decodeAny(payloads).flatMap((message) =>
      message.kind === 'insert' ? [`${message.table} ${JSON.stringify(message.new)}`] : [],
    );
  }

  it('is unknown to other transactions until its transaction is committed', () => {
    const start = firstBlock(700, named('mine', 'a'), insert(['1']));
    const others = [begin(), insert(['1']), commit()];
    expect(decodeError([...start, ...others.slice(0, 2)]).message).toMatch(/expected the Relation with OID 16384/);
    expect(decodeError([...start, ...firstBlock(800, insert(['1'])).slice(0, 2)]).message).toMatch(/the Relation with/);
    expect(rowsOf([...start, streamCommit(), ...others])).toEqual(['mine {"a":"1"}', 'mine {"a":"1"}']);
    expect(rowsOf([...start, streamCommit(), ...firstBlock(800, insert(['2']))])).toHaveLength(2);
  });

  it.each<[how: string, end: Buffer, code: string | undefined]>([
    ['is committed', streamCommit(), 'SCHEMA_DRIFT'],
    ['is prepared', streamPrepare(), 'SCHEMA_DRIFT'],
    ['is aborted', streamAbort(), undefined],
    ['is aborted in part', streamAbort({ subxid: 701 }), undefined],
  ])('may differ from the expected table until the transaction %s', (_, end, code) => {
    const check = readExpectedTables({ mine: { a: 'int8' } });
    const decoder = new PgoutputDecoder(defaultTypes, { check });
    const decode = (payload: Buffer) => decoder.decode(payload, 0, payload.length);
    for (const payload of firstBlock(700, named('mine', 'a'), insert(['1']), named('mine', 'b'))) decode(payload);
    if (code) expect(captureError(() => decode(end))).toMatchObject({ code, retryable: false });
    else expect(decode(end)).toMatchObject({ kind: 'streamAbort' });
    // As decoded from the whole transaction.
    const whole = new PgoutputDecoder(defaultTypes, { check });
    whole.decode(begin(), 0, begin().length);
    const described = named('mine', 'b');
    expect(captureError(() => whole.decode(described, 0, described.length))).toMatchObject({ code: 'SCHEMA_DRIFT' });
  });

  it('is known to later blocks of the transaction', () => {
    const payloads = [
      ...firstBlock(700, named('mine', 'a')),
      ...firstBlock(800),
      ...block(700, insert(['1'])),
      ...block(700, [705, insert(['2'])]),
    ];
    expect(rowsOf(payloads)).toEqual(['mine {"a":"1"}', 'mine {"a":"2"}']);
  });

  it('keeps its earlier description for all other transactions while the transaction is open', () => {
    const before = [begin(), named('old', 'a'), commit()];
    const payloads = [
      ...before,
      ...firstBlock(700, insert(['1']), named('new', 'b', 'c'), insert(['2', '3'])),
      begin(),
      insert(['4']),
      commit(),
      ...firstBlock(800, insert(['5'])),
      ...block(700, insert(['6', '7'])),
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
    ['aborted', streamAbort()],
    ['prepared', streamPrepare()],
  ])('has its earlier description again once the transaction is %s', (_, end) => {
    const payloads = [
      begin(),
      named('old', 'a'),
      commit(),
      ...firstBlock(700, named('new', 'b', 'c'), insert(['2', '3'])),
      end,
      begin(),
      insert(['4']),
      commit(),
      ...firstBlock(700, insert(['5'])),
    ];
    expect(rowsOf(payloads)).toEqual(['new {"b":"2","c":"3"}', 'old {"a":"4"}', 'old {"a":"5"}']);
  });

  it('is kept when a subtransaction is aborted: the server describes it again', () => {
    const payloads = [
      ...firstBlock(700, named('mine', 'a'), [701, named('mine', 'b')]),
      streamAbort({ subxid: 701 }),
      ...block(700, named('mine', 'a'), insert(['1'])),
    ];
    expect(rowsOf(payloads)).toEqual(['mine {"a":"1"}']);
  });

  it('may be described differently by several open transactions, and the latest description of a committed one is used', () => {
    const payloads = [
      ...firstBlock(700, named('seven', 'a'), insert(['1'])),
      ...firstBlock(800, named('eight', 'b'), insert(['2'])),
      ...block(700, insert(['3'])),
      ...block(800, insert(['4'])),
      streamCommit({ xid: 800 }),
      ...block(700, insert(['5'])),
      begin(),
      insert(['6']),
      commit(),
      streamCommit({ xid: 700 }),
      begin(),
      insert(['7']),
      commit(),
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
      begin(),
      named('whole', 'a'),
      commit(),
      ...block(700, insert(['1'])),
      ...firstBlock(800, named('eight', 'b')),
      streamCommit({ xid: 800 }),
      ...block(700, insert(['2'])),
    ];
    expect(rowsOf(payloads)).toEqual(['whole {"a":"1"}', 'eight {"b":"2"}']);
  });

  it('determines domains only for its own transaction, until that is committed', () => {
    const table = relation({ columns: [{ name: 'a', typeOid: 16400 }] });
    const described = [begin(), table, insert(['1']), commit()];
    const payloads = [...firstBlock(700, type(16400, 'int4', ''), table, insert(['1'])), ...described];
    expect(rowsOf(payloads)).toEqual(['users {"a":1}', 'users {"a":"1"}']);
    expect(rowsOf([...payloads, streamCommit(), ...described]).at(-1)).toBe('users {"a":1}');
    expect(rowsOf([...payloads, streamAbort(), ...described]).at(-1)).toBe('users {"a":"1"}');
    expect(rowsOf([...described, ...firstBlock(700, type(16400, 'int4', ''), insert(['1']))]).at(-1)).toBe(
      'users {"a":"1"}',
    );
    const renamed = [type(16400, 'int4', ''), ...firstBlock(700, type(16400, 'mood'), table, insert(['1']))];
    expect(rowsOf([...renamed, ...described])).toEqual(['users {"a":"1"}', 'users {"a":1}']);
  });

  it('keeps the description that its emitted changes have', () => {
    const messages = decodeAny(
      firstBlock(700, named('old', 'a'), insert(['1']), named('new', 'b'), insert(['2']), truncate()),
    );
    const [, first, one, second, two, truncated] = messages;
    if (one?.kind !== 'insert' || two?.kind !== 'insert' || truncated?.kind !== 'truncate') throw new Error('Expected');
    expect([one.relation, two.relation, truncated.relations]).toEqual([first, second, [second]]);
    expect(one.relation).toBe(first);
    expect(two.relation).toBe(second);
  });
});
