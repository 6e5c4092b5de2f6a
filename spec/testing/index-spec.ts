import * as testing from '../../lib/testing';

describe('what the testing kit publishes', () => {
  it('is what a spec needs: whatever else it makes comes from a server or a table', () => {
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

  it('has builders of messages, and not of the bytes that they are made of', () => {
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
