import { COMMIT_TIME } from '../../../lib/testing/defaults';
import {
  buildBegin,
  buildBeginPrepare,
  buildCommit,
  buildCommitPrepared,
  buildInsert,
  buildLogicalMessage,
  buildPayload,
  buildOrigin,
  buildPrepare,
  buildRelation,
  buildRollbackPrepared,
  buildStreamPrepare,
  buildStreamStop,
} from '../../../lib/testing/payloads';
import { block, firstBlock } from '../support/blocks';
import { decodeAny, decodeError } from '../support/decode';

const LATER = new Date(COMMIT_TIME.getTime() + 60_000);
const MAX = 0xffff_ffff_ffff_ffffn;

describe('a prepared transaction', () => {
  it('is decoded with gid, positions, time and transaction id', () => {
    const fields = { gid: 'töpf_1', xid: 0xffff_ffff, prepareLsn: MAX, endLsn: MAX, prepareTime: LATER };
    expect(
      decodeAny([buildBeginPrepare(fields), buildPrepare(fields)]).map((message) => ({ ...message })),
    ).toStrictEqual([
      { kind: 'beginPrepare', ...fields },
      { kind: 'prepare', ...fields },
    ]);
    const [, , streamed] = decodeAny([...firstBlock(0xffff_ffff), buildStreamPrepare(fields)]);
    expect({ ...streamed }).toStrictEqual({ kind: 'streamPrepare', ...fields });
  });

  it('may have any gid of up to 199 bytes, and none', () => {
    for (const gid of ['', "it's", 'a'.repeat(199), 'é'.repeat(99)]) {
      expect(decodeAny([buildBeginPrepare({ gid }), buildPrepare({ gid })])).toMatchObject([{ gid }, { gid }]);
    }
  });

  it('has changes at its prepare LSN, in order from 0', () => {
    const payloads = [
      buildBeginPrepare({ prepareLsn: 0x500n }),
      buildOrigin('node_b'),
      buildRelation(),
      buildInsert(['1', 'a']),
      buildLogicalMessage(),
      buildInsert(['2', 'b']),
      buildPrepare({ prepareLsn: 0x500n }),
      buildBegin({ commitLsn: 0x600n }),
      buildInsert(['3', 'c']),
      buildCommit({ commitLsn: 0x600n }),
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
      buildBeginPrepare(),
      buildPrepare(),
      ...block(800),
      buildStreamPrepare({ xid: 800 }),
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
    const payloads = [
      buildBeginPrepare(),
      buildRelation(),
      buildPrepare(),
      buildBegin(),
      buildInsert(['1', 'a']),
      buildCommit(),
    ];
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
    const messages = decodeAny([
      buildCommitPrepared(committed),
      buildRollbackPrepared(rolledBack),
      buildCommitPrepared(committed),
    ]);
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
    ['a second BeginPrepare', [buildBeginPrepare(), buildBeginPrepare()], whole],
    ['a BeginPrepare inside a transaction', [buildBegin(), buildBeginPrepare()], whole],
    ['a Begin inside a prepared transaction', [buildBeginPrepare(), buildBegin()], whole],
    ['a Prepare without a BeginPrepare', [buildPrepare()], outside],
    ['a second prepare', [buildBeginPrepare(), buildPrepare(), buildPrepare()], outside],
    [
      'a prepare at another position',
      [buildBeginPrepare({ prepareLsn: 0x100n }), buildPrepare({ prepareLsn: 0x1_0000_0100n })],
      /^Prepare message: expected the LSN 0\/100 that the transaction began with, found 1\/100/,
    ],
    [
      'a Prepare inside a transaction',
      [buildBegin(), buildPrepare()],
      /expected the Commit of the transaction at 0\/100/,
    ],
    [
      'a commit of what is to be prepared',
      [buildBeginPrepare(), buildCommit()],
      /expected the Prepare of the transaction at 0\/100/,
    ],
    ['the end of a block', [buildBeginPrepare(), buildStreamStop()], /expected Stream Start before it/],
    [
      'a change after the prepare',
      [buildBeginPrepare(), buildRelation(), buildPrepare(), buildInsert(['1', 'a'])],
      outside,
    ],
    ['a CommitPrepared inside a prepared transaction', [buildBeginPrepare(), buildCommitPrepared()], whole],
    ['a RollbackPrepared inside a prepared transaction', [buildBeginPrepare(), buildRollbackPrepared()], whole],
    ['a CommitPrepared inside a transaction', [buildBegin(), buildCommitPrepared()], whole],
    ['a RollbackPrepared inside a transaction', [buildBegin(), buildRollbackPrepared()], whole],
    ['a prepare with flags', [buildBeginPrepare(), buildPrepare({ flags: 1 })], /flags of 0 at byte 1, found 0x01/],
    ['a commit with flags', [buildCommitPrepared({ flags: 255 })], /flags of 0 at byte 1, found 0xff/],
    ['a rollback with flags', [buildRollbackPrepared({ flags: 2 })], /flags of 0 at byte 1, found 0x02/],
    [
      'a gid without an end',
      [buildPayload('K', Buffer.alloc(29), Buffer.from('abc'))],
      /^Commit Prepared message: .* at byte/,
    ],
  ])('%s', (_, payloads, problem) => {
    expect(decodeError(payloads).message).toMatch(problem);
  });
});
