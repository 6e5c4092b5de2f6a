import { decodeAll, decodeError, decodeLast } from '../support/decode';
import { COMMIT_TIME } from '../../../lib/testing/defaults';
import {
  buildBegin,
  buildCommit,
  buildInsert,
  buildLogicalMessage,
  buildOrigin,
  buildRelation,
} from '../../../lib/testing/payloads';

describe('Begin and Commit', () => {
  it('are decoded with positions, time and transaction id', () => {
    const max = 0xffff_ffff_ffff_ffffn;
    const fields = { commitLsn: max, endLsn: max, xid: 0xffff_ffff };
    expect(decodeAll([buildBegin(fields), buildCommit(fields)])).toEqual([
      { kind: 'begin', commitLsn: max, commitTime: COMMIT_TIME, xid: 0xffff_ffff },
      { kind: 'commit', commitLsn: max, endLsn: max, commitTime: COMMIT_TIME },
    ]);
  });

  it('reject a second Begin within a transaction', () => {
    expect(decodeError([buildBegin(), buildBegin()]).message).toMatch(
      /^Begin message: expected the end of the transaction at 0\/100 before it/,
    );
  });

  it('reject a Commit without Begin, also after another Commit', () => {
    const outside = /^Commit message: it came outside a transaction/;
    expect(decodeError([buildCommit()]).message).toMatch(outside);
    expect(decodeError([buildBegin(), buildCommit(), buildCommit()]).message).toMatch(outside);
  });

  it('reject a Commit whose commit LSN differs from that of Begin', () => {
    const error = decodeError([buildBegin({ commitLsn: 0x100n }), buildCommit({ commitLsn: 0x1_0000_0100n })]);
    expect(error.message).toContain(
      'Commit message: expected the LSN 0/100 that the transaction began with, found 1/100',
    );
  });

  it('reject a Commit with flags', () => {
    expect(decodeError([buildBegin(), buildCommit({ flags: 1 })]).message).toContain(
      'flags of 0 at byte 1, found 0x01',
    );
  });
});

describe('Origin', () => {
  it('is decoded with the position on the origin server', () => {
    const message = decodeLast('origin', [buildBegin(), buildOrigin('node_ä', 0x1234n)]);
    expect(message).toEqual({ kind: 'origin', name: 'node_ä', originLsn: 0x1234n });
  });

  it('is rejected outside a transaction', () => {
    expect(decodeError([buildOrigin('node')]).message).toContain('Origin message: it came outside a transaction');
  });
});

describe('a logical message', () => {
  it('has a position in its transaction if it is transactional', () => {
    const payloads = [
      buildBegin({ commitLsn: 0x500n }),
      buildRelation(),
      buildInsert(['1', 'a']),
      buildLogicalMessage({ lsn: 0x400n }),
    ];
    expect(decodeLast('message', payloads)).toEqual({
      kind: 'message',
      transactional: true,
      lsn: 0x400n,
      prefix: 'spec',
      content: Buffer.from('content'),
      commitLsn: 0x500n,
      ordinal: 1,
    });
  });

  it('is independent if it is not transactional', () => {
    const message = decodeLast('message', [buildLogicalMessage({ transactional: false, content: '' })]);
    expect(message).toEqual({
      kind: 'message',
      transactional: false,
      lsn: 0x90n,
      prefix: 'spec',
      content: Buffer.alloc(0),
      commitLsn: undefined,
      ordinal: undefined,
    });
  });

  it('has no ordinal if it is not transactional, even between Begin and Commit', () => {
    const alone = buildLogicalMessage({ transactional: false });
    const messages = decodeAll([buildBegin(), alone, buildLogicalMessage()]);
    expect(messages).toMatchObject([{}, { commitLsn: undefined, ordinal: undefined }, { ordinal: 0 }]);
  });

  it('is rejected outside a transaction if it is transactional', () => {
    expect(decodeError([buildLogicalMessage()]).message).toContain('Message message: it came outside a transaction');
  });
});
