import * as testing from '../../lib/testing';

describe('the exports of the testing kit', () => {
  it('are what a spec needs: other objects are obtained from a server or a table', () => {
    expect(Object.keys(testing).sort()).toEqual([
      'FakeWalSender',
      'UNCHANGED',
      'faults',
      'frames',
      'isAcknowledged',
      'logicalMessage',
      'payloads',
      'rolledBack',
      'table',
      'toMessages',
      'toTransaction',
      'transaction',
    ]);
  });

  it('include builders of messages, and not those of their bytes', () => {
    expect(Object.keys(testing.payloads).sort()).toEqual([
      'UNCHANGED',
      'buildBegin',
      'buildBeginPrepare',
      'buildCommit',
      'buildCommitPrepared',
      'buildDelete',
      'buildInsert',
      'buildLogicalMessage',
      'buildOrigin',
      'buildPayload',
      'buildPrepare',
      'buildRelation',
      'buildRollbackPrepared',
      'buildStreamAbort',
      'buildStreamCommit',
      'buildStreamPrepare',
      'buildStreamStart',
      'buildStreamStop',
      'buildTruncate',
      'buildTuple',
      'buildType',
      'buildUpdate',
      'insertXid',
    ]);
    expect(Object.keys(testing.frames).sort()).toEqual([
      'buildAuthenticationOk',
      'buildCommandComplete',
      'buildCopyBothResponse',
      'buildCopyDone',
      'buildDataRow',
      'buildErrorResponse',
      'buildFrame',
      'buildKeepalive',
      'buildNotice',
      'buildNotification',
      'buildParameterStatus',
      'buildReadyForQuery',
      'buildRowDescription',
      'buildXlogData',
    ]);
  });
});
