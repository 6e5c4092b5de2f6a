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
      'begin',
      'beginPrepare',
      'commit',
      'commitPrepared',
      'deletion',
      'inBlock',
      'insert',
      'logicalMessage',
      'message',
      'origin',
      'prepare',
      'relation',
      'rollbackPrepared',
      'streamAbort',
      'streamCommit',
      'streamPrepare',
      'streamStart',
      'streamStop',
      'truncate',
      'tuple',
      'type',
      'update',
    ]);
    expect(Object.keys(testing.frames).sort()).toEqual([
      'authenticationOk',
      'commandComplete',
      'copyBothResponse',
      'copyDone',
      'dataRow',
      'errorResponse',
      'frame',
      'keepalive',
      'notice',
      'notification',
      'parameterStatus',
      'readyForQuery',
      'rowDescription',
      'xlogData',
    ]);
  });
});
