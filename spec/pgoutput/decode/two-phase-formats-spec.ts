import { COMMIT_TIME } from '../../../lib/testing/defaults';
import {
  begin,
  beginPrepare,
  commit,
  commitPrepared,
  insert,
  encodeLogicalMessage,
  message,
  origin,
  prepare,
  relation,
  rollbackPrepared,
  streamPrepare,
  streamStop,
} from '../../../lib/testing/payloads';
import { block, firstBlock } from '../support/blocks';
import { decodeAny, decodeError } from '../support/decode';

const LATER = new Date(COMMIT_TIME.getTime() + 60_000);
const MAX = 0xffff_ffff_ffff_ffffn;

describe('a prepared transaction', () => {
  it('is decoded with gid, positions, time and transaction id', () => {
    const fields = { gid: 'töpf_1', xid: 0xffff_ffff, prepareLsn: MAX, endLsn: MAX, prepareTime: LATER };
    expect(decodeAny([beginPrepare(fields), prepare(fields)]).map((message) => ({ ...message }))).toStrictEqual([
      { kind: 'beginPrepare', ...fields },
      { kind: 'prepare', ...fields },
    ]);
    const [, , streamed] = decodeAny([...firstBlock(0xffff_ffff), streamPrepare(fields)]);
    expect({ ...streamed }).toStrictEqual({ kind: 'streamPrepare', ...fields });
  });

  it('may have any gid of up to 199 bytes, and none', () => {
    for (const gid of ['', "it's", 'a'.repeat(199), 'é'.repeat(99)]) {
      expect(decodeAny([beginPrepare({ gid }), prepare({ gid })])).toMatchObject([{ gid }, { gid }]);
    }
  });

  it('has changes at its prepare LSN, in order from 0', () => {
    const payloads = [
      beginPrepare({ prepareLsn: 0x500n }),
      origin('node_b'),
      relation(),
      insert(['1', 'a']),
      encodeLogicalMessage(),
      insert(['2', 'b']),
      prepare({ prepareLsn: 0x500n }),
      begin({ commitLsn: 0x600n }),
      insert(['3', 'c']),
      commit({ commitLsn: 0x600n }),
    ];
    const places = decodeAny(payloads).flatMap((message) =>
      'ordinal' in message ? [[message.kind, message.commitLsn, message.ordinal, 'xid' in message]] : [],
    );
    expect(places).toEqual([
      ['insert', 0x500n, 0, false],
      ['message', 0x500n, 1, false],
      ['insert', 0x500n, 2, false],
      ['insert', 0x600n, 0, false],
    ]);
  });

  it('may be empty, and be between the blocks of another', () => {
    const kinds = decodeAny([
      ...firstBlock(800),
      beginPrepare(),
      prepare(),
      ...block(800),
      streamPrepare({ xid: 800 }),
    ]);
    expect(kinds.map(({ kind }) => kind)).toEqual([
      'streamStart',
      'streamStop',
      'beginPrepare',
      'prepare',
      'streamStart',
      'streamStop',
      'streamPrepare',
    ]);
  });

  it('describes tables for all later transactions, if it is sent as a whole', () => {
    const payloads = [beginPrepare(), relation(), prepare(), begin(), insert(['1', 'a']), commit()];
    expect(decodeAny(payloads)[4]).toMatchObject({ kind: 'insert', table: 'users' });
  });

  it('has messages for its end that require no earlier ones', () => {
    const committed = { gid: 'g', xid: 7, commitLsn: MAX, endLsn: MAX, commitTime: LATER };
    const rolledBack = {
      gid: 'g',
      xid: 7,
      prepareEndLsn: 0x130n,
      endLsn: MAX,
      prepareTime: COMMIT_TIME,
      rollbackTime: LATER,
    };
    const messages = decodeAny([commitPrepared(committed), rollbackPrepared(rolledBack), commitPrepared(committed)]);
    expect(messages.map((message) => ({ ...message }))).toStrictEqual([
      { kind: 'commitPrepared', ...committed },
      { kind: 'rollbackPrepared', ...rolledBack },
      { kind: 'commitPrepared', ...committed },
    ]);
  });
});

describe('an invalid message at this point of a prepared transaction', () => {
  const whole = /expected the end of the transaction at 0\/100 before it/;
  const outside = /it came outside a transaction/;

  it.each<[what: string, payloads: Buffer[], problem: RegExp]>([
    ['a second BeginPrepare', [beginPrepare(), beginPrepare()], whole],
    ['a BeginPrepare inside a transaction', [begin(), beginPrepare()], whole],
    ['a Begin inside a prepared transaction', [beginPrepare(), begin()], whole],
    ['a Prepare without a BeginPrepare', [prepare()], outside],
    ['a second prepare', [beginPrepare(), prepare(), prepare()], outside],
    [
      'a prepare at another position',
      [beginPrepare({ prepareLsn: 0x100n }), prepare({ prepareLsn: 0x1_0000_0100n })],
      /^Prepare message: expected the LSN 0\/100 that the transaction began with, found 1\/100/,
    ],
    ['a Prepare inside a transaction', [begin(), prepare()], /expected the Commit of the transaction at 0\/100/],
    [
      'a commit of what is to be prepared',
      [beginPrepare(), commit()],
      /expected the Prepare of the transaction at 0\/100/,
    ],
    ['the end of a block', [beginPrepare(), streamStop()], /expected Stream Start before it/],
    ['a change after the prepare', [beginPrepare(), relation(), prepare(), insert(['1', 'a'])], outside],
    ['a CommitPrepared inside a prepared transaction', [beginPrepare(), commitPrepared()], whole],
    ['a RollbackPrepared inside a prepared transaction', [beginPrepare(), rollbackPrepared()], whole],
    ['a CommitPrepared inside a transaction', [begin(), commitPrepared()], whole],
    ['a RollbackPrepared inside a transaction', [begin(), rollbackPrepared()], whole],
    ['a prepare with flags', [beginPrepare(), prepare({ flags: 1 })], /flags of 0 at byte 1, found 0x01/],
    ['a commit with flags', [commitPrepared({ flags: 255 })], /flags of 0 at byte 1, found 0xff/],
    ['a rollback with flags', [rollbackPrepared({ flags: 2 })], /flags of 0 at byte 1, found 0x02/],
    [
      'a gid without an end',
      [message('K', Buffer.alloc(29), Buffer.from('abc'))],
      /^Commit Prepared message: .* at byte/,
    ],
  ])('%s', (_, payloads, problem) => {
    expect(decodeError(payloads).message).toMatch(problem);
  });
});
